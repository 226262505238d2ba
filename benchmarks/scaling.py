"""Bytes that devices exchange in one update, and what that makes of many GPUs.

    python -m benchmarks.scaling

The bytes are counted in the program that XLA compiles for four devices (virtual ones of a CPU). The
projection is no measurement. It assumes what the options say, and nothing hidden behind
computation: a step takes the arithmetic at `--mfu` of the GPU's peak, then a ring all-reduce of
2 (n - 1) / n of the bytes over the slowest link.
"""

import argparse
import re

import jax

from benchmarks import floors
from benchmarks.race import table

WIDTHS = {"f32": 4, "bf16": 2, "s32": 4, "pred": 1}


def exchanged_bytes(program: str) -> int:
    """Of the all-reduces in the text of a compiled program, per device."""
    total = 0
    for line in program.splitlines():
        found = re.search(r"= (.*?) all-reduce(?:-start)?\(", line)
        for kind, shape in re.findall(
            r"(f32|bf16|s32|pred)\[([\d,]*)\]", found[1] if found else ""
        ):
            size = WIDTHS[kind]
            for length in filter(None, shape.split(",")):
                size *= int(length)
            total += size
    return total


def compiled(phase: str, size: int, batch: int, devices: int) -> str:
    """The program of one update at full width."""
    import jax.numpy as jnp

    from benchmarks.ours import method_of
    from glcic_jax.parallel import make_mesh
    from glcic_jax.train_step import init_key, one_phase

    method, mesh = method_of(size, "float32"), make_mesh(jax.devices()[:devices])
    (chosen,) = (p for p in method.phases if p.name == phase)
    state = jax.eval_shape(method.init, init_key(0))
    shapes = {"image": 3, "mask": 1, "other_mask": 1}
    batches = {
        name: jax.ShapeDtypeStruct((batch, size, size, channels), jnp.float32)
        for name, channels in shapes.items()
    }
    return one_phase(mesh, chosen).lower(state, batches).compile().as_text() or ""


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--share", type=int, default=24, help="pictures per GPU")
    parser.add_argument("--peak", type=float, default=989, help="TFLOP/s of a GPU")
    parser.add_argument("--mfu", type=float, default=0.4)
    parser.add_argument("--inside", type=float, default=450, help="GB/s between GPUs of a node")
    parser.add_argument("--between", type=float, default=50, help="GB/s per GPU between nodes")
    parser.add_argument("--node", type=int, default=8, help="GPUs in a node")
    options = parser.parse_args()
    jax.config.update("jax_num_cpu_devices", 4)
    macs = floors.phase_macs(options.size, options.size // 2)
    rows = []
    for phase in macs:
        exchanged = exchanged_bytes(compiled(phase, options.size, 4, 4))
        seconds = 2 * macs[phase] * options.share / (options.peak * 1e12 * options.mfu)
        row = [phase, f"{exchanged / 1e6:.1f}", f"{1000 * seconds:.1f}"]
        for count in (4, 8, 64, 256):
            link = options.inside if count <= options.node else options.between
            added = 2 * (count - 1) / count * exchanged / (link * 1e9)
            row.append(f"{1000 * added:.1f} ({seconds / (seconds + added):.0%})")
        rows.append(row)
        print(row, flush=True)
    counts = [f"{count} GPUs: exchange, ms (efficiency)" for count in (4, 8, 64, 256)]
    print("\n" + table(["phase", "all-reduced, MB", "arithmetic, ms", *counts], rows))


if __name__ == "__main__":
    main()
