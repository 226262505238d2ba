"""Fills holes with texture: the one function of this wing that others call."""

import logging
import time
from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Shaped

from glcic_jax.methods.procedural.poisson import blend
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.stages import stage
from glcic_jax.texture.assemble import assemble
from glcic_jax.texture.mixing import mix
from glcic_jax.texture.seeds import check_seed
from glcic_jax.texture.synthesis import GUIDED, UNGUIDED, Report, synthesise
from glcic_jax.texture.windows import windows
from glcic_jax.types import PixelImage

GUIDE_SHARE = 0.5
"""Part of the guide in the colours that the result is drawn to; the rest is the patches' mean."""

QUIET = 5.0
"""Seconds between two lines of the log that report how far a large hole is."""

_log = logging.getLogger(__name__)


def fill(
    image: Shaped[np.ndarray, "h w c"],
    mask: Shaped[np.ndarray, "h w"],
    guide: PixelImage | None = None,
    avoid: Shaped[np.ndarray, "h w"] | None = None,
    *,
    seed: int = 0,
) -> Shaped[np.ndarray, "h w c"]:
    """Fills holes by copies of the picture's known part, as sharp as what surrounds them.

    Patches are matched from coarse to fine, by expectation-maximisation (Wexler, Shechtman, Irani
    2007) with PatchMatch as the search (Barnes et al. 2009), in colour, in the low frequencies of
    the guide and in texture (Newson et al. 2014). docs/texture.md has the equations. It takes the
    time and memory of the holes, not of the picture.

    Example:
      completed = fill(image, mask, glcic_jax.load()(image, mask, texture=False), seed=1)

    Args:
      image: uint8 or uint16, RGB or grey, [h, w, 3] or [h, w, 1]. What it holds inside the holes is
        never read.
      mask: [h, w], not 0 = hole.
      guide: another completion of the same picture, uint8 RGB [h, w, 3], right in the large and
        perhaps blurred; it is read in the holes alone. None = PatchMatch by itself.
      avoid: [h, w], not 0 = must not be copied.
      seed: 0 to MOST_SEED of texture/seeds.py; others give other results, the same the same bytes.

    Returns:
      Of image's shape and dtype; known pixels are the image's, bit for bit. Where no whole patch of
      7 x 7 pixels is known, holes show the guide, or, without one, a membrane between their rims.

    Raises:
      UserError: sizes or dtypes that do not fit, a mask that covers everything, such a seed, or
        nothing left to copy by `avoid`.
    """
    hole = mask != 0
    _check(image, mask, guide, avoid, seed)
    if not hole.any():
        return image.copy()
    barred = np.zeros_like(hole) if avoid is None else avoid != 0
    shown = _shown(image, hole, guide)
    result, parts = image.copy(), windows(hole)
    report = _reporter(len(parts))
    for i, part in enumerate(parts):
        others = barred[part.box] | (hole[part.box] & ~part.hole)
        colours = shown(part.box)
        painted = _painted(
            colours, part.hole, others, (seed, i), guide is not None, lambda d, i=i: report(i + d)
        )
        if painted is None and barred[part.box].any():
            raise UserError("what must not be copied leaves nothing to copy near a hole")
        new = (colours if painted is None else painted)[part.hole]
        levels = np.rint(np.clip(new, 0, 1) * np.iinfo(image.dtype).max)
        result[part.box][part.hole] = levels.astype(image.dtype)
    return result


def _painted(
    colours: Float32[np.ndarray, "h w c"],
    hole: Bool[np.ndarray, "h w"],
    barred: Bool[np.ndarray, "h w"],
    seeds: tuple[int, int],
    guided: bool,
    report: Report,
) -> Float32[np.ndarray, "h w c"] | None:
    """Fills one window, which has the guide in its holes; None where there is nothing to copy."""
    rgb = np.ascontiguousarray(np.broadcast_to(colours, (*hole.shape, 3)))
    found = synthesise(rgb, hole, barred, seeds, GUIDED if guided else UNGUIDED, report)
    if found is None:
        return None
    mean = found.mean[..., : colours.shape[2]]
    share = GUIDE_SHARE if guided else 0
    painted = assemble(colours, hole, found.copies, (1 - share) * mean + share * colours)
    return mix(colours, painted, hole) if guided else painted


def _check(
    image: np.ndarray,
    mask: np.ndarray,
    guide: np.ndarray | None,
    avoid: np.ndarray | None,
    seed: int,
) -> None:
    """Refuses what does not fit together."""
    if image.ndim != 3 or image.shape[2] not in (1, 3) or image.dtype not in (np.uint8, np.uint16):
        raise UserError(
            f"a picture of {image.dtype} and shape {image.shape}: give uint8 or uint16, [h, w, 3] "
            "or [h, w, 1]"
        )
    size = image.shape[:2]
    for name, array in (("the mask", mask), ("the mask of what to avoid", avoid)):
        if array is not None and array.shape != size:
            raise UserError(
                f"{name} has the shape {array.shape}, the picture {size}: make them equal"
            )
    if guide is not None and (guide.shape != (*size, 3) or guide.dtype != np.uint8):
        raise UserError(
            f"a guide of {guide.dtype} and shape {guide.shape}: give uint8 {(*size, 3)}"
        )
    if mask.all():
        raise UserError("the mask covers the whole picture: there is nothing to copy")
    check_seed(seed)


def _shown(
    image: np.ndarray, hole: Bool[np.ndarray, "h w"], guide: PixelImage | None
) -> Callable[[tuple[slice, slice]], Float32[np.ndarray, "h w c"]]:
    """Returns a function of boxes: the picture in [0, 1], with the guide in its holes.

    Without a guide a membrane is stretched over them.
    """
    most = np.float32(np.iinfo(image.dtype).max)
    if guide is None:
        small = (image / np.float32(most / 255)).astype(np.uint8) if most > 255 else image
        rgb = np.ascontiguousarray(np.broadcast_to(small, (*hole.shape, 3)))
        guide = blend(rgb, np.zeros_like(rgb), hole)
    filled = guide

    def of(box: tuple[slice, slice]) -> Float32[np.ndarray, "h w c"]:
        colours = filled[box].astype(np.float32) / 255
        if image.shape[2] == 1:
            colours = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)[..., None]
        return np.where(hole[box][..., None], colours, image[box] / most).astype(np.float32)

    return of


def _reporter(total: int) -> Callable[[float], None]:
    """Returns a function that reports how much is done, of `total`, and logs it now and then."""
    last = time.monotonic()
    stage("texture", 0, 100)

    def report(done: float) -> None:
        nonlocal last
        stage("texture", 100 * done / total, 100)
        if time.monotonic() - last > QUIET:
            last = time.monotonic()
            _log.info("texture: %d %% done", 100 * done / total)

    return report
