"""Fills one window's holes by patches, from the coarsest scale to the finest."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float32, Int, PRNGKeyArray

from glcic_jax.texture import patches
from glcic_jax.texture.assemble import Copies
from glcic_jax.texture.levels import Laid, Weights, count_targets, lay_out, matches_from, sources_of
from glcic_jax.texture.patches import RADIUS, State
from glcic_jax.texture.scales import Scale, scales

GUIDED = Weights(guide=0.3, texture=60)
"""The weights with a guide."""

UNGUIDED = Weights(guide=0, texture=60)
"""The weights without one."""

STEPS, LAST_STEPS = 8, 4
"""Steps at a scale, and at the finest."""

PASSES = 2
"""Rounds of spreading and random search in a step."""

MOST_SEARCHED = 1 << 19
"""Targets, at most, of the finest scale that is searched; finer ones copy by its matches."""

EXHAUSTIVE = 1 << 22
"""Pairs of patches up to which all are compared."""

RANDOM = 12
"""Random candidates of a round, from as far as the picture is wide to next to the match."""

FEWEST = 64
"""Sources that a scale needs."""

Report = Callable[[float], None]
"""Is given the part of the work that is done, in [0, 1]."""


class Synthesis(NamedTuple):
    """Holds what a window's hole is made of."""

    copies: Copies
    mean: Float32[np.ndarray, "h w 3"]


def synthesise(
    image: Float32[np.ndarray, "h w 3"],
    hole: Bool[np.ndarray, "h w"],
    barred: Bool[np.ndarray, "h w"],
    key: PRNGKeyArray,
    weights: Weights,
    report: Report,
) -> Synthesis | None:
    """Fills a window's hole.

    Args:
      image: RGB in [0, 1], with the guide in the hole.
      hole: what is filled.
      barred: what must not be copied.
      key: source of the random candidates.
      weights: of a match's parts.
      report: is called after each step.

    Returns:
      What each pixel copies, and what the patches vote for on average; None where there is no
      whole patch to copy.
    """
    pyramid = scales(image, hole, barred)
    while sources_of(pyramid[-1]).sum() < (FEWEST if len(pyramid) > 1 else 1):
        pyramid.pop()
        if not pyramid:
            return None
    work = _work(pyramid)
    done, total = 0.0, sum(map(sum, work))
    laid = state = None
    for depth in reversed(range(len(pyramid))):
        fine = lay_out(pyramid[depth], weights, searched=bool(work[depth]))
        state = _begin(fine, laid, state, jax.random.fold_in(key, depth))
        laid = fine
        for i, part in enumerate(work[depth]):
            one = jax.random.fold_in(key, 1000 * (depth + 1) + i)
            state = patches.step(
                laid.level, state, one, jnp.int32(PASSES), _radii(laid), _exhaustive(laid)
            )
            jax.block_until_ready(state.cost)  # between two steps Ctrl-C is heard
            done += part
            report(done / total)
    assert laid is not None and state is not None
    return _result(laid, state)


def _work(pyramid: list[Scale]) -> list[list[int]]:
    """Returns the work of every step of every scale; none for scales that only copy."""
    counts = [count_targets(scale) for scale in pyramid]
    return [
        [count] * (STEPS if depth else LAST_STEPS)
        if count <= MOST_SEARCHED or depth == len(pyramid) - 1
        else []
        for depth, count in enumerate(counts)
    ]


def _begin(fine: Laid, coarse: Laid | None, state: State | None, key: PRNGKeyArray) -> State:
    """Returns a scale's first state: random matches, or those of the coarser scale, painted."""
    sources = np.flatnonzero(fine.source).astype(np.int32)
    nearest = sources[jax.random.randint(key, fine.level.targets.shape, 0, len(sources))]
    if coarse is not None and state is not None:
        carried = matches_from(coarse, state, fine)
        nearest = np.where(fine.source[carried], carried, nearest)
    first = State(jnp.asarray(fine.picture), jnp.asarray(nearest), jnp.zeros(nearest.shape))
    return first if coarse is None else patches.paint(fine.level, first)


def _radii(laid: Laid) -> Int[jax.Array, "r"]:
    longest = max(laid.shape)
    return jnp.array([max(longest >> i, 1) for i in range(RANDOM)], jnp.int32)


def _exhaustive(laid: Laid) -> bool:
    return len(laid.level.targets) * len(laid.level.position) <= EXHAUSTIVE


def _result(laid: Laid, state: State) -> Synthesis:
    """Takes the frame off."""
    chosen = np.asarray(patches.best_copies(laid.level, state))[: len(laid.targets)]
    columns = laid.shape[1]
    at, source = (
        (pixels // columns - RADIUS, pixels % columns - RADIUS)
        for pixels in (laid.targets[laid.inside], chosen[laid.inside])
    )
    framed = np.asarray(state.picture)[: laid.shape[0] * columns, :3].reshape(*laid.shape, 3)
    return Synthesis(Copies(at, source), framed[RADIUS:-RADIUS, RADIUS:-RADIUS])
