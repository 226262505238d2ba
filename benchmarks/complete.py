"""Measures the time and memory of filling a hole, beside other programs that run the same network.

    python -m benchmarks.complete
    python -m benchmarks.complete --networks 16 32 --sizes 256x256 --sides ours whole OpenVINO
    python -m benchmarks.complete --sizes mixed     # pictures of many sizes in one process

Squares of 256 to 2048 pixels and a photograph of 12 megapixels, with one hole of 128 pixels.
"whole" runs the network over the entire picture, as the peers do here; "ours" is what
`glcic_jax.complete` does. ONNX Runtime, OpenVINO and OpenCV's DNN run our export, PyTorch the same
layers. Sides whose package is not installed are left out. The paper's times (table 4) are those of
its own machine: a CPU of 8 cores and a TITAN X.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import jax

from benchmarks import floors, mixed
from benchmarks.networks import export_onnx, export_state
from benchmarks.race import (
    Result,
    Side,
    in_json,
    measured_machine,
    race,
    race_parser,
    ratio,
    table,
    write_json,
)
from glcic_jax.runtime.errors import UserError

SIZES = ("256x256", "512x512", "768x768", "1024x1024", "2048x2048", "3000x4000")
PAPER = {512: (2.286, 0.141), 768: (4.933, 0.312), 1024: (8.262, 0.561)}
"""Seconds of the paper's table 4 by the picture's edge, on a CPU of 8 cores and on a GPU."""

WHOLE_LIMIT = 2048 * 2048
"""Pixels of a picture; the network's activations of larger ones fill tens of gigabytes."""

BFLOAT16_LIMIT = 256 * 256
"""Pixels of a picture on a CPU: one without bfloat16 instructions takes minutes for larger ones."""

RUN_EXPORTS = {"ONNX Runtime": "onnxruntime", "OpenVINO": "openvino", "OpenCV DNN": "opencv_dnn"}
"""The workers that run our export, by the names of their sides."""

NAMES = ("ours", "whole", "PyTorch", *RUN_EXPORTS, "Telea", "PyTorch bfloat16", "whole bfloat16")
"""All sides."""


def sides(
    network: str, sizes: list[tuple[int, int]], files: dict[str, str], gpu: bool
) -> list[Side]:
    """Lists the sides that can complete pictures of these sizes, one by one, with this network.

    Args:
      network: as `benchmarks.networks.completer` takes it.
      sizes: heights and widths.
      files: what `exported` returned.
      gpu: whether there is a GPU.
    """
    work = {"sizes": sizes}
    own = work | {"network": network, "dtype": "float32"}
    contestants = [Side("ours", "ours_complete", own | {"whole": False})]
    contestants.append(Side("Telea", "telea", work))
    pixels = max(height * width for height, width in sizes)
    if pixels > WHOLE_LIMIT:
        return contestants
    plain = network.isdigit()
    contestants.append(Side("whole", "ours_complete", own | {"whole": True}))
    torch = work | ({"width": int(network)} if plain else {"state": files["state"]})
    contestants.append(Side("PyTorch", "torch_complete", torch | {"bfloat16": False}))
    if "onnx" in files:
        contestants += [
            Side(name, worker, work | {"model": files["onnx"]})
            for name, worker in RUN_EXPORTS.items()
        ]
    if plain and (gpu or pixels <= BFLOAT16_LIMIT):
        contestants.append(Side("PyTorch bfloat16", "torch_complete", torch | {"bfloat16": True}))
    if plain and gpu:
        half = own | {"dtype": "bfloat16", "whole": True}
        contestants.append(Side("whole bfloat16", "ours_complete", half))
    return contestants


def exported(network: str, folder: Path) -> dict[str, str]:
    """Writes a network for the peers.

    Returns:
      The paths of its "onnx" model and of PyTorch's "state" (a random network needs none). Prints
      why there is no model if the package onnx is not installed.
    """
    files = {} if network.isdigit() else {"state": export_state(network, folder)}
    try:
        files["onnx"] = export_onnx(network, folder)
    except UserError as error:
        print(f"{', '.join(RUN_EXPORTS)} left out: {error}", flush=True)
    return files


def present(results: Sequence[dict[str, Result]]) -> list[str]:
    """Returns the sides with a time in any race, in NAMES' order; prints why others have none."""
    for name in NAMES:
        notes = {r[name].note for r in results if name in r and r[name].seconds is None}
        for note in sorted(notes):
            print(f"{name}: {note}")
    return [name for name in NAMES if any(name in r and r[name].seconds for r in results)]


def cells(result: Result | None) -> str:
    """Returns seconds of wall and, in brackets, of CPU time."""
    if result is None or result.seconds is None:
        return "-"
    return f"{result.seconds:.3f} ({result.cpu_seconds:.2f})"


def ratios(peer: Result | None, ours: Result | None) -> str:
    """Returns a peer's time in ours, wall and, in brackets, CPU time."""
    if not peer or not ours or not peer.seconds or not ours.seconds:
        return "-"
    return f"{ratio(peer, ours)} ({peer.cpu_seconds / ours.cpu_seconds:.2f})"


def limits(network: str, size: tuple[int, int], whole: Result | None, rates: tuple[float, float]):
    """Returns the floors of arithmetic and of bytes, in seconds, and the first one's share."""
    if not network.isdigit():
        return ["-", "-", "-"]
    layers = floors.completion_layers(*size, int(network))
    floor = 2 * sum(layer.macs for layer in layers) / rates[0]
    share = f"{floor / whole.seconds:.0%}" if whole and whole.seconds else "-"
    return [f"{floor:.3f}", share, f"{floors.pass_bytes(layers, 1) / rates[1]:.3f}"]


def print_tables(
    races: dict[tuple[str, tuple[int, int]], dict[str, Result]], rates: tuple[float, float]
) -> None:
    """Prints seconds, ratios and memory, a line for each network and size."""
    names = present(list(races.values()))
    peers = [name for name in names if name not in ("ours", "whole", "Telea")]
    head, times, compared, memory = ["network", "pixels"], [], [], []
    for (network, (height, width)), results in races.items():
        line = [network, f"{height} x {width}"]
        whole = results.get("whole")
        paper = "{} / {}".format(*PAPER[width]) if width in PAPER else "-"
        times.append([*line, *(cells(results.get(name)) for name in names), paper])
        limit = limits(network, (height, width), whole, rates)
        compared.append([*line, *(ratios(results.get(name), whole) for name in peers), *limit])
        held = [results[n].peak_mib if n in results else 0 for n in names]
        memory.append([*line, *(f"{mib:.0f}" if mib else "-" for mib in held)])
    print("\nseconds of wall (of CPU):\n")
    print(table([*head, *names, "paper, CPU / GPU"], times))
    print("\ntimes the wall (CPU) of whole, and the floors in seconds:\n")
    print(table([*head, *peers, "floor", "of the floor", "bytes"], compared))
    print("\nMiB:\n\n" + table([*head, *names], memory))


def complete_parser() -> argparse.ArgumentParser:
    """Makes the parser of this command."""
    parser = race_parser("complete", __doc__)
    parser.add_argument(
        "--sizes", nargs="*", default=SIZES, help="height x width, such as 256x256; or mixed"
    )
    parser.add_argument(
        "--networks", nargs="*", default=["64"],
        help="widths of plain GLCIC networks, or folders of weights; 64 by default",
    )  # fmt: skip
    parser.add_argument(
        "--sides", nargs="*", default=NAMES, choices=NAMES, help="all by default", metavar="SIDE"
    )
    return parser


def main() -> None:
    """Runs all races and prints the tables."""
    parser = complete_parser()
    options = parser.parse_args()
    for network in options.networks:
        if not network.isdigit() and not Path(network).is_dir():
            parser.error(f"--networks {network}: neither a width nor a folder of weights")
    gpu = jax.default_backend() == "gpu"
    about, *rates = measured_machine(edge=8192 if gpu else 2048)
    mixed_sizes = list(options.sizes) == ["mixed"]
    races, records = {}, []
    for network in options.networks:
        with tempfile.TemporaryDirectory() as folder:
            files = exported(network, Path(folder))
            if mixed_sizes:
                chosen = sides(network, list(mixed.SIZES), files, gpu)
                kept = [side for side in chosen if side.name in options.sides]
                records.append({"network": network} | mixed.report(network, kept, options.rounds))
                continue
            for text in options.sizes:
                height, width = (int(n) for n in text.split("x"))
                chosen = sides(network, [(height, width)], files, gpu)
                results = race([s for s in chosen if s.name in options.sides], options.rounds)
                races[network, (height, width)] = results
                records.append({"network": network, "size": text} | in_json(results))
                print(network, text, {n: cells(r) for n, r in results.items()}, flush=True)
    if races:
        print_tables(races, (rates[0], rates[1]))
    write_json(options.output, {"machine": about, "results": records})


if __name__ == "__main__":
    main()
