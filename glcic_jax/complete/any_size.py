"""Completes pictures of any size by few compiled programs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray, UInt8

from glcic_jax.layers.ops import as_float
from glcic_jax.runtime.process import give_back_memory
from glcic_jax.runtime.programs import program
from glcic_jax.types import Image, Mask, Method, TrainState


@dataclass(frozen=True)
class AnySize:
    """Completes one picture at a time, by a program for each capacity instead of one for each size.

    Its network takes the time of the picture; of its smooth fill only the averaging takes that of
    the array.

    Attributes:
      complete: the jitted function: (state, image, mask, height, width) -> completed, arrays of one
        of the capacities.
      state: the networks that it reads.
      capacities: edges, in pixels, of the square arrays that it is compiled for; ascending.
      about: as `within` of a Method.
    """

    complete: jax.stages.Wrapped
    state: TrainState
    capacities: tuple[int, ...]
    about: str = ""
    _programs: dict[int, Any] = field(default_factory=dict)

    def takes(self, height: int, width: int) -> bool:
        """Returns whether a picture of this size fits into the largest array."""
        return max(height, width) <= self.capacities[-1]

    def __call__(
        self, image: UInt8[np.ndarray, "h w 3"], hole: Bool[np.ndarray, "h w"]
    ) -> UInt8[np.ndarray, "h w 3"]:
        """Completes a picture that fits. Known pixels are the input's, bit for bit."""
        height, width = hole.shape
        edge = next(edge for edge in self.capacities if max(height, width) <= edge)
        space = ((0, edge - height), (0, edge - width))
        placed, holes = np.pad(image, (*space, (0, 0))), np.pad(hole.astype(np.uint8), space)
        size = np.int32(height), np.int32(width)
        arguments = self.state, placed[None], holes[None, ..., None], *size
        output = self._program(edge, arguments)(*arguments)
        return painted(image, np.asarray(output)[0, :height, :width], hole[..., None])

    def _program(self, edge: int, arguments: tuple[Any, ...]) -> Callable:
        """Returns the compiled program for one of the capacities."""
        if edge not in self._programs:
            self._programs[edge] = (
                program(self.complete, arguments, 0, self.about)
                if self.about
                else self.complete.lower(*arguments).compile()
            )
            give_back_memory()  # compiling took more than the pictures will
        return self._programs[edge]


def painted(
    images: UInt8[np.ndarray, "*b h w 3"],
    output: Float[np.ndarray, "*b h w 3"],
    holes: Bool[np.ndarray, "*b h w 1"],
) -> UInt8[np.ndarray, "*b h w 3"]:
    """Returns pictures with a network's output, in [0, 1], rounded into their holes.

    Known pixels are copied from the pictures rather than trusted to the rounding.
    """
    return np.where(holes, np.rint(output * 255).astype(np.uint8), images)


def make_any_size(
    method: Method, state: TrainState, key: PRNGKeyArray | None = None
) -> AnySize | None:
    """Makes the completion of pictures of any size without compiling for each.

    It is for CPUs, where compiling takes longest: on other devices tiles, one after the other, are
    slower than whole pictures.

    Args:
      method: the method that `state` was trained with.
      state: the networks named in `method.networks`.
      key: source of the random numbers that some methods need; that of seed 0 by default.

    Returns:
      None where there is no such program: for other methods and other devices.
    """
    within = method.complete_within
    if within is None or jax.default_backend() != "cpu":
        return None

    @jax.jit
    def complete(state: TrainState, image: Image, mask: Mask, height, width) -> Image:
        own = jax.random.key(0) if key is None else key  # here, where it costs no program
        return within(state, as_float(image), as_float(mask), own, (height, width))

    about = method.within if key is None else ""  # the key is a part of the program
    return AnySize(complete, state, method.capacities, about)
