"""Counts the bytes that devices exchange in one update, and projects them to many GPUs.

    python -m benchmarks.scaling

The bytes are counted in the programs that XLA compiles for four devices (virtual ones of a CPU).
The projection is not a measurement; it rests on the options. A step takes the arithmetic at `--mfu`
of the GPU's peak, and an all-reduce: a ring inside each node, and between nodes one over all of a
node's ports. The lower efficiency hides none of the exchange behind the arithmetic, the higher one
all that fits there.
"""

import argparse
import re
from collections.abc import Mapping
from typing import NamedTuple

import jax
from jax.stages import Compiled

from benchmarks import floors
from benchmarks.race import table
from glcic_jax.runtime.command_line import command_parser

WIDTHS = {"f32": 4, "bf16": 2, "s32": 4, "pred": 1}
"""Bytes of a value by XLA's name for its type."""

COUNTS = (4, 8, 64, 256)
"""Numbers of GPUs in the projection."""

DEVICES = 4
"""Virtual devices that programs are compiled for."""


class Network(NamedTuple):
    """Describes how GPUs are connected.

    Attributes:
      node: GPUs in a node.
      inside: GB/s between GPUs of a node.
      outside: GB/s between a node and the others.
    """

    node: int
    inside: float
    outside: float

    def seconds(self, size: int, count: int) -> float:
        """Computes the seconds of an all-reduce of `size` bytes over `count` GPUs."""
        near, nodes = min(count, self.node), max(count // self.node, 1)
        parts = (near - 1) / near / self.inside + (nodes - 1) / nodes / self.outside
        return 2 * size * parts / 1e9


def exchanges(program: str, kind: str = "all-reduce") -> list[int]:
    """Counts the bytes of each collective of a kind in a compiled program's text, per device."""
    found = re.findall(rf"= (.*?) {kind}(?:-start)?\(", program)
    return [_bytes(shapes) for shapes in found]


def _bytes(shapes: str) -> int:
    total = 0
    for kind, shape in re.findall(r"(f32|bf16|s32|pred)\[([\d,]*)\]", shapes):
        size = WIDTHS[kind]
        for length in filter(None, shape.split(",")):
            size *= int(length)
        total += size
    return total


def compiled(phase: str, size: int, fsdp: int) -> Compiled:
    """Compiles one update at full width, with a picture on each device."""
    import jax.numpy as jnp

    from benchmarks.ours import full_width_method
    from glcic_jax.runtime.devices import make_mesh
    from glcic_jax.train.step import init_key, one_phase

    method = full_width_method(size, "float32")
    mesh = make_mesh(jax.devices()[:DEVICES], fsdp)
    (chosen,) = (p for p in method.phases if p.name == phase)
    state = jax.eval_shape(method.init, init_key(0))
    shapes = {"image": 3, "mask": 1, "other_mask": 1}
    batches = {
        name: jax.ShapeDtypeStruct((DEVICES, size, size, channels), jnp.float32)
        for name, channels in shapes.items()
    }
    return one_phase(mesh, chosen).lower(state, batches).compile()


def examined(phase: str, size: int, fsdp: int) -> tuple[int, list[object]]:
    """Returns the bytes that a phase's program all-reduces, and its row of the first table."""
    program = compiled(phase, size, fsdp)
    text, memory = program.as_text() or "", program.memory_analysis()
    reduced, gathered = exchanges(text), exchanges(text, "all-gather")
    sizes = (
        sum(reduced),
        max(reduced),
        sum(gathered),
        memory.argument_size_in_bytes,
        memory.temp_size_in_bytes,
    )
    return sum(reduced), [phase, fsdp, len(reduced), *map(_mega, sizes)]


def _mega(count: float) -> str:
    return f"{count / 1e6:.1f}"


def projected(exchanged: Mapping[str, int], options: argparse.Namespace) -> list[list[object]]:
    """Returns the second table's rows: milliseconds of exchange, and the efficiency's range."""
    node, inside, port = options.node, options.inside, options.port
    networks = {
        "NVLink among all": Network(max(COUNTS), inside, inside),
        f"nodes of {node}, a port per GPU": Network(node, inside, node * port),
        f"nodes of {node}, one port": Network(node, inside, port),
        "single GPUs, a port each": Network(1, inside, port),
    }
    macs = floors.phase_macs(options.size, options.size // 2)
    rows = []
    for phase, size in exchanged.items():
        work = 2 * macs[phase] * options.share / (options.peak * 1e12 * options.mfu)
        for name, network in networks.items():
            row: list[object] = [phase, f"{1000 * work:.1f}", name]
            for count in COUNTS:
                added = network.seconds(size, count)
                lower, upper = 100 * work / (work + added), 100 * work / max(work, added)
                row.append(f"{1000 * added:.1f} ({lower:.0f} to {upper:.0f} %)")
            rows.append(row)
    return rows


def main() -> None:
    """Prints both tables."""
    parser = command_parser("benchmarks.scaling", __doc__)
    parser.add_argument(
        "--size", type=int, default=256, help="edge of the pictures, pixels; 256 by default"
    )
    parser.add_argument("--share", type=int, default=24, help="pictures per GPU; 24 by default")
    parser.add_argument("--peak", type=float, default=989, help="TFLOP/s of a GPU; 989 by default")
    parser.add_argument(
        "--mfu",
        type=float,
        default=0.4,
        help="share of the peak that a step reaches; 0.4 by default",
    )
    parser.add_argument(
        "--inside", type=float, default=450, help="GB/s between GPUs of a node; 450 by default"
    )
    parser.add_argument(
        "--port", type=float, default=25, help="GB/s of a port between nodes; 25 by default"
    )
    parser.add_argument("--node", type=int, default=8, help="GPUs in a node; 8 by default")
    options = parser.parse_args()
    jax.config.update("jax_num_cpu_devices", DEVICES)
    exchanged, rows = {}, []
    for phase in floors.phase_macs(options.size, options.size // 2):
        for fsdp in (1, DEVICES):
            exchanged[phase], row = examined(phase, options.size, fsdp)
            rows.append(row)
            print(row, flush=True)
    columns = ("phase", "fsdp", "all-reduces", "together, MB", "largest, MB", "all-gathered, MB")
    print("\n" + table([*columns, "arguments, MB", "temporary, MB"], rows) + "\n")
    counts = [f"{count} GPUs" for count in COUNTS]
    print(table(["phase", "arithmetic, ms", "network", *counts], projected(exchanged, options)))


if __name__ == "__main__":
    main()
