"""Holds the peak speed of devices, and writes traces of the time that updates really take."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from glcic_jax.train.step import update_flops
from glcic_jax.types import Method, TrainState

PEAK_FLOPS = {
    "H200": {"bfloat16": 989e12, "float32": 495e12},
    "H100 PCIe": {"bfloat16": 756e12, "float32": 378e12},
    "H100": {"bfloat16": 989e12, "float32": 495e12},
    "A100": {"bfloat16": 312e12, "float32": 156e12},
    "L4": {"bfloat16": 121e12, "float32": 60e12},
}
"""Operations per second by words of the device's name, from NVIDIA's data sheets: dense products,
float32 in the TF32 mode that XLA uses there. The first entry that fits counts."""

WARM_UP = 20
"""Updates of a process before its trace begins, so that compilation and first batches are over."""


def peak_flops(device_kind: str, dtype: str) -> float | None:
    """Returns the operations per second of one device; None if they are not known."""
    words = device_kind.replace("-", " ").split()
    for name, peaks in PEAK_FLOPS.items():
        if set(name.split()) <= set(words):
            return peaks[dtype]
    return None


def batch_shapes(held_out: Mapping[str, np.ndarray], batch_size: int) -> dict[str, Any]:
    """Returns the shapes and dtypes of a batch of such examples."""
    return {
        name: jax.ShapeDtypeStruct((batch_size, *array.shape[1:]), array.dtype)
        for name, array in held_out.items()
    }


def ideal_seconds(
    dtype: str, method: Method, mesh: Mesh, state: TrainState, batch: dict[str, Any]
) -> dict[str, float]:
    """Returns the seconds that an update of each phase would take at the devices' peak.

    Args:
      dtype: that the networks compute in, as in the config.
      method: phases of 0 steps are left out.
      mesh: the devices.
      state: arrays or their shapes.
      batch: arrays or their shapes.

    Returns:
      Seconds by the phase's name; empty where the devices' peak is unknown or XLA does not count.
    """
    peak = peak_flops(mesh.devices.flat[0].device_kind, dtype)
    if peak is None:
        return {}
    counted = {
        phase.name: update_flops(mesh, phase, state, batch)
        for phase in method.phases
        if phase.steps
    }
    return {name: operations / peak for name, operations in counted.items() if operations}


class Profiler:
    """Writes a trace of a few updates into WORKDIR/profile, for TensorBoard or Perfetto.

    It is a context manager. A trace that is under way when it is left, for any reason, is written.

    Args:
      workdir: the run folder.
      count: updates to trace; 0 = none.
    """

    def __init__(self, workdir: Path, count: int) -> None:
        self._folder = workdir / "profile"
        self._traced = range(WARM_UP, WARM_UP + count)
        self._updates, self._running = 0, False

    def __enter__(self) -> "Profiler":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._running:
            jax.profiler.stop_trace()

    def before_update(self, pending: Any) -> None:
        """Starts or stops the trace if it is time to, once the `pending` results are computed."""
        change = (self._updates in self._traced) != self._running
        self._updates += 1
        if not change:
            return
        jax.block_until_ready(pending)
        self._running = not self._running
        if self._running:
            jax.profiler.start_trace(self._folder)
        else:
            jax.profiler.stop_trace()
