"""Describes, matches, averages and chooses patches: the compiled programs of the synthesis."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, UInt32

from glcic_jax.texture.flat import (
    EDGE,
    PATCH,
    RADIUS,
    STEP,
    WORDS,
    Level,
    State,
    by_chunks,
    offsets,
    packed,
    part,
    replaced,
    take,
)
from glcic_jax.texture.search import FAR, compare_all, considered, search

FARTHER = 0.02
"""Part by which a patch's cost counts more for each square pixel between its centre and a pixel."""

_RIM = 1e6
"""Cost of copying a pixel of a patch's rim, above that of every match."""

_FARTHER = (1 + FARTHER * np.sum(PATCH**2, axis=1)).astype(np.float32)
_RIMS = (_RIM * np.sum(np.abs(PATCH) == RADIUS, axis=1)).astype(np.float32)


@partial(jax.jit, static_argnames=("length", "chunk"))
def describe(
    picture: Float[Array, "p 5"],
    low: Float[Array, "p 3"],
    width: Int[Array, ""],
    count: Int[Array, ""],
    basis: Float[Array, "147 d"],
    roughness: Float[Array, ""],
    length: int,
    chunk: int,
) -> UInt32[Array, "q w"]:
    """Describes the patches around the first `count` pixels, as `Level.described`.

    Args:
      picture: as in State.
      low: its low frequencies, times the root of the guide's weight.
      width: as in Level.
      count: pixels of the picture.
      basis: as in Level.
      roughness: as in Level.
      length: of the result; like the pictures', at least `count` and a chunk.
      chunk: as in `by_chunks`.
    """
    first = RADIUS * width + RADIUS  # before it and behind the last like it no patch is whole

    def add(corner: Array, described: Array) -> Array:
        start = first + corner
        firsts = [corner + row * width for row in range(EDGE)]
        lines = [part(picture, at, chunk + EDGE - 1)[:, :3] for at in firsts]
        patches = [line[column : column + chunk] for line in lines for column in range(EDGE)]
        colours = jnp.concatenate(patches, axis=1) @ basis
        texture = part(picture, start, chunk)[:, 3:] * roughness
        others = jnp.concatenate([part(low, start, chunk), texture], axis=1)
        return replaced(described, packed(colours, others), start)

    nothing = jnp.zeros((length, WORDS), jnp.uint32)
    return by_chunks(count - 2 * first, chunk, add, nothing)


@partial(jax.jit, static_argnames=("exhaustive", "chunk"), donate_argnames="state")
def step(
    level: Level,
    state: State,
    seeds: UInt32[Array, "r"],
    radii: Int[Array, "r"],
    passes: Int[Array, ""],
    exhaustive: bool,
    chunk: int,
) -> State:
    """Takes one step of expectation-maximisation: matches every target, then paints the hole.

    Args:
      level: the scale's constants.
      state: the picture so far, and matches to start from.
      seeds: the random candidates follow from these, one of each for every target.
      radii: pixels, below 2**15, how far these lie from a match at most.
      passes: rounds of spreading and random search; 0 = the matches stay, and all count the same.
      exhaustive: whether each target is compared with every source instead.
      chunk: as in `by_chunks`.
    """
    wanted = _describe_targets(level, state.picture, chunk)
    if exhaustive:
        nearest, found = considered(level, wanted, chunk, compare_all(level, wanted))
    else:
        begun = considered(level, wanted, chunk, state.nearest)
        nearest, found = search(level, wanted, chunk, begun, seeds, radii, passes)
    cost = jnp.where(found < FAR, found * jnp.float32(STEP**2), jnp.inf)
    cost = jnp.where((passes == 0) & jnp.isfinite(cost), 1, cost)
    return _painted(level, State(state.picture, nearest, cost), chunk)


@partial(jax.jit, static_argnames="chunk")
def best_copies(level: Level, state: State, chunk: int) -> Int[Array, "t"]:
    """Chooses for each pixel of the hole the pixel to copy: from the match that costs least.

    It takes those of patches that cover it by their inner 5 x 5 pixels, so that the copied pixel's
    neighbours are known as well. Only at the picture's edge there is none; there it takes others.

    Returns:
      The copied pixel for each of `Level.painted`.
    """

    def choose(start: Array, copies: Array) -> Array:
        painted = part(level.painted, start, chunk)

        def one(best: tuple[Array, Array], at: tuple) -> tuple[tuple[Array, Array], None]:
            offset, farther, rim = at
            place = take(level.position, painted + offset)
            other = jnp.where(place >= 0, take(state.cost, place), jnp.inf) * farther + rim
            better = other < best[0]
            copied = take(state.nearest, place) - offset
            return (jnp.where(better, other, best[0]), jnp.where(better, copied, best[1])), None

        none = jnp.full(chunk, jnp.inf), jnp.zeros(chunk, jnp.int32)
        patch = offsets(level.width), _FARTHER, _RIMS
        return replaced(copies, lax.scan(one, none, patch)[0][1], start)

    return by_chunks(level.counts[1], chunk, choose, jnp.zeros_like(level.painted))


def _describe_targets(level: Level, picture: Array, chunk: int) -> UInt32[Array, "t w"]:
    def add(start: Array, wanted: Array) -> Array:
        targets = part(level.targets, start, chunk)
        at = targets[:, None] + offsets(level.width)
        colours = take(picture[:, :3], at).reshape(chunk, -1) @ level.basis
        texture = take(picture[:, 3:], targets) * level.roughness
        others = jnp.concatenate([part(level.guide, start, chunk), texture], axis=1)
        return replaced(wanted, packed(colours, others), start)

    none = jnp.zeros((len(level.targets), WORDS), jnp.uint32)
    return by_chunks(level.counts[0], chunk, add, none)


def _painted(level: Level, state: State, chunk: int) -> State:
    """Paints every pixel of the hole as the mean of what all patches that cover it vote for.

    A vote's weight falls with its patch's distance, exp(-d / 2 s), s the mean distance (Wexler,
    Shechtman, Irani 2007, eq. (4)), and with its depth in the hole.
    """
    matched = jnp.isfinite(state.cost)
    mean = jnp.sum(jnp.where(matched, state.cost, 0)) / jnp.maximum(matched.sum(), 1) + 1e-8
    weight = jnp.where(matched, jnp.exp(-state.cost / (2 * mean)) * level.trust + 1e-12, 0)

    def paint(start: Array, picture: Array) -> Array:
        painted = part(level.painted, start, chunk)

        def one(sums: tuple[Array, Array], offset: Array) -> tuple[tuple[Array, Array], None]:
            place = take(level.position, painted + offset)
            vote = jnp.where(place >= 0, take(weight, place), 0)
            colour = take(picture, take(state.nearest, place) - offset)
            return (sums[0] + vote[:, None] * colour, sums[1] + vote), None

        none = jnp.zeros((chunk, picture.shape[1])), jnp.zeros(chunk)
        (colours, weights), _ = lax.scan(one, none, offsets(level.width))
        colours /= jnp.maximum(weights, 1e-30)[:, None]
        at = jnp.where(weights > 0, painted, len(picture))
        return picture.at[at].set(colours, mode="drop")  # patches have their colours elsewhere

    return state._replace(picture=by_chunks(level.counts[1], chunk, paint, state.picture))
