"""Measures the time and memory of LaMa's network, beside PyTorch and ONNX Runtime, on the CPU.

    python -m benchmarks.lama
    python -m benchmarks.lama --sizes 256x256 512x512 --blocks 9

Weights are random; 18 blocks of width 64 are those of big-lama. Sizes are multiples of 8. ONNX
Runtime runs our export, PyTorch the same layers (tests/helpers/lama_pytorch.py). Sides whose
package is not installed are left out.
"""

import argparse
import tempfile
from pathlib import Path

import jax
import numpy as np

from benchmarks import floors, inputs
from benchmarks.race import (
    Side,
    in_json,
    race,
    race_parser,
    ratio,
    seconds_text,
    table,
    write_json,
)
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.exchange import write_exchange
from glcic_jax.weights.lama import LamaWeights, generator_shapes

SPREAD = 0.02
"""Deviation of the random weights: activations stay numbers of ordinary size."""


def random_weights(width: int, blocks: int) -> LamaWeights:
    """Returns a network of random kernels, and of statistics that change nothing."""
    rng, tensors = np.random.default_rng(0), {}
    for name, shape in generator_shapes(width, blocks).items():
        same = np.ones if name.endswith(("var", "scale")) else np.zeros
        drawn = SPREAD * rng.standard_normal(shape) if name.endswith("kernel") else same(shape)
        tensors[name] = drawn.astype(np.float32)
    return LamaWeights(tensors=tensors, mean_pixel=(0.0, 0.0, 0.0), source="random")


def ours(sizes: list[tuple[int, int]], folder: str):
    """Makes a worker that completes pictures of these heights and widths, one by one."""
    from glcic_jax.complete.completer import make_complete_fn
    from glcic_jax.weights.address import open_trained

    complete = make_complete_fn(*open_trained(folder).completing())
    pictures = []
    for height, width in sizes:
        image, mask = inputs.photograph(height, width)
        pictures.append((np.float32(image[None] / 255), np.float32(mask[None, ..., None])))

    def run() -> None:
        for image, mask in pictures:
            jax.block_until_ready(complete(image, mask))

    return run


def make_parser() -> argparse.ArgumentParser:
    """Describes the flags of the command."""
    parser = race_parser("lama", __doc__)
    parser.add_argument(
        "--sizes", nargs="+", default=["512x512"], help="HEIGHTxWIDTH; 512x512 by default"
    )
    parser.add_argument(
        "--width", type=int, default=64, help="channels at full size; 64 by default"
    )
    parser.add_argument("--blocks", type=int, default=18, help="residual blocks; 18 by default")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Runs the command."""
    args = make_parser().parse_args(argv)
    rows, results = [], {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = random_weights(args.width, args.blocks)
        write_exchange(weights, folder / "weights")
        model = _exported(weights, folder)
        for size in args.sizes:
            height, width = (int(edge) for edge in size.split("x"))
            work = {"sizes": [(height, width)]}
            net = {"width": args.width, "blocks": args.blocks}
            sides = [
                Side("ours", "ours_lama", work | {"folder": str(folder / "weights")}),
                Side("PyTorch", "torch_lama", work | net),
            ]
            if model:
                sides.append(Side("ONNX Runtime", "onnxruntime", work | {"model": model}))
            found = race(sides, args.rounds)
            results[size] = in_json(found)
            for side, result in found.items():
                share = ratio(result, found["ours"])
                memory = f"{result.peak_mib:,.0f}"
                cpu = f"{result.cpu_seconds:.2f}"
                rows.append([size, side, seconds_text(result), cpu, share, memory])
    print(floors.machine())
    print(table(["size", "side", "seconds", "CPU seconds", "times ours", "MiB"], rows))
    write_json(args.output, {"machine": floors.machine(), "results": results})


def _exported(weights: LamaWeights, folder: Path) -> str | None:
    """Writes the ONNX model; returns its path, or None if the package onnx is not installed."""
    from glcic_jax.convert.onnx_lama import to_onnx

    path = folder / "network.onnx"
    try:
        path.write_bytes(to_onnx(weights))
    except UserError as error:
        print(error)
        return None
    return str(path)


if __name__ == "__main__":
    main()
