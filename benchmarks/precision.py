"""Trains the same start on the same pictures in float32 and in bfloat16, and compares the losses.

    python -m benchmarks.precision

500 updates, in all three phases, of the full-width network on the bundled photographs. On a CPU
choose a small one: --width 16 --size 64 --batch 8.
"""

import argparse
from pathlib import Path

import jax
import numpy as np

from benchmarks import floors
from benchmarks.race import table, write


def losses(dtype: str, options: argparse.Namespace) -> list[dict[str, float]]:
    """Metrics of every update."""
    from configs import quickstart
    from glcic_jax.data.pipeline import make_dataset
    from glcic_jax.methods import METHODS
    from glcic_jax.parallel import make_mesh, replicate, shard
    from glcic_jax.train_step import init_key, make_train_step
    from glcic_jax.types import phase_at

    config = quickstart.get_config()
    config.width, config.local_patch, config.dtype = options.width, options.size // 2, dtype
    config.data.update(crop=options.size, batch_size=options.batch)
    config.data.resize = (options.size, options.size * 3 // 2)
    config.holes.update(shortest=options.size // 4, longest=options.size // 3)
    steps = options.steps
    config.phases.update(completion=steps * 3 // 5, discriminator=steps // 10)
    config.phases.joint = steps - config.phases.completion - config.phases.discriminator
    mesh = make_mesh()
    dataset = make_dataset(config, seed=0, place=lambda batch: shard(mesh, batch))
    method = METHODS["glcic"](config, dataset.mean_pixel)
    step_fn = make_train_step(method, mesh, jax.random.key(0))
    state = replicate(mesh, method.init(init_key(0)))
    batches, told = dataset.batches(0), []
    for step in range(steps):
        state, metrics = step_fn(state, next(batches))
        named = phase_at(method.phases, step).metrics
        told.append({name: float(metrics[name]) for name in named})
    return told


def main() -> None:
    """Prints means over tenths of the run, and writes every loss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--size", type=int, default=128, help="crops, pixels")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--output", type=Path, default=Path("runs/benchmarks/precision.json"))
    options = parser.parse_args()
    curves = {dtype: losses(dtype, options) for dtype in ("float32", "bfloat16")}
    names = ("loss/mse", "loss/discriminator", "loss/adversarial")
    rows = []
    for tenth in np.array_split(np.arange(options.steps), 10):
        row = [f"{tenth[0] + 1} to {tenth[-1] + 1}"]
        for name in names:
            means = []
            for curve in curves.values():
                values = [curve[step][name] for step in tenth if name in curve[step]]
                means.append(f"{np.mean(values):.4g}" if values else "-")
            row.append(" / ".join(means))
        rows.append(row)
    print(table(["updates", *(f"{name}, float32 / bfloat16" for name in names)], rows))
    write(options.output, {"machine": floors.machine(), "losses": curves})


if __name__ == "__main__":
    main()
