"""Lays a scale out for the compiled programs, and carries matches from one scale to the next."""

from typing import NamedTuple

import cv2
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float32, Int

from glcic_jax.texture.patches import AREA, EDGE, RADIUS, Level, State, describe_sources
from glcic_jax.texture.scales import Scale, depth

DIMENSIONS = 24
"""Numbers that describe a patch's 147: the first principal components of the sources."""

SAMPLED = 2000
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
      inside: whether they lie in the hole.
      position: as in the level.
      source: as in the level.
      shape: height and width with RADIUS pixels around.
    """

    level: Level
    picture: Float32[np.ndarray, "p 5"]
    targets: Int[np.ndarray, "n"]
    inside: Bool[np.ndarray, "n"]
    position: Int[np.ndarray, "p"]
    source: Bool[np.ndarray, "p"]
    shape: tuple[int, int]


def sources_of(scale: Scale) -> Bool[np.ndarray, "h w"]:
    """Returns the centres of patches in the picture that touch nothing unknown or barred."""
    usable = (~(scale.hole | scale.barred)).astype(np.uint8)
    return cv2.erode(usable, np.ones((EDGE, EDGE), np.uint8), borderValue=0) > 0


def count_targets(scale: Scale) -> int:
    """Returns the number of patches that touch the hole."""
    return int(cv2.dilate(scale.hole.astype(np.uint8), np.ones((EDGE, EDGE), np.uint8)).sum())


def lay_out(scale: Scale, weights: Weights, searched: bool = True) -> Laid:
    """Lays a scale out: flat, framed by mirrored pixels, its lists filled up.

    Args:
      scale: the pictures.
      weights: of a match's parts.
      searched: whether sources are described, so that matches can be searched.
    """
    height, width = scale.hole.shape
    shape = height + 2 * RADIUS, width + 2 * RADIUS
    pixels = _bucket(shape[0] * shape[1] + 1, LEAST_PIXELS)
    # Masks and numbers of pixels.
    inner = np.s_[RADIUS:-RADIUS, RADIUS:-RADIUS]
    numbers = np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape)
    mirrored = np.pad(numbers[inner], RADIUS, mode="reflect")
    hole = np.pad(scale.hole, RADIUS, mode="reflect")
    touched = cv2.dilate(hole.astype(np.uint8), np.ones((EDGE, EDGE), np.uint8)) > 0
    targets = numbers[inner][touched[inner]]
    outside = hole.copy()
    outside[inner] = False
    source = _filled(np.pad(sources_of(scale), RADIUS).ravel(), pixels)
    # Colours, and descriptions of patches.
    image, texture = (np.pad(a, _FRAME, mode="reflect") for a in (scale.image, scale.texture))
    picture = _filled(np.concatenate([image, texture], axis=2).reshape(-1, 5), pixels)
    basis = _basis(picture, np.flatnonzero(source), shape[1])
    low = _filled(cv2.GaussianBlur(image, (0, 0), GUIDE_SIGMA).reshape(-1, 3), pixels)
    low *= np.float32(np.sqrt(weights.guide))
    roughness = np.float32(np.sqrt(weights.texture))
    described = jnp.zeros((1, DIMENSIONS + 5))
    if searched:
        chunks = jnp.int32(-(-numbers.size // LEAST_PIXELS))
        parts = describe_sources(picture, jnp.int32(shape[1]), chunks, basis)
        described = jnp.concatenate([parts, low, picture[:, 3:] * roughness], axis=1)
    # Lists.
    length = _bucket(len(targets), LEAST_TARGETS)
    listed = _filled(targets, length, pixels - 1)
    position = np.full(pixels, -1, np.int32)
    position[targets] = np.arange(len(targets))
    inside = _filled(hole.ravel(), pixels)[listed]
    edge = _bucket(int(outside.sum()), LEAST_TARGETS)
    trust = FADING ** -np.minimum(depth(hole), DEEPEST)
    level = Level(
        width=jnp.int32(shape[1]),
        targets=jnp.asarray(listed),
        position=jnp.asarray(position),
        inside=jnp.asarray(inside),
        beyond=jnp.asarray(_filled(numbers[outside], edge, pixels - 1)),
        mirrored=jnp.asarray(_filled(mirrored[outside], edge, pixels - 1)),
        source=jnp.asarray(source),
        basis=jnp.asarray(basis),
        described=described,
        guide=jnp.asarray(low[listed]),
        roughness=jnp.asarray(roughness),
        trust=jnp.asarray(_filled(trust.ravel().astype(np.float32), pixels)[listed]),
    )
    return Laid(level, picture, targets, inside[: len(targets)], position, source, shape)


def matches_from(coarse: Laid, state: State, fine: Laid) -> Int[np.ndarray, "t"]:
    """Returns matches of a scale from those of the next coarser one.

    A target's is where the coarser match of its pixel leads; that may be no source here.
    """
    columns = fine.shape[1]
    y, x = fine.targets // columns - RADIUS, fine.targets % columns - RADIUS
    nearest = np.asarray(state.nearest)
    place = coarse.position[(y // 2 + RADIUS) * coarse.shape[1] + x // 2 + RADIUS]
    match = nearest[place]
    down = (match // coarse.shape[1] - RADIUS) * 2 + y % 2
    right = (match % coarse.shape[1] - RADIUS) * 2 + x % 2
    inside = (down >= 0) & (down < fine.shape[0] - 2 * RADIUS)
    inside &= (right >= 0) & (right < columns - 2 * RADIUS) & (place >= 0)
    found = (down + RADIUS) * columns + right + RADIUS
    return _filled(np.where(inside, found, 0).astype(np.int32), len(fine.level.targets))


_FRAME = ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0))


def _bucket(count: int, least: int) -> int:
    """Returns the least power of two that is at least `count` and `least`."""
    return max(1 << max(count - 1, 0).bit_length(), least)


def _filled(array: np.ndarray, length: int, value: float = 0) -> np.ndarray:
    """Fills an array up to a length along its first axis."""
    space = [(0, length - len(array))] + [(0, 0)] * (array.ndim - 1)
    return np.pad(array, space, constant_values=value)


def _basis(
    picture: Float32[np.ndarray, "p 5"], sources: Int[np.ndarray, "s"], width: int
) -> Float32[np.ndarray, "147 d"]:
    """Returns patches' principal components, scaled so that distances are means over pixels."""
    sample = sources[:: max(len(sources) // SAMPLED, 1)]
    k = np.arange(AREA)
    offsets = (k // EDGE - RADIUS) * width + k % EDGE - RADIUS
    patches = picture[sample[:, None] + offsets, :3].reshape(len(sample), -1).astype(np.float64)
    patches -= patches.mean(axis=0)
    _, components = np.linalg.eigh(patches.T @ patches)
    return (components[:, ::-1][:, :DIMENSIONS] / np.sqrt(AREA)).astype(np.float32)
