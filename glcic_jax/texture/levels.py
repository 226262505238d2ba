"""Lays a scale out for the compiled programs, and carries matches from one scale to the next."""

from typing import NamedTuple

import cv2
import jax
import numpy as np
from jaxtyping import Bool, Float32, Int

from glcic_jax.runtime.programs import program
from glcic_jax.texture.flat import AREA, DIMENSIONS, EDGE, RADIUS, Level, State
from glcic_jax.texture.patches import describe
from glcic_jax.texture.scales import Scale, depth

SAMPLED = 500
"""Sources that the principal components are computed from."""

GUIDE_SIGMA = 2.0
"""Standard deviation of the blur that leaves the guide's low frequencies, in pixels of a scale."""

FADING = 1.3
"""Factor by which a vote counts less for each pixel that its patch lies deeper in the hole."""

DEEPEST = 30
"""Depth in pixels from which on it counts no less."""

LEAST_PIXELS, LEAST_TARGETS = 1 << 14, 1 << 11
"""The shortest lists that programs are compiled for."""

CHUNK = 1024
"""Targets or pixels that CPUs work on at a time, so that what is computed stays in the cache."""

MANY = 1 << 13
"""The same on accelerators."""


class Weights(NamedTuple):
    """Holds the weights of a match's parts, beside 1 for the mean squared difference of colours.

    Attributes:
      guide: of the squared difference between the low frequencies of guide and source.
      texture: of the squared difference between mean absolute gradients.
    """

    guide: float
    texture: float


class Lengths(NamedTuple):
    """Holds the lengths of the compiled programs' arrays, the same at all scales of a window.

    Attributes:
      pixels: of lists of pixels.
      described: of the list of descriptions, which scales that are not searched do not need.
      targets: of lists of targets and of the hole's pixels.
    """

    pixels: int
    described: int
    targets: int


class Laid(NamedTuple):
    """Holds a level, and where its pixels lie.

    Attributes:
      level: the arrays of the compiled programs.
      picture: what they begin with, float32 [p, 5].
      targets: as in the level, without what fills the list up.
      painted: as in the level, likewise.
      position: as in the level.
      source: as in the level.
      shape: height and width.
    """

    level: Level
    picture: Float32[np.ndarray, "p 5"]
    targets: Int[np.ndarray, "n"]
    painted: Int[np.ndarray, "n"]
    position: Int[np.ndarray, "p"]
    source: Bool[np.ndarray, "p"]
    shape: tuple[int, int]


def sources_of(scale: Scale) -> Bool[np.ndarray, "h w"]:
    """Returns the centres of patches in the picture that touch nothing unknown or barred."""
    usable = (~(scale.hole | scale.barred)).astype(np.uint8)
    return cv2.erode(usable, np.ones((EDGE, EDGE), np.uint8), borderValue=0) > 0


def count_targets(scale: Scale) -> int:
    """Returns the number of patches in the picture that touch the hole."""
    return int(np.count_nonzero(_targets_of(scale)))


def components(scales: list[Scale]) -> Float32[np.ndarray, "147 d"]:
    """Returns the principal components of all scales' sources.

    They are scaled so that distances of descriptions are those of colours, averaged over a patch.
    """
    covariance = np.zeros((3 * AREA, 3 * AREA))
    for scale in scales:
        y, x = np.nonzero(sources_of(scale))
        few = slice(None, None, max(len(y) // SAMPLED, 1))
        near = np.arange(EDGE) - RADIUS
        rows, columns = y[few, None, None] + near[:, None], x[few, None, None] + near
        patches = scale.image[rows, columns].reshape(len(rows), -1).astype(np.float64)
        patches -= patches.mean(axis=0)
        covariance += patches.T @ patches / len(rows)
    _, vectors = np.linalg.eigh(covariance)
    return (vectors[:, ::-1][:, :DIMENSIONS] / np.sqrt(AREA)).astype(np.float32)


def lengths_for(pyramid: list[Scale], searched: list[bool]) -> Lengths:
    """Returns what holds every scale: powers of four, so that few programs serve all windows.

    Args:
      pyramid: the scales.
      searched: which of them are; at least one.
    """
    chunk = chunk_size()
    pixels = [_bucket(scale.hole.size + chunk, LEAST_PIXELS) for scale in pyramid]
    targets = [max(count_targets(scale), int(np.count_nonzero(scale.hole))) for scale in pyramid]
    least = max(max(pixels) // 8, LEAST_TARGETS, chunk)  # enough for most holes
    described = max(n for n, one in zip(pixels, searched, strict=True) if one)
    return Lengths(max(pixels), described, _bucket(max(targets), least))


def chunk_size() -> int:
    """Returns how many elements of a list the programs work on at a time, on this device."""
    return CHUNK if jax.default_backend() == "cpu" else MANY


def lay_out(
    scale: Scale,
    basis: Float32[np.ndarray, "147 d"],
    weights: Weights,
    lengths: Lengths,
    searched: bool = True,
) -> Laid:
    """Lays a scale out: flat, its lists filled up.

    Args:
      scale: the pictures.
      basis: from `components`.
      weights: of a match's parts.
      lengths: of the arrays.
      searched: whether sources are described, so that matches can be searched.
    """
    shape = scale.hole.shape
    count, pixels = shape[0] * shape[1], lengths.pixels
    # Colours, and descriptions of patches.
    stacked = np.concatenate([scale.image, scale.texture], axis=2)
    picture = _filled(stacked.reshape(count, 5), pixels)
    low = cv2.GaussianBlur(scale.image, (0, 0), GUIDE_SIGMA).reshape(count, 3)
    low = _filled(low * np.float32(np.sqrt(weights.guide)), pixels)
    width, roughness = np.int32(shape[1]), np.float32(np.sqrt(weights.texture))
    given = picture, low, width, np.int32(count if searched else 0), basis, roughness
    sizes = {"length": lengths.described, "chunk": chunk_size()}
    described = program(describe, given, 0, "texture: describe", **sizes)(*given)
    # Masks and lists.
    source = _filled(sources_of(scale).ravel(), pixels)
    targets = np.flatnonzero(_targets_of(scale)).astype(np.int32)
    position = np.full(pixels, -1, np.int32)
    position[targets] = np.arange(len(targets))
    listed = _filled(targets, lengths.targets, pixels - 1)
    painted = np.flatnonzero(scale.hole).astype(np.int32)
    trust = FADING ** -np.minimum(depth(scale.hole), DEEPEST).ravel().astype(np.float32)
    level = {
        "width": width,
        "counts": np.array([len(targets), len(painted)], np.int32),
        "targets": listed,
        "position": position,
        "painted": _filled(painted, lengths.targets, pixels - 1),
        "source": source,
        "basis": basis,
        "described": described,
        "guide": low[listed],
        "roughness": roughness,
        "trust": _filled(trust, pixels)[listed],
    }
    # By device_put, since jnp.asarray would compile a program for each shape.
    placed = Level(**jax.device_put(level))
    return Laid(placed, picture, targets, painted, position, source, shape)


def matches_from(coarse: Laid, state: State, fine: Laid) -> Int[np.ndarray, "t"]:
    """Returns matches of a scale from those of the next coarser one.

    A target's is where the coarser match of its pixel leads; that may be no source here.
    """
    height, width = fine.shape
    y, x = np.divmod(fine.targets, width)
    place = coarse.position[(y // 2) * coarse.shape[1] + x // 2]
    down, right = np.divmod(np.asarray(state.nearest)[place], coarse.shape[1])
    down, right = 2 * down + y % 2, 2 * right + x % 2
    inside = (place >= 0) & (down < height) & (right < width)
    found = np.where(inside, down * width + right, 0).astype(np.int32)
    return _filled(found, len(fine.level.targets))


def _targets_of(scale: Scale) -> Bool[np.ndarray, "h w"]:
    """Returns the centres of patches in the picture that touch the hole."""
    square = np.ones((EDGE, EDGE), np.uint8)
    touched = cv2.dilate(scale.hole.astype(np.uint8), square) > 0
    return touched & (
        cv2.erode(np.ones_like(square, shape=touched.shape), square, borderValue=0) > 0
    )


def _bucket(count: int, least: int) -> int:
    """Returns `least` times the power of four with which it is at least `count`."""
    while least < count:
        least *= 4
    return least


def _filled(array: np.ndarray, length: int, value: float = 0) -> np.ndarray:
    """Fills an array up to a length along its first axis."""
    space = [(0, length - len(array))] + [(0, 0)] * (array.ndim - 1)
    return np.pad(array, space, constant_values=value)
