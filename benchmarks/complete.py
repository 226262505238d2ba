"""Measures the time and memory of filling a hole, beside PyTorch and Telea.

    python -m benchmarks.complete

Squares of 256 to 2048 pixels and a photograph of 12 megapixels, with one hole of 128 pixels.
"whole" runs the network over the entire picture, as PyTorch does here; "ours" is what
`glcic_jax.complete` does. The paper's times (table 4) are those of its own machine: a CPU of 8
cores and a TITAN X.
"""

import jax

from benchmarks import floors
from benchmarks.race import (
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

SIZES = ("256x256", "512x512", "768x768", "1024x1024", "2048x2048", "3000x4000")
PAPER = {512: (2.286, 0.141), 768: (4.933, 0.312), 1024: (8.262, 0.561)}
"""Seconds of the paper's table 4 by the picture's edge, on a CPU of 8 cores and on a GPU."""

WHOLE_LIMIT = 2048 * 2048
"""Pixels of a picture; the network's activations of larger ones fill tens of gigabytes."""

BFLOAT16_LIMIT = 256 * 256
"""Pixels of a picture on a CPU: one without bfloat16 instructions takes minutes for larger ones."""


def sides(height: int, width: int, gpu: bool) -> list[Side]:
    """Lists the sides that can run at this size."""
    size = {"height": height, "width": width}
    contestants = [
        Side("ours", "ours_complete", size | {"dtype": "float32", "whole": False}),
        Side("Telea", "telea", size),
    ]
    if height * width > WHOLE_LIMIT:
        return contestants
    contestants += [
        Side("whole", "ours_complete", size | {"dtype": "float32", "whole": True}),
        Side("PyTorch", "torch_complete", size | {"bfloat16": False}),
    ]
    if gpu or height * width <= BFLOAT16_LIMIT:
        contestants.append(Side("PyTorch bfloat16", "torch_complete", size | {"bfloat16": True}))
    if gpu:
        contestants.append(
            Side("whole bfloat16", "ours_complete", size | {"dtype": "bfloat16", "whole": True})
        )
    return contestants


def main() -> None:
    """Runs all races and prints one table."""
    parser = race_parser("complete", __doc__)
    parser.add_argument("--sizes", nargs="*", default=SIZES, help="height x width, such as 256x256")
    options = parser.parse_args()
    gpu = jax.default_backend() == "gpu"
    about, rate, bandwidth = measured_machine(edge=8192 if gpu else 2048)
    names = ["ours", "whole", "PyTorch", "PyTorch bfloat16", "Telea"]
    names += ["whole bfloat16"] if gpu else []
    # Race at every size.
    rows, records = [], []
    for text in options.sizes:
        height, width = (int(n) for n in text.split("x"))
        results = race(sides(height, width, gpu), options.rounds)
        seconds = [seconds_text(results[n], digits=3) if n in results else "-" for n in names]
        layers = floors.completion_layers(height, width)
        floor = 2 * sum(layer.macs for layer in layers) / rate
        bytes_floor = floors.pass_bytes(layers, 1) / bandwidth
        whole = results.get("whole")
        compared = ratio(results["PyTorch"], results["whole"]) if whole else "-"
        share = f"{floor / whole.seconds:.0%}" if whole and whole.seconds else "-"
        peaks = [f"{results[n].peak_mib:.0f}" if n in results else "-" for n in names[:3]]
        paper = "{} / {}".format(*PAPER[width]) if width in PAPER else "-"
        rows.append(
            [text, *seconds, compared, f"{floor:.3f}", share, f"{bytes_floor:.3f}", *peaks, paper]
        )
        records.append({"size": text} | in_json(results))
        print(rows[-1], flush=True)
    # Print and write.
    head = ["pixels", *(f"{name}, s" for name in names), "PyTorch / whole", "floor, s"]
    head += [
        "of the floor",
        "bytes, s",
        *(f"{name}, MiB" for name in names[:3]),
        "paper, CPU / GPU, s",
    ]
    print("\n" + table(head, rows))
    write_json(options.output, {"machine": about, "results": records})


if __name__ == "__main__":
    main()
