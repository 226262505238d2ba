"""Writes the folder of a report: whole, or not at all."""

import csv
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from glcic_jax.evaluate.measure import Measured
from glcic_jax.evaluate.page import PictureRow, report_page
from glcic_jax.evaluate.rivals import TRUTH
from glcic_jax.evaluate.tables import latex, markdown, table
from glcic_jax.pictures.decode import write_picture
from glcic_jax.runtime.disk import FULL, clear_errors, whole_folder, write_whole
from glcic_jax.runtime.errors import UserError

RESULTS, MANIFEST, PER_PICTURE = "results.json", "manifest.json", "per_picture.csv"
PICTURES = "pictures"


def check_output(output: Path) -> None:
    """Refuses a place where no report can be written, before anything is computed.

    Raises:
      UserError: a file, a folder that holds something else, or one that cannot be written.
    """
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output}: is a file; give a folder")
    if output.is_dir() and any(output.iterdir()) and not (output / RESULTS).exists():
        raise UserError(
            f"--output {output}: holds something other than a report; give a new folder"
        )
    existing = next(p for p in (output.absolute(), *output.absolute().parents) if p.exists())
    place = existing.parent if existing == output.absolute() else existing
    try:  # rather than ask: rights are not all that it depends on
        with TemporaryDirectory(prefix=".", dir=place):
            pass
    except OSError as error:
        if error.errno in FULL:
            raise
        raise UserError(f"--output {output}: {place}: cannot write there") from error


def write_report(
    output: Path, measured: Measured, results: dict[str, Any], manifest: dict[str, Any]
) -> None:
    """Writes a report beside `output` and puts it there once it is whole; an old one goes then.

    All but index.html and times.json is the same, byte for byte, if the same was measured.

    Raises:
      UserError: the disk is full.
    """
    place = output.absolute().parent
    place.mkdir(parents=True, exist_ok=True)
    with (
        clear_errors(place, lambda: "no report was written"),
        whole_folder(output, replace=True) as folder,
    ):
        _write(folder, measured, results, manifest)


def _write(
    folder: Path, measured: Measured, results: dict[str, Any], manifest: dict[str, Any]
) -> None:
    (folder / PICTURES).mkdir()
    rows = [_write_row(folder, measured, index) for index in range(len(measured.rows))]
    median = {label: float(np.median(seconds)) for label, seconds in measured.seconds.items()}
    times = {
        label: {"median": median[label], "mean": float(seconds.mean())}
        for label, seconds in measured.seconds.items()
    }
    layouts = {"": table(results["scores"])}
    layouts |= {
        f"{label} ({part['pictures']})": table(part["scores"], f"hole {label}")
        for label, part in results["bins"].items()
    }
    files = {
        RESULTS: _json(results),
        MANIFEST: _json(manifest),
        "times.json": _json(times),
        PER_PICTURE: _csv(measured),
        "results.md": "\n".join(markdown(layout) for layout in layouts.values()),
        "results.tex": latex(layouts[""]),
        "index.html": report_page(results, manifest, median, rows),
    }
    for name, text in files.items():
        write_whole(folder / name, text)


def _write_row(folder: Path, measured: Measured, index: int) -> PictureRow:
    """Writes the pictures of one row: input with a white hole, each method's, the truth."""
    example, completed = measured.rows[index]
    hole = example.mask[..., None] > 0
    pictures = {"input": np.where(hole, np.uint8(255), example.image)} | completed
    pictures[TRUTH] = example.image
    addresses = []
    for column, (caption, picture) in enumerate(pictures.items()):
        address = f"{PICTURES}/{index + 1:04d}_{column}.png"
        write_picture(folder / address, picture)
        addresses.append((caption, address))
    return PictureRow(example.name, example.share, addresses)


def _csv(measured: Measured) -> str:
    """Writes a line per picture and method: numbers to the last digit, "" where undefined."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    metrics = list(next(iter(measured.scores.values())))
    lines.writerow(["picture", "share", "method", *metrics])
    for index, name in enumerate(measured.names):
        share = repr(float(measured.shares[index]))
        for method, scores in measured.scores.items():
            values = [float(scores[metric][index]) for metric in metrics]
            texts = [repr(v) if np.isfinite(v) else "" for v in values]
            lines.writerow([name, share, method, *texts])
    return text.getvalue()


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
