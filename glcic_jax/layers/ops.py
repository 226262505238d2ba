"""Holds array operations that JAX lacks, or does slowly where we need them."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from glcic_jax.types import Image, Mask

NORM_EPSILON = 1e-5
"""The number that batch norm adds to the variance."""


def patch_corner(mask: Mask, size: int) -> Int[Array, "b 2"]:
    """Returns the top left corner (row, column) of the square patch that shows each hole.

    The patch is centred on the hole's bounding box and shifted to lie inside the picture. GLCIC,
    section 3.3: the local discriminator looks at "an image patch centered around the completed
    region". Where the bounding box is larger than the patch, its middle may show nothing of the
    hole. Then the patch lies where it shows most of the hole, as near to the middle as possible.

    Args:
      mask: 1 = hole. Each mask must have at least one pixel of 1, else its patch lies at a corner.
      size: the patch's edge in pixels, at most the picture's.

    Returns:
      int32 pixels from the top and from the left.
    """
    corners, fits = [], True
    for axis, length in ((1, mask.shape[1]), (2, mask.shape[2])):
        inside = jnp.any(mask > 0, axis=tuple({1, 2, 3} - {axis}))
        first = jnp.argmax(inside, axis=1)
        last = length - 1 - jnp.argmax(inside[:, ::-1], axis=1)
        fits &= last - first < size
        corners.append(jnp.clip((first + last + 1) // 2 - size // 2, 0, length - size))
    centred = jnp.stack(corners, axis=1).astype(jnp.int32)
    return lax.cond(
        jnp.all(fits),
        lambda: centred,
        lambda: jnp.where(fits[:, None], centred, _densest_corner(mask, size, centred)),
    )


def _densest_corner(mask: Mask, size: int, near: Int[Array, "b 2"]) -> Int[Array, "b 2"]:
    """Returns the corner of the window with most hole pixels, the nearest to `near` of several."""
    hole = (mask[..., 0] > 0).astype(jnp.int32)
    sums = jnp.pad(jnp.cumsum(jnp.cumsum(hole, axis=1), axis=2), ((0, 0), (1, 0), (1, 0)))
    rows = sums[:, size:] - sums[:, :-size]
    counts = rows[:, :, size:] - rows[:, :, :-size]
    height, width = counts.shape[1:]
    down = jnp.square(jnp.arange(height) - near[:, :1])
    right = jnp.square(jnp.arange(width) - near[:, 1:])
    distance = down[:, :, None] + right[:, None, :]
    most = counts == counts.max(axis=(1, 2), keepdims=True)
    best = jnp.argmin(jnp.where(most, distance, jnp.iinfo(jnp.int32).max).reshape(len(mask), -1), 1)
    return jnp.stack(jnp.divmod(best, width), axis=1).astype(jnp.int32)


def crop_patches(image: Image, corner: Int[Array, "b 2"], size: int) -> Image:
    """Cuts one `size` x `size` patch out of each picture, its top left pixel at `corner`."""

    def cut(picture: Array, start: Array) -> Array:
        return lax.dynamic_slice(picture, (*start, np.int32(0)), (size, size, picture.shape[2]))

    return jax.vmap(cut)(image, corner)


def composite(image: Image, output: Image, mask: Mask) -> Image:
    """Returns (1 - mask) * image + mask * output. Known pixels stay the same bit for bit."""
    return jnp.where(mask > 0, output, image)


def completion_input(
    image: Image,
    mask: Mask,
    mean_pixel: tuple[float, float, float],
    scale: float = 1.0,
    fill: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Float[Array, "b h w 4"]:
    """Returns the input of a completion network: RGB minus the mean with the hole set to 0, mask.

    See GLCIC, section 3.2. What `image` holds inside the hole is never read.

    Args:
      image: RGB in [0, 1].
      mask: 1 = hole; becomes the fourth channel.
      mean_pixel: mean of the training set, RGB in [0, 1].
      scale: multiplies the difference; not 1 for some networks that were trained elsewhere.
      fill: value of the first three channels in the hole; not 0 for some of the same networks.
    """
    centred = (image - jnp.asarray(mean_pixel, image.dtype)) * scale
    filled = jnp.where(mask > 0, jnp.asarray(fill, image.dtype), centred)
    return jnp.concatenate([filled, mask], axis=-1)


def as_float(array: Array) -> Array:
    """Turns uint8 pictures (three channels) into floats in [0, 1], and uint8 masks into 0 and 1.

    They become float32, or float64 where JAX works in double precision. All other arrays are
    returned as they are.
    """
    if array.dtype != jnp.uint8:
        return array
    scale = 255.0 if array.shape[-1] == 3 else 1.0
    return array.astype(float) / scale


def pad_to_multiple(x: Float[Array, "b h w c"], multiple: int) -> Float[Array, "b H W c"]:
    """Mirrors rows at the bottom and columns at the right until both counts are multiples.

    It takes pixels by their indices, so that h and w may be left open in an exported program.
    """
    for axis in (1, 2):
        size = x.shape[axis]
        if size % multiple == 0:
            continue
        period = jnp.maximum(2 * size - 2, 1)  # mirrored again where there are few pixels
        place = jnp.arange((size + multiple - 1) // multiple * multiple) % period
        x = jnp.take(x, jnp.where(place < size, place, period - place), axis=axis)
    return x


def alike(*arrays: Array) -> tuple[Array, ...]:
    """Marks all arrays as differing between the devices on which any of them does.

    JAX then sums the gradient of a replicated parameter over the devices of a shard_map. Without
    the mark a gradient written by hand would have to do that.
    """
    own = [jax.typeof(array).manual_axis_type.varying for array in arrays]
    axes = frozenset[str]().union(*own)
    return tuple(
        lax.pcast(array, tuple(axes - varying), to="varying")
        for array, varying in zip(arrays, own, strict=True)
    )
