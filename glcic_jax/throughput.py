"""How fast a device could be, and a trace of what it does instead."""

from pathlib import Path
from typing import Any

import jax

PEAK_FLOPS = {
    "H200": {"bfloat16": 989e12, "float32": 495e12},
    "H100 PCIe": {"bfloat16": 756e12, "float32": 378e12},
    "H100": {"bfloat16": 989e12, "float32": 495e12},
    "A100": {"bfloat16": 312e12, "float32": 156e12},
    "L4": {"bfloat16": 121e12, "float32": 60e12},
}
"""Operations per second by a part of the device's name, from NVIDIA's data sheets: dense products,
float32 in the TF32 mode that XLA uses there. The first entry that fits counts."""

WARM_UP = 20
"""Updates of a process before its trace begins: compilation and the first batches are over."""


def peak_flops(device_kind: str, dtype: str) -> float | None:
    """Operations per second of one device, None if they are not known."""
    words = device_kind.replace("-", " ").split()
    for name, peaks in PEAK_FLOPS.items():
        if set(name.split()) <= set(words):
            return peaks[dtype]
    return None


class Profiler:
    """Writes a trace of a few updates into WORKDIR/profile, for TensorBoard or Perfetto.

    Args:
      workdir: run folder.
      first: the first update of this process.
      count: updates to trace; 0 = none.
    """

    def __init__(self, workdir: Path, first: int, count: int) -> None:
        self._folder = workdir / "profile"
        self._starts, self._count = first + WARM_UP, count

    def before(self, step: int, pending: Any) -> None:
        """Starts and stops where it is time to, once the updates before `step` are done."""
        if self._count and step in (self._starts, self._starts + self._count):
            jax.block_until_ready(pending)
            if step == self._starts:
                jax.profiler.start_trace(self._folder)
            else:
                jax.profiler.stop_trace()
                self._count = 0

    def close(self) -> None:
        """Ends a trace that the run was too short for."""
        if self._count:
            self._count = 0
            try:
                jax.profiler.stop_trace()
            except RuntimeError:
                return  # it never began
