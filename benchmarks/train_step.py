"""Times one update of each phase beside PyTorch's, and beside what the arithmetic allows.

    python -m benchmarks.train_step

Networks have their full width. On a CPU pictures are 128 x 128 in batches of 8 and 256 x 256 in
batches of 4, in float32; on a GPU 256 x 256 in batches of 96 and 24, in float32 and bfloat16.
PyTorch's sides are left out where it is not installed.
"""

import jax

from benchmarks import floors
from benchmarks.race import (
    Result,
    Side,
    in_json,
    measured_machine,
    race,
    race_parser,
    ratio,
    seconds_text,
    table,
    write_json,
)

PHASES = ("completion", "discriminator", "joint")


def sides(size: int, count: int, phase: str, dtype: str, gpu: bool) -> list[Side]:
    """Lists ours with the phase static and traced, PyTorch eager and, on a GPU, compiled."""
    work = {"size": size, "count": count, "phase": phase}
    contestants = [
        Side("static", "ours_train", work | {"dtype": dtype, "traced": False}),
        Side("traced", "ours_train", work | {"dtype": dtype, "traced": True}),
        Side("PyTorch", "torch_train", work | {"autocast": dtype != "float32", "compiled": False}),
    ]
    if gpu:
        compiled = {"autocast": dtype != "float32", "compiled": True}
        contestants.append(Side("PyTorch compiled", "torch_train", work | compiled))
    return contestants


def row(cell: tuple, results: dict[str, Result], macs: int, floor: float, bytes_floor: float):
    """Returns a line of the table; the floors are in seconds."""
    ours = results["static"]
    share = f"{floor / ours.seconds:.0%}" if ours.seconds else "-"
    others = [r for name, r in results.items() if name.startswith("PyTorch") and r.seconds]
    best = min(others, key=lambda r: r.seconds or 0) if others else results["PyTorch"]
    size, count, phase, dtype = cell
    times = [seconds_text(r, 1000, 0) for r in results.values()]
    return [
        f"{size}, batch {count}", phase, dtype, *times, ratio(best, ours),
        f"{macs / 1e9:.0f}", f"{1000 * floor:.0f}", share, f"{1000 * bytes_floor:.0f}",
        f"{ours.peak_mib:.0f}",
    ]  # fmt: skip


def main() -> None:
    """Runs all races and prints one table."""
    parser = race_parser("train_step", __doc__)
    parser.add_argument("--sizes", nargs="*", default=None, help="such as 128x8: pixels x batch")
    options = parser.parse_args()
    gpu = jax.default_backend() == "gpu"
    sizes = options.sizes or (["256x96", "256x24"] if gpu else ["128x8", "256x4"])
    about, rate, bandwidth = measured_machine(edge=8192 if gpu else 2048)
    rows, records, names = [], [], []
    for text in sizes:
        size, count = (int(n) for n in text.split("x"))
        for dtype in ("float32", "bfloat16") if gpu else ("float32",):
            for phase in PHASES:
                cell = (size, count, phase, dtype)
                results = race(sides(*cell, gpu), options.rounds)
                names = list(results)
                macs = count * floors.phase_macs(size, size // 2)[phase]
                moved = floors.phase_bytes(size, size // 2, count)[phase]
                rows.append(row(cell, results, macs, 2 * macs / rate, moved / bandwidth))
                work = {"cell": cell, "macs": macs, "bytes": moved}
                records.append(work | in_json(results))
                print(rows[-1], flush=True)
    head = ["pictures", "phase", "dtype", *(f"{name}, ms" for name in names), "PyTorch / ours"]
    print(
        "\n" + table([*head, "GMAC", "floor, ms", "of the floor", "bytes, ms", "peak, MiB"], rows)
    )
    write_json(options.output, {"machine": about, "results": records})


if __name__ == "__main__":
    main()
