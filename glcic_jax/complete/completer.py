"""Completes pictures of any size with a trained method."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Bool, PRNGKeyArray, Shaped, UInt8

from glcic_jax.complete.any_size import AnySize, painted
from glcic_jax.complete.far_seeing import Large
from glcic_jax.complete.fixed_size import fill_squares, fill_whole
from glcic_jax.complete.large_pictures import fill_windows
from glcic_jax.complete.thick_holes import Hole, guides_for
from glcic_jax.layers.ops import as_float
from glcic_jax.masks.by_hand import check_mask_fits
from glcic_jax.methods.procedural.poisson import blend, way_to_blend
from glcic_jax.runtime.compiled import least_memory
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.stages import stage
from glcic_jax.texture.fill import fill as fill_with_texture
from glcic_jax.types import (
    Image,
    Mask,
    Method,
    PixelImage,
    TrainState,
)

CompleteFn = Callable[[Image, Mask], Image]

LARGE = 512 * 512
"""Pixels of a picture. Of larger ones the network is shown only what the holes depend on."""


def make_complete_fn(
    method: Method, state: TrainState, key: PRNGKeyArray | None = None
) -> CompleteFn:
    """Jits `method.complete` for one trained state.

    Args:
      method: the method that `state` was trained with.
      state: the trained networks; only those named in `method.networks` are read.
      key: source of the random numbers that some methods need; key 0 by default.

    Returns:
      (image, mask) -> completed, on float32 (or uint8) arrays [b, h, w, 3] in [0, 1] and
      [b, h, w, 1] with 1 = hole; float32 out. Any h and w, any number and shape of holes; compiled
      once per shape. Known pixels are returned bit for bit. `jax.jit` and `jax.grad` take it.
    """

    def complete(state: TrainState, image: Image, mask: Mask) -> Image:
        own = jax.random.key(0) if key is None else key
        return method.complete(state, as_float(image), as_float(mask), own)

    state = completing_state(method, state)
    alone, within = jax.jit(complete, compiler_options=least_memory()), jax.jit(complete)

    def run(image: Image, mask: Mask) -> Image:
        # JAX refuses such options within the user's own program, where also new arrays are traced.
        traced = any(isinstance(array, Tracer) for array in (image, mask, jnp.zeros(())))
        return (within if traced else alone)(state, image, mask)

    return run


def completing_state(method: Method, state: TrainState) -> TrainState:
    """Returns a state with the networks that complete alone, without optimizers."""
    needed = {name: state.networks[name].replace(opt_state=None) for name in method.networks}
    return TrainState(state.step, needed)


@dataclass(frozen=True)
class Completer:
    """Fills holes in pictures.

    Large pictures take the time and memory of their holes: the network sees these with as much
    around them as it depends on, and answers as if it had seen everything.

    Attributes:
      complete: the jitted function on float arrays, whole pictures; see make_complete_fn.
      mean_pixel: mean colour, RGB in [0, 1], of the pictures that the networks were trained on.
      step: updates that the networks have had.
      reach: pixels around a pixel that its completion depends on; None = the whole picture.
      alignment: as in Method.
      size: edge in pixels of the only squares that `complete` takes; None = it takes any picture.
        Others are filled from squares around their holes, scaled to that size.
      middle: as in Method.
      whole: as in Method.
      any_size: completes pictures of many sizes without compiling for each, where there is such a
        program.
      blends: whether results are blended into their surroundings by default, and how: as
        `postprocess` of `__call__`.
      texture: whether texture is copied by default, as `texture` of `__call__`.
      large: how pictures longer than it names are given to a network that looks at all of them;
        None = as they are.
    """

    complete: CompleteFn
    mean_pixel: tuple[float, float, float]
    step: int
    reach: int | None = None
    alignment: int = 32
    size: int | None = None
    middle: int | None = None
    whole: bool = False
    blends: bool | str = False
    any_size: AnySize | None = field(default=None, repr=False)  # holds the weights
    texture: bool = False
    large: Large | None = None

    def __call__(
        self,
        image: PixelImage,
        mask: Shaped[np.ndarray, "h w"],
        postprocess: bool | str | None = None,
        *,
        texture: bool | None = None,
        avoid: Shaped[np.ndarray, "h w"] | None = None,
        seed: int = 0,
    ) -> PixelImage:
        """Fills the holes of one picture.

        Args:
          image: uint8 RGB [h, w, 3]. What it holds inside the holes is never read.
          mask: bool, or numbers of which those other than 0 are holes, [h, w].
          postprocess: how to blend the result into its surroundings (GLCIC, section 3.5): "smooth",
            from the known pixels next to the hole, or "paper", from a fast marching fill, as the
            paper does. True = "smooth", False = not at all, None = by default, `blends`.
          texture: whether texture of the known part is copied into the holes, guided by the
            network's result (`glcic_jax.texture.fill.fill`), which is that of a smaller copy where
            a hole is too thick for the network; None = by default, `texture`.
          avoid: bool or numbers [h, w]; what is not 0 is not copied.
          seed: another seed copies other texture.

        Returns:
          uint8 [h, w, 3]; pixels outside the mask are the input's, bit for bit. With an empty mask,
          a copy of `image`.

        Raises:
          UserError: wrong dtype or shape, sizes that differ, a mask that covers everything, no
            such post-processing or seed, `avoid` without texture, or nothing left to copy by it.
        """
        avoids = None if avoid is None else [avoid]
        return self.batch([image], [mask], postprocess, texture=texture, avoids=avoids, seed=seed)[
            0
        ]

    def batch(
        self,
        images: Sequence[PixelImage],
        masks: Sequence[Shaped[np.ndarray, "h w"]],
        postprocess: bool | str | None = None,
        *,
        texture: bool | None = None,
        avoids: Sequence[Shaped[np.ndarray, "h w"]] | None = None,
        seed: int = 0,
    ) -> list[PixelImage]:
        """Fills the holes of several pictures of one size at once.

        Args:
          images: uint8 RGB [h, w, 3] each; a list, or an array [n, h, w, 3].
          masks: one for each picture, [h, w]; bool, or numbers of which those other than 0 are
            holes.
          postprocess: as in `__call__`.
          texture: as in `__call__`.
          avoids: one `avoid` of `__call__` for each picture.
          seed: as in `__call__`.

        Returns:
          The completed pictures in the same order, as `__call__` returns them.

        Raises:
          UserError: as `__call__`; also pictures of several sizes, or fewer masks than pictures.
        """
        if len(images) != len(masks):
            raise UserError(f"{len(images)} pictures and {len(masks)} masks: give one mask each")
        if len({np.shape(image) for image in images}) > 1:
            raise UserError("the pictures of a batch must be of one size: complete them one by one")
        copied = self.texture if texture is None else texture
        if avoids is not None and not copied:
            raise UserError("avoid is for texture, which is off here: give texture=True too")
        if avoids is not None and len(avoids) != len(images):
            raise UserError(f"{len(images)} pictures and {len(avoids)} of avoids: give one each")
        way = way_to_blend(self.blends if postprocess is None else postprocess)
        holes = [check_mask_fits(image, mask) for image, mask in zip(images, masks, strict=True)]
        if not any(hole.any() for hole in holes):
            return [image.copy() for image in images]
        if not copied:
            return self._completed(images, holes, way)
        guides = guides_for(images, holes, lambda some, theirs: self._completed(some, theirs, way))
        barred = [None] * len(images) if avoids is None else avoids
        return [
            fill_with_texture(*each, seed=seed)
            for each in zip(images, holes, guides, barred, strict=True)
        ]

    def _completed(
        self, images: Sequence[PixelImage], holes: Sequence[Hole], way: str | None
    ) -> list[PixelImage]:
        """Completes pictures of one size by the network, and blends if there is a `way` to."""
        if self.size is not None and not self.takes(*holes[0].shape):
            fill = fill_whole if self.whole else fill_squares
            completed = [
                fill(image, hole, self.size, self._fill_one, self.middle)
                for image, hole in zip(images, holes, strict=True)
            ]
        elif self.large is not None and not self.takes(*holes[0].shape):
            completed = [
                self.large.fill(image, hole, self._fill_one)
                for image, hole in zip(images, holes, strict=True)
            ]
        elif self.reach is None or holes[0].size <= LARGE:
            completed = (
                [self._fill_one(images[0], holes[0])]
                if len(images) == 1
                else list(self._fill(np.stack(images), np.stack(holes)))
            )
        else:
            completed = [
                fill_windows(image, hole, self.reach, self.alignment, self._fill_one)
                for image, hole in zip(images, holes, strict=True)
            ]
        if way is None:
            return completed
        stage("blending")
        return [
            blend(image, filled, hole, way=way)
            for image, filled, hole in zip(images, completed, holes, strict=True)
        ]

    def takes(self, height: int, width: int) -> bool:
        """Returns whether `complete` is given pictures of this size, with holes anywhere."""
        if self.size is None:
            return self.large is None or max(height, width) <= self.large.largest
        return self.middle is None and (height, width) == (self.size, self.size)

    def _fill(
        self, images: UInt8[np.ndarray, "b h w 3"], holes: Bool[np.ndarray, "b h w"]
    ) -> UInt8[np.ndarray, "b h w 3"]:
        stacked = holes[..., None]
        output = self.complete(jnp.asarray(images), jnp.asarray(stacked, jnp.uint8))
        return painted(images, np.asarray(output), stacked)

    def _fill_one(self, image: PixelImage, hole: Bool[np.ndarray, "h w"]) -> PixelImage:
        if self.any_size is not None and self.any_size.takes(*hole.shape):
            return self.any_size(image, hole)
        return self._fill(image[None], hole[None])[0]
