"""Defines the types that all wings share: images, masks, states, phases and methods."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, UInt8

Image = Float[Array, "b h w 3"]
"""A batch of RGB pictures in [0, 1]."""

Mask = Float[Array, "b h w 1"]
"""A batch of masks: 1 = hole (to be filled), 0 = known."""

PixelImage = UInt8[np.ndarray, "h w 3"]
"""One RGB picture as files and users have it: 0 to 255."""

PixelMask = UInt8[np.ndarray, "h w 1"]
"""One mask as the input pipeline makes it: 1 = hole, 0 = known."""

Hole = Callable[[np.random.Generator, int, int], PixelMask]
"""Draws a random mask of the given height and width."""

Batch = dict[str, Array]
"""The arrays that a training step reads. The input pipeline delivers them as uint8; a method gets
them as floats (see `layers.ops.as_float`).

image: b h w 3, the whole picture; with measurements (data/measurement.py) only its measured pixels,
    and white in the hole.
mask: b h w 1, the hole M_c that the completion network fills.
other_mask: b h w 1, another hole M_d from the same distribution; it places the local patch of the
    *real* pictures (GLCIC, algorithm 1).
given: b h w 3, only with config.data.leftovers: what the completion network is shown in place of
    `image`, with rims of things around holes.
"""

Metrics = dict[str, Array]
"""Scalars by name. They are the same on all devices."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class NetworkState:
    """Holds everything of one network that training changes."""

    params: Any
    batch_stats: Any
    opt_state: Any

    def replace(self, **changes: Any) -> "NetworkState":
        """Returns a state with some of its parts replaced."""
        return dataclasses.replace(self, **changes)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrainState:
    """Holds everything that a checkpoint must save.

    Attributes:
      step: the number of updates done so far, an int32 scalar.
      networks: the state of each network by its name.
    """

    step: Array
    networks: dict[str, NetworkState]

    def replace(self, **changes: Any) -> "TrainState":
        """Returns a state with some of its parts replaced."""
        return dataclasses.replace(self, **changes)


class Phase(NamedTuple):
    """Describes a stretch of training in which the same networks are updated.

    Attributes:
      name: as in the config, in records and in charts.
      steps: the number of updates; a phase of 0 steps is skipped.
      update: `update(state, batch, key)` returns (state, metrics). It runs on each device, inside
        shard_map, and does not change `state.step`.
      metrics: the names of all metrics that `update` returns.
      moves: the names of the networks whose optimizers make an update in it.
    """

    name: str
    steps: int
    update: Callable[[TrainState, Batch, PRNGKeyArray], tuple[TrainState, Metrics]]
    metrics: tuple[str, ...]
    moves: tuple[str, ...]


class Method(NamedTuple):
    """Describes one paper's method: its networks, how they are trained, and how they fill holes.

    Attributes:
      init: `init(key)` returns a TrainState at step 0.
      phases: the phases of training, in their order.
      complete: `complete(state, image, mask, key)` returns the completed Image. Known pixels stay
        the same bit for bit. Image and mask may have any size, unless `size` is set.
      complete_within: `complete_within(state, image, mask, key, (height, width))` completes one
        picture of this size at the top left of larger arrays, whose sizes are multiples of 64, as
        `complete` completes the picture alone: one program for many sizes. What it returns outside
        of the picture has no meaning. None = there is no such program.
      within: names the program of `complete_within` and every number in it, so that the program can
        be kept (runtime/programs.py); "" = it is not.
      refine: `refine(state, image, mask, key, shortest)` completes as `complete` does and refines
        that over scales, from a copy whose shortest edge is about `shortest` pixels on; None = the
        method's own number. The field itself is None for methods without it.
      capacities: the edges in pixels of the square arrays to give to `complete_within`; ascending.
      previews: takes the same arguments and returns pictures by name, for the sample grids. The one
        named "completed" is also scored during training; it may be made with less effort than
        `complete` makes.
      networks: the names of the networks that `complete` and `previews` read.
      averages: for the name of each network that is a moving average, the name of the network that
        it follows. A run that starts from trained networks starts both of them from the same one.
      prepare: `prepare()` loads extra files that only training needs, such as VGG16's weights. It
        runs before anything is written, so a bad file is refused early.
      note: a line about the method that a run prints at its start; "" = none.
      reach: a pixel's completion does not depend on the picture beyond this distance in pixels;
        None = it may depend on the whole picture.
      alignment: when only part of a picture is given to the networks, the part begins at a multiple
        of this many pixels, so that the networks halve it as they would halve the whole picture.
      size: the edge in pixels of the square pictures that `complete` and `previews` take; None =
        they take any size.
      middle: the edge in pixels of the square in the middle of the picture to which all holes are
        confined; None = holes may lie anywhere.
      whole: whether pictures of other sizes than `size` are scaled as a whole; if not, their holes
        are filled from squares around them.
      blends: whether the method ends with Poisson blending of the completion into its surroundings.
      measured: whether the method learns from measurements (data/measurement.py) and not from whole
        pictures.
      given: whether it shows its networks the batch's `given`, where there is one.
      generate: `generate(state, keys)` draws an Image, one picture for each of the random keys [b],
        whatever the others are; None = the method only completes.
    """

    init: Callable[[PRNGKeyArray], TrainState]
    phases: tuple[Phase, ...]
    complete: Callable[[TrainState, Image, Mask, PRNGKeyArray], Image]
    previews: Callable[[TrainState, Image, Mask, PRNGKeyArray], dict[str, Image]]
    networks: tuple[str, ...]
    averages: Mapping[str, str] = MappingProxyType({})
    prepare: Callable[[], object] = lambda: None
    note: str = ""
    complete_within: Callable[..., Image] | None = None
    within: str = ""
    refine: Callable[..., Image] | None = None
    capacities: tuple[int, ...] = ()
    reach: int | None = None
    alignment: int = 32
    size: int | None = None
    middle: int | None = None
    whole: bool = False
    blends: bool = False
    measured: bool = False
    given: bool = False
    generate: Callable[[TrainState, PRNGKeyArray], Image] | None = None


def phase_ends(phases: tuple[Phase, ...]) -> tuple[int, ...]:
    """Returns the number of updates after which each phase is over.

    The last number is the length of the whole run.
    """
    return tuple(int(end) for end in np.cumsum([phase.steps for phase in phases]))


def updates_of(phases: tuple[Phase, ...]) -> dict[str, int]:
    """Returns the number of updates that each network makes in all phases together, by its name."""
    updates: dict[str, int] = {}
    for phase in phases:
        for name in phase.moves:
            updates[name] = updates.get(name, 0) + phase.steps
    return updates


def phase_at(phases: tuple[Phase, ...], step: int) -> Phase:
    """Returns the phase that makes the update after the first `step` updates (0 <= step < total).

    A phase of 0 steps is never returned.

    Raises:
      ValueError: training is over at `step`.
    """
    for phase, end in zip(phases, phase_ends(phases), strict=True):
        if step < end:
            return phase
    raise ValueError(f"no phase makes update {step + 1}: training ends at {phase_ends(phases)[-1]}")
