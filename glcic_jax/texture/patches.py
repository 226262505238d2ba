"""Searches, averages and chooses patches: the compiled part of the synthesis."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from glcic_jax.texture.flat import AREA, EDGE, RADIUS, Level, State, offset_of, take

JUMPS = (8, 4, 2, 1)
"""Distances, in pixels, over which matches spread: jump flooding (Rong and Tan 2006)."""

FARTHER = 0.02
"""Part by which a patch's cost counts more for each square pixel between its centre and a pixel."""

_RIM = 1e6
"""Cost of copying a pixel of a patch's rim, above that of every match."""

_CHUNK = 4096
"""Pixels that are described at a time, so that what is computed stays in the cache."""

_ROWS = 256
"""Patches that are compared with all others at a time."""

_STEPS = np.array(
    [(s * y, s * x) for s in JUMPS for y, x in ((1, 0), (-1, 0), (0, 1), (0, -1))], np.int32
)


@jax.jit
def describe(
    picture: Float[Array, "p 5"],
    low: Float[Array, "p 3"],
    width: Int[Array, ""],
    basis: Float[Array, "147 d"],
    roughness: Float[Array, ""],
) -> Float[Array, "p d+5"]:
    """Describes the patches around all pixels, as `Level.described`."""
    pixels = len(picture)
    padded = jnp.pad(picture[:, :3], ((pixels // 2, pixels // 2), (0, 0)))
    by_row = basis.reshape(EDGE, EDGE * 3, -1)

    def chunk(i: Array) -> Array:
        def add(row: Array, sums: Array) -> Array:
            start = i * _CHUNK + pixels // 2 + (row - RADIUS) * width - RADIUS
            line = lax.dynamic_slice(padded, (start, 0), (_CHUNK + EDGE - 1, 3))
            patches = [line[column : column + _CHUNK] for column in range(EDGE)]
            return sums + jnp.concatenate(patches, axis=1) @ by_row[row]

        return lax.fori_loop(0, EDGE, add, jnp.zeros((_CHUNK, basis.shape[1])))

    described = lax.map(chunk, jnp.arange(pixels // _CHUNK)).reshape(pixels, -1)
    return jnp.concatenate([described, low, picture[:, 3:] * roughness], axis=1)


@partial(jax.jit, static_argnames="exhaustive", donate_argnames="state")
def step(
    level: Level,
    state: State,
    key: PRNGKeyArray,
    number: Int[Array, ""],
    passes: Int[Array, ""],
    radii: Int[Array, "r"],
    exhaustive: bool,
) -> State:
    """Takes one step of expectation-maximisation: matches every target, then paints the hole.

    Args:
      level: the scale's constants.
      state: the picture so far, and matches to start from.
      key: source of the random candidates.
      number: of the step; steps of one number try the same ones.
      passes: rounds of spreading and random search; 0 = the matches stay, and all count the same.
      radii: pixels, how far random candidates lie from a match at most, one candidate each.
      exhaustive: whether each target is compared with every source instead.
    """
    wanted = _describe_targets(level, state.picture)
    if exhaustive:
        nearest = _compare_all(level, wanted)
        cost = _cost(level, wanted, nearest)
    else:
        key = jax.random.fold_in(key, number)
        nearest, cost = _search(level, wanted, state.nearest, key, passes, radii)
        cost = jnp.where((passes == 0) & jnp.isfinite(cost), 1, cost)
    return _painted(level, State(state.picture, nearest, cost))


@jax.jit
def best_copies(level: Level, state: State) -> Int[Array, "n"]:
    """Chooses for each pixel of the hole the pixel to copy: from the match that costs least.

    It takes those of patches that cover it by their inner 5 x 5 pixels, so that the copied pixel's
    neighbours are known as well. Only at the picture's edge there is none; there it takes others.

    Returns:
      The copied pixel for each of `Level.painted`.
    """

    def one(k: Array, best: tuple[Array, Array]) -> tuple[Array, Array]:
        cost, at = best
        down, right = k // EDGE - RADIUS, k % EDGE - RADIUS
        offset = down * level.width + right
        place = take(level.position, level.painted + offset)
        other = jnp.where(place >= 0, take(state.cost, place), jnp.inf)
        other *= 1 + FARTHER * (down * down + right * right)
        for side in (down, right):
            other += jnp.where(jnp.abs(side) == RADIUS, _RIM, 0)
        better = other < cost
        copied = take(state.nearest, place) - offset
        return jnp.where(better, other, cost), jnp.where(better, copied, at)

    none = jnp.full(level.painted.shape, jnp.inf), jnp.zeros(level.painted.shape, jnp.int32)
    return lax.fori_loop(0, AREA, one, none)[1]


def _describe_targets(level: Level, picture: Array) -> Float[Array, "t d+5"]:
    at = level.targets[:, None] + offset_of(jnp.arange(AREA), level.width)
    patches = take(picture[:, :3], at).reshape(len(level.targets), -1)
    texture = take(picture[:, 3:], level.targets) * level.roughness
    return jnp.concatenate([patches @ level.basis, level.guide, texture], axis=1)


def _cost(level: Level, wanted: Array, candidate: Array) -> Float[Array, "t"]:
    difference = take(level.described, candidate) - wanted
    squared = jnp.sum(difference * difference, axis=1)
    return jnp.where(take(level.source, candidate), squared, jnp.inf)


def _compare_all(level: Level, wanted: Array) -> Int[Array, "t"]:
    """Finds the nearest source of every target by a matrix product."""
    own = jnp.where(level.source, jnp.sum(level.described**2, axis=1), jnp.inf)

    def nearest(rows: Array) -> Array:
        return jnp.argmin(own - 2 * (rows @ level.described.T), axis=1).astype(jnp.int32)

    return lax.map(nearest, wanted.reshape(-1, _ROWS, wanted.shape[1])).reshape(-1)


def _search(
    level: Level, wanted: Array, nearest: Array, key: PRNGKeyArray, passes: Array, radii: Array
) -> tuple[Array, Array]:
    """Searches by PatchMatch (Barnes et al. 2009), all targets at once."""

    def consider(candidate: Array, found: tuple[Array, Array]) -> tuple[Array, Array]:
        candidate = jnp.clip(candidate, 0, len(level.source) - 1)
        cost = _cost(level, wanted, candidate)
        better = cost < found[1]
        return jnp.where(better, candidate, found[0]), jnp.where(better, cost, found[1])

    def spread(found: tuple[Array, Array], jump: Array) -> tuple[tuple[Array, Array], None]:
        offset = jump[0] * level.width + jump[1]
        place = take(level.position, level.targets + offset)
        candidate = jnp.where(place >= 0, take(found[0], place) - offset, found[0])
        return consider(candidate, found), None

    def jump_about(found: tuple[Array, Array], at: tuple) -> tuple[tuple[Array, Array], None]:
        down, right = jax.random.randint(at[0], (2, len(nearest)), -at[1], at[1] + 1)
        return consider(found[0] + down * level.width + right, found), None

    def one(i: Array, found: tuple[Array, Array]) -> tuple[Array, Array]:
        found, _ = lax.scan(spread, found, jnp.asarray(_STEPS))
        keys = jax.random.split(jax.random.fold_in(key, i), len(radii))
        return lax.scan(jump_about, found, (keys, radii))[0]

    return lax.fori_loop(0, passes, one, (nearest, _cost(level, wanted, nearest)))


def _painted(level: Level, state: State) -> State:
    """Paints every pixel of the hole as the mean of what all patches that cover it vote for.

    A vote's weight falls with its patch's distance, exp(-d / 2 s), s the mean distance (Wexler,
    Shechtman, Irani 2007, eq. (4)), and with its depth in the hole.
    """
    matched = jnp.isfinite(state.cost)
    mean = jnp.sum(jnp.where(matched, state.cost, 0)) / jnp.maximum(matched.sum(), 1) + 1e-8
    weight = jnp.where(matched, jnp.exp(-state.cost / (2 * mean)) * level.trust + 1e-12, 0)

    def one(k: Array, sums: tuple[Array, Array]) -> tuple[Array, Array]:
        offset = offset_of(k, level.width)
        place = take(level.position, level.painted + offset)
        vote = jnp.where(place >= 0, take(weight, place), 0)
        colour = take(state.picture, take(state.nearest, place) - offset)
        return sums[0] + vote[:, None] * colour, sums[1] + vote

    count = len(level.painted)
    start = jnp.zeros((count, state.picture.shape[1])), jnp.zeros(count)
    colours, weights = lax.fori_loop(0, AREA, one, start)
    colours /= jnp.maximum(weights, 1e-30)[:, None]
    at = jnp.where(weights > 0, level.painted, len(state.picture))
    picture = state.picture.at[at].set(colours, mode="drop")
    return state._replace(picture=picture)
