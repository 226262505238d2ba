"""Measures in one go what a first hour on a GPU should: steps, precisions, memory, completion.

    python -m benchmarks.gpu_day --output gpu.json

Networks have their full width, batches are the paper's 96 pictures of 256 x 256. Every cell runs
in this process, one after the other, and is printed as soon as it is known, most important first.
Sides of PyTorch are left out where it is not installed. Compiled programs are kept in a temporary
folder, so that the three phases of the traced program are compiled once.
"""

import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks import floors, ours
from benchmarks.peers import torch_sides
from benchmarks.race import table, write_json
from glcic_jax.runtime.command_line import command_parser

PHASES = ("completion", "discriminator", "joint")

SIZE, BATCH = 256, 96

WARM, TURNS = 3, 9
"""Turns before the first one that counts, and turns that count."""

Cell = tuple[str, Callable[[], Any], float]
"""What is measured, what makes its worker, and its operations (0 = not counted)."""


def main() -> None:
    """Measures one cell after the other until the time is up."""
    parser = command_parser("benchmarks.gpu_day", __doc__)
    parser.add_argument(
        "--minutes", type=float, default=60, help="begin no cell after these; 60 by default"
    )
    parser.add_argument("--batch", type=int, default=BATCH, help=f"pictures; {BATCH} by default")
    parser.add_argument(
        "--output", type=Path, default=Path("runs/benchmarks/gpu_day.json"), help="JSON to write"
    )
    options = parser.parse_args()
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # PyTorch needs memory too
    end = time.monotonic() + 60 * options.minutes
    about = floors.machine()
    print(about, flush=True)
    rows, records = [], []
    with tempfile.TemporaryDirectory() as kept:
        jax.config.update("jax_compilation_cache_dir", kept)
        for name, make, operations in cells(options.batch):
            if time.monotonic() > end:
                print(f"not measured, the time is up: {name}", flush=True)
                continue
            record = {"name": name, "operations": operations} | measured(make)
            records.append(record)
            rows.append(row(record))
            print(rows[-1], flush=True)
    print("\n" + table(["cell", "ms", "TFLOP/s", "ready, s", "peak, GiB"], rows))
    write_json(options.output, {"machine": about, "results": records})


def cells(batch: int) -> Iterator[Cell]:
    """Yields all cells, the most important first."""
    macs = floors.phase_macs(SIZE, SIZE // 2)
    yield "matrix product of 8,192, bfloat16", _matrix_product, 2 * 8192**3
    yield "copy of 4 GiB", partial(floors.memory_pass, 4096), 0
    steps = [("bfloat16", True, PHASES), ("float32", True, PHASES), ("bfloat16", False, PHASES[2:])]
    for dtype, traced, phases in steps:
        for phase in phases:
            work = {"size": SIZE, "count": batch, "phase": phase}
            form = "phase on the device" if traced else "phase static"
            yield (
                f"step, {phase}, {dtype}, {form}",
                partial(ours.train, **work, dtype=dtype, traced=traced),
                2 * batch * macs[phase],
            )
            if traced:
                yield (
                    f"PyTorch's step, {phase}, {dtype}",
                    partial(torch_sides.train, **work, autocast=dtype != "float32", compiled=False),
                    2 * batch * macs[phase],
                )
    for edge in (512, 1024, 2048):
        work = {"sizes": [(edge, edge)]}
        forward = 2 * sum(layer.macs for layer in floors.completion_layers(edge, edge))
        yield (
            f"completion, {edge} x {edge}, float32",
            partial(ours.complete, **work, network="64", dtype="float32", whole=True),
            forward,
        )
        yield (
            f"PyTorch's completion, {edge} x {edge}, float32",
            partial(torch_sides.complete, **work, bfloat16=False),
            forward,
        )


def measured(make: Callable[[], Any]) -> dict[str, Any]:
    """Returns a worker's median seconds, the time until it was warm, and the peak of memory."""
    gc.collect()
    begin = time.perf_counter()
    try:
        run = make()
        for _ in range(WARM):
            run()
        ready = time.perf_counter() - begin
        times = []
        for _ in range(TURNS):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
    except ImportError as error:
        return {"note": f"{error.name} is not installed"}
    except RuntimeError as error:  # of JAX and of PyTorch
        if "memory" not in str(error).lower():
            raise
        return {"note": "out of memory"}
    stats = jax.local_devices()[0].memory_stats() or {}
    return {
        "seconds": statistics.median(times),
        "all_seconds": times,
        "ready_seconds": ready,
        "jax_peak_gib": stats.get("peak_bytes_in_use", 0) / 2**30,
    }


def row(record: dict[str, Any]) -> list[str]:
    """Returns a line of the table. The peak is that of all of JAX's cells so far."""
    if "note" in record:
        return [record["name"], record["note"], "", "", ""]
    rate = record["operations"] / record["seconds"] / 1e12
    return [
        record["name"],
        f"{1000 * record['seconds']:.1f}",
        f"{rate:.0f}" if rate else "",
        f"{record['ready_seconds']:.0f}",
        f"{record['jax_peak_gib']:.1f}",
    ]


def _matrix_product() -> Callable[[], Any]:
    factors = jax.random.normal(jax.random.key(0), (2, 8192, 8192), jnp.bfloat16)
    product = jax.jit(jnp.matmul)
    return lambda: product(*factors).block_until_ready()


if __name__ == "__main__":
    main()
