"""Fills one window's holes by patches, from the coarsest scale to the finest."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float32, Int

from glcic_jax.runtime.programs import program
from glcic_jax.texture import patches
from glcic_jax.texture.assemble import Copies
from glcic_jax.texture.flat import State
from glcic_jax.texture.levels import (
    Laid,
    Weights,
    chunk_size,
    components,
    count_targets,
    lay_out,
    lengths_for,
    matches_from,
    sources_of,
)
from glcic_jax.texture.scales import Scale, scales

GUIDED = Weights(guide=0.3, texture=60)
"""The weights with a guide."""

UNGUIDED = Weights(guide=0, texture=60)
"""The weights without one."""

LEAST_STEPS, MOST_STEPS = 4, 16
"""Steps at a scale: many where there are few targets, since these decide what goes where."""

WORK = 1 << 17
"""Targets times steps of a scale, within these."""

PASSES = 1
"""Rounds of spreading and random search in a step; a second one gained nothing measurable."""

MOST_SEARCHED = 1 << 19
"""Targets, at most, of the finest scale that is searched; finer ones copy by its matches."""

EXHAUSTIVE = 1 << 28
"""Pairs of patches up to which accelerators compare all; on CPUs searching is always faster."""

RANDOM = 12
"""Random candidates of a round, from as far as the picture is wide to next to the match."""

FARTHEST = (1 << 15) - 1
"""Pixels that random candidates lie from a match at most."""

FEWEST = 64
"""Sources that a scale needs; the finest needs one, where there is no other."""

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
    seeds: tuple[int, int],
    weights: Weights,
    report: Report,
) -> Synthesis | None:
    """Fills a window's hole.

    Args:
      image: RGB in [0, 1], with the guide in the hole.
      hole: what is filled.
      barred: what must not be copied.
      seeds: two numbers that the random candidates follow from.
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
    basis, random = components(pyramid), np.random.default_rng(seeds)
    work = _work(pyramid)
    lengths = lengths_for(pyramid, [bool(steps) for steps in work])
    done, total = 0.0, sum(map(sum, work))
    laid = state = None
    for depth in reversed(range(len(pyramid))):
        fine = lay_out(pyramid[depth], basis, weights, lengths, searched=bool(work[depth]))
        nearest = _start(fine, laid, state, random)
        cost = np.zeros(len(nearest), np.float32)
        begun = State(*jax.device_put((fine.picture, nearest, cost)))
        if laid is not None:
            begun = _step(fine, begun, random, passes=0)
        laid, state = fine, begun
        for part in work[depth]:
            state = _step(laid, state, random, PASSES)
            jax.block_until_ready(state.cost)  # between two steps Ctrl-C is heard
            done += part
            report(done / total)
    assert laid is not None and state is not None
    return _result(laid, state)


def _work(pyramid: list[Scale]) -> list[list[int]]:
    """Returns the work of every step of every scale; none for scales that only copy."""
    counts = [count_targets(scale) for scale in pyramid]
    return [
        [count] * int(np.clip(WORK // max(count, 1), LEAST_STEPS, MOST_STEPS))
        if count <= MOST_SEARCHED or depth == len(pyramid) - 1
        else []
        for depth, count in enumerate(counts)
    ]


def _start(
    fine: Laid, coarse: Laid | None, state: State | None, random: np.random.Generator
) -> Int[np.ndarray, "t"]:
    """Returns a scale's first matches: random ones, or those of the coarser scale."""
    sources = np.flatnonzero(fine.source).astype(np.int32)
    nearest = random.choice(sources, len(fine.level.targets))
    if coarse is None or state is None:
        return nearest
    carried = matches_from(coarse, state, fine)
    return np.where(fine.source[carried], carried, nearest)


def _step(laid: Laid, state: State, random: np.random.Generator, passes: int) -> State:
    """Takes a step by the program for these lengths."""
    longest = min(max(laid.shape), FARTHEST)
    radii = np.array([max(longest >> i, 1) for i in range(RANDOM)], np.int32)
    pairs = len(laid.targets) * laid.shape[0] * laid.shape[1]
    few = passes > 0 and pairs <= EXHAUSTIVE and jax.default_backend() != "cpu"
    seeds = random.integers(0, 1 << 32, RANDOM, np.uint32)
    given = laid.level, state, seeds, radii, np.int32(passes)
    chunk = chunk_size()
    step = program(patches.step, given, state, "texture: step", exhaustive=few, chunk=chunk)
    return step(*given)


def _result(laid: Laid, state: State) -> Synthesis:
    given = laid.level, state
    best = program(patches.best_copies, given, 0, "texture: best copies", chunk=chunk_size())
    chosen = np.asarray(best(*given))[: len(laid.painted)]
    width = laid.shape[1]
    copies = Copies(np.divmod(laid.painted, width), np.divmod(chosen, width))
    mean = np.asarray(state.picture)[: laid.shape[0] * width, :3]
    return Synthesis(copies, mean.reshape(*laid.shape, 3))
