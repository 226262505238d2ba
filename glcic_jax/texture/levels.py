"""Lays a scale out for the compiled programs, and carries matches from one scale to the next."""

from typing import NamedTuple

import cv2
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float32, Int

from glcic_jax.texture.flat import AREA, EDGE, RADIUS, Level, State
from glcic_jax.texture.patches import describe
from glcic_jax.texture.scales import Scale, depth

DIMENSIONS = 24
"""Numbers that describe a patch's 147: the first principal components of the sources."""

SAMPLED = 500
"""Sources that the principal components are computed from."""

GUIDE_SIGMA = 2.0
"""Standard deviation of the blur that leaves the guide's low frequencies, in pixels of a scale."""

FADING = 1.3
"""Factor by which a vote counts less for each pixel that its patch lies deeper in the hole."""

DEEPEST = 30
"""Depth in pixels from which on it counts no less."""

LEAST_PIXELS, LEAST_TARGETS = 4096, 1024
"""The shortest lists that programs are compiled for."""


class Weights(NamedTuple):
    """Holds the weights of a match's parts, beside 1 for the mean squared difference of colours.

    Attributes:
      guide: of the squared difference between the low frequencies of guide and source.
      texture: of the squared difference between mean absolute gradients.
    """

    guide: float
    texture: float


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


def lay_out(
    scale: Scale, basis: Float32[np.ndarray, "147 d"], weights: Weights, searched: bool = True
) -> Laid:
    """Lays a scale out: flat, its lists filled up.

    Args:
      scale: the pictures.
      basis: from `components`.
      weights: of a match's parts.
      searched: whether sources are described, so that matches can be searched.
    """
    shape = scale.hole.shape
    count = shape[0] * shape[1]
    pixels = _bucket(count + 1, LEAST_PIXELS)
    # Colours, and descriptions of patches.
    stacked = np.concatenate([scale.image, scale.texture], axis=2)
    picture = _filled(stacked.reshape(count, 5), pixels)
    low = cv2.GaussianBlur(scale.image, (0, 0), GUIDE_SIGMA).reshape(count, 3)
    low = _filled(low * np.float32(np.sqrt(weights.guide)), pixels)
    roughness = np.float32(np.sqrt(weights.texture))
    described = jnp.zeros((1, DIMENSIONS + 5))
    if searched:
        arrays = map(jnp.asarray, (picture, low, np.int32(shape[1]), basis, roughness))
        described = describe(*arrays)
    # Masks and lists.
    source = _filled(sources_of(scale).ravel(), pixels)
    targets = np.flatnonzero(_targets_of(scale)).astype(np.int32)
    position = np.full(pixels, -1, np.int32)
    position[targets] = np.arange(len(targets))
    length = _bucket(max(len(targets), int(scale.hole.sum())), LEAST_TARGETS)
    listed = _filled(targets, length, pixels - 1)
    painted = np.flatnonzero(scale.hole).astype(np.int32)
    trust = FADING ** -np.minimum(depth(scale.hole), DEEPEST).ravel().astype(np.float32)
    level = Level(
        width=jnp.int32(shape[1]),
        targets=jnp.asarray(listed),
        position=jnp.asarray(position),
        painted=jnp.asarray(_filled(painted, length, pixels - 1)),
        source=jnp.asarray(source),
        basis=jnp.asarray(basis),
        described=described,
        guide=jnp.asarray(low[listed]),
        roughness=jnp.asarray(roughness),
        trust=jnp.asarray(_filled(trust, pixels)[listed]),
    )
    return Laid(level, picture, targets, painted, position, source, shape)


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
    """Returns the least power of two that is at least `count` and `least`."""
    return max(1 << max(count - 1, 0).bit_length(), least)


def _filled(array: np.ndarray, length: int, value: float = 0) -> np.ndarray:
    """Fills an array up to a length along its first axis."""
    space = [(0, length - len(array))] + [(0, 0)] * (array.ndim - 1)
    return np.pad(array, space, constant_values=value)
