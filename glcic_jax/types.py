"""The types that every part shares: images, masks, states, phases and methods."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from flax import struct
from jaxtyping import Array, Float, PRNGKeyArray, UInt8

Image = Float[Array, "b h w 3"]
"""RGB in [0, 1]."""

Mask = Float[Array, "b h w 1"]
"""1 = hole (to be filled), 0 = known."""

PixelImage = UInt8[np.ndarray, "h w 3"]
"""One RGB picture as files and users have it, 0 to 255."""

PixelMask = UInt8[np.ndarray, "h w 1"]
"""One mask as the input pipeline draws it, 1 = hole, 0 = known."""

Hole = Callable[[np.random.Generator, int, int], PixelMask]
"""Draws a mask of the given height and width."""

Batch = dict[str, Array]
"""What a step reads. The input pipeline delivers uint8 arrays, the methods see floats:

image: b h w 3, the uncut picture; of measured ones (data/measurement.py) what is left, white in
    the hole.
mask: b h w 1, the hole M_c that the completion network fills.
other_mask: b h w 1, a fresh hole M_d drawn from the same distribution; it places the local patch
    of the *real* pictures (GLCIC, algorithm 1).
"""

Metrics = dict[str, Array]
"""Scalars by name, the same on all devices."""


class NetworkState(struct.PyTreeNode):
    """Everything of one network that training changes."""

    params: Any
    batch_stats: Any
    opt_state: Any


class TrainState(struct.PyTreeNode):
    """Everything that a checkpoint must hold: `step` counts the updates done so far (int32)."""

    step: Array
    networks: dict[str, NetworkState]


class Phase(NamedTuple):
    """A stretch of training in which the same networks move.

    `update(state, batch, key)` returns (state, metrics), runs per device inside shard_map, and
    leaves `state.step` alone. `metrics` names what it reports.
    """

    name: str
    steps: int
    update: Callable[[TrainState, Batch, PRNGKeyArray], tuple[TrainState, Metrics]]
    metrics: tuple[str, ...]


class Method(NamedTuple):
    """One paper: how its networks start, the phases that train them, and how it fills a hole.

    init: `init(key)` returns a TrainState at step 0.
    phases: in the order in which they run.
    complete: `complete(state, image, mask, key)` returns the completed Image, known pixels
        untouched, bit for bit; image and mask may have any size, unless `size` says otherwise.
    previews: takes the same arguments and returns pictures by name, for the sample grids; that
        called "completed", which training scores, may come of less effort than `complete`.
    networks: the names of those that `complete` and `previews` read.
    prepare: `prepare()` reads what training needs besides pictures, and completion does not; called
        before a run writes anything, so that what is wrong with it is told early.
    note: what a run's header says besides the method's name.
    reach: how many pixels around a pixel its completion depends on; None = the whole picture.
    alignment: pixels of which every part of a picture that is shown alone begins at a multiple, so
        that the networks' halvings fall as in the whole picture.
    size: edge of the square pictures that `complete` and `previews` take, where they take no other.
    middle: edge of the square in the middle of those, where `complete` fills holes nowhere else.
    blends: whether Poisson blending of the completion into its surroundings belongs to the method.
    measured: whether it learns from measurements (`data.measurement`), else from whole pictures.
    """

    init: Callable[[PRNGKeyArray], TrainState]
    phases: tuple[Phase, ...]
    complete: Callable[[TrainState, Image, Mask, PRNGKeyArray], Image]
    previews: Callable[[TrainState, Image, Mask, PRNGKeyArray], dict[str, Image]]
    networks: tuple[str, ...]
    prepare: Callable[[], object] = lambda: None
    note: str = ""
    reach: int | None = None
    alignment: int = 32
    size: int | None = None
    middle: int | None = None
    blends: bool = False
    measured: bool = False


def phase_ends(phases: tuple[Phase, ...]) -> tuple[int, ...]:
    """The number of updates after which each phase is over; the last one is the whole run."""
    return tuple(int(end) for end in np.cumsum([phase.steps for phase in phases]))


def phase_at(phases: tuple[Phase, ...], step: int) -> Phase:
    """The phase that makes the update following `step` updates (0 <= step < total).

    A phase of no steps is never returned.

    Raises:
      ValueError: training is over at `step`.
    """
    for phase, end in zip(phases, phase_ends(phases), strict=True):
        if step < end:
            return phase
    raise ValueError(f"no phase makes update {step + 1}: training ends at {phase_ends(phases)[-1]}")
