"""Progress of a run: metrics.jsonl, console lines, TensorBoard, sample grids and index.html."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from glcic_jax.runtime.command_line import print_result
from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.example_scores import write_scores
from glcic_jax.runtime.run_folder import METRICS_FILE, read_records
from glcic_jax.runtime.sample_grids import grid_file, grid_files
from glcic_jax.runtime.trackers import Writer, open_trackers
from glcic_jax.train.alarm import CollapseAlarm
from glcic_jax.train.clock import Clock
from glcic_jax.train.console import grouped, speed_parts
from glcic_jax.train.page import HISTORY, run_page, thinned
from glcic_jax.train.tensorboard import Board
from glcic_jax.types import PixelImage

GRIDS_SHOWN = 12
"""Sample grids on the page: the newest."""

QUIET = "grad_norm/"
"""The page shows metrics whose names begin with this, the console does not."""


class Report:
    """Records and prints the progress of one run.

    Args:
      workdir: an existing run folder.
      title: the heading of the page.
      total_steps: updates of the whole run.
      batch_size: pictures per step over all devices, for the rate.
      phase_ends: the name and the last step of each phase; they are marked in the curves.
      trackers: keys of TRACKERS, which get all records too.
      enabled: False on all processes but the first. Then nothing is written or printed.
    """

    def __init__(
        self,
        workdir: Path,
        *,
        title: str,
        total_steps: int,
        batch_size: int,
        phase_ends: tuple[tuple[str, int], ...],
        trackers: Sequence[str] = (),
        enabled: bool = True,
    ) -> None:
        self._workdir, self._title, self._enabled = workdir, title, enabled
        self._total_steps, self._phase_ends = total_steps, phase_ends
        self._alarm = CollapseAlarm(phases=[name for name, _ in phase_ends])
        self._records: list[dict] = []
        self._trackers, self._boards = trackers, list[Writer]()
        self.clock = Clock(batch_size)
        """Measures the updates. The loop reports to it what is not one."""
        self.ideal_seconds: dict[str, float] = {}
        """Seconds of a step at the devices' peak, by phase. Where they are known, the devices'
        utilisation is recorded and printed."""

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def resume(self, step: int) -> None:
        """Drops what was recorded after `step`, and starts the clock.

        A run that was killed between two checkpoints had made more updates than it saved. They are
        made again. One that has saved nothing begins anew, with the scores of its start.
        """
        self.clock.start(step)
        if not self._enabled:
            return
        path = self._workdir / METRICS_FILE
        recorded = read_records(self._workdir) if step else []
        kept = [record for record in recorded if record["step"] <= step]
        write_whole(path, "".join(json.dumps(record) + "\n" for record in kept))
        self._records = thinned(kept)
        board = Board(self._workdir / "tensorboard", first_step=step + 1 if step else 0)
        self._boards = [board, *open_trackers(self._trackers, self._workdir, self.message)]

    def scalars(self, step: int, phase: str, values: dict[str, float]) -> None:
        """Records the metrics of an update, and prints a line.

        Args:
          step: the number of the update.
          phase: its phase's name.
          values: its metrics by name.
        """
        speed = self.clock.lap(step, self.ideal_seconds.get(phase))
        self._record("train", step, phase, speed | values)
        shown = {name: value for name, value in values.items() if not name.startswith(QUIET)}
        parts = [*speed_parts(speed, self._total_steps - step), *grouped(shown, ".3g")]
        self.message(f"[{phase} {step:,}/{self._total_steps:,}] {'  '.join(parts)}")
        warning = self._alarm(values)
        if warning:
            self.message(f"warning at step {step:,}: {warning}")

    def evaluation(
        self, step: int, phase: str, values: dict[str, float],
        each: Mapping[str, np.ndarray] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        """Records and prints held-out scores, and redraws the page.

        Args:
          step: the number of the update.
          phase: its phase's name.
          values: means by "held_out/NAME".
          each: numbers of the single examples by NAME, which a file keeps until the next ones.
        """
        if self._enabled and each:
            write_scores(self._workdir, step, {name: x.tolist() for name, x in each.items()})
        self._record("held_out", step, phase, values)
        scores = "  ".join(grouped(values, ".4g"))
        self.message(f"[{phase} {step:,}/{self._total_steps:,}] {scores}")
        self._redraw()

    def grid(self, step: int, rows: Sequence[Sequence[PixelImage]], columns: Sequence[str]) -> None:
        """Writes samples/STEP.png, and redraws the page.

        Args:
          step: the number of the update.
          rows: one row per example: uint8 RGB pictures, all of one size.
          columns: the names of the columns.
        """
        if not self._enabled:
            return
        picture = draw_grid(rows, columns)
        file = grid_file(self._workdir, step)
        file.parent.mkdir(exist_ok=True)
        _, data = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
        write_whole(file, data.tobytes())
        for board in self._boards:
            board.picture(step, "held_out", picture)
        self._redraw()

    def message(self, text: str) -> None:
        """Prints a line, if anybody reads, and adds it to log.txt with the time."""
        if not self._enabled:
            return
        print_result(text)
        with (self._workdir / "log.txt").open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")

    def close(self) -> None:
        """Redraws the page once more, and closes TensorBoard's file."""
        if self._enabled and self._records:
            self._redraw()
        for board in self._boards:
            board.close()
        self._boards = []

    def _record(self, kind: str, step: int, phase: str, values: dict[str, float]) -> None:
        if not self._enabled:
            return
        finite = {k: float(v) if math.isfinite(v) else None for k, v in values.items()}
        record = {"kind": kind, "step": step, "phase": phase, **finite}
        with (self._workdir / METRICS_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        self._records.append(record)
        if len(self._records) > 2 * HISTORY:
            self._records = thinned(self._records)
        for board in self._boards:
            board.scalars(step, values)

    def _redraw(self) -> None:
        if not self._enabled:
            return
        grids = grid_files(self._workdir)[::-1][:GRIDS_SHOWN]
        config = self._workdir / "config.json"
        text = run_page(
            self._title,
            self._records,
            [path.relative_to(self._workdir).as_posix() for path in grids],
            self._phase_ends,
            config.read_text("utf-8") if config.exists() else "",
        )
        write_whole(self._workdir / "index.html", text)


def draw_grid(rows: Sequence[Sequence[PixelImage]], columns: Sequence[str]) -> PixelImage:
    """Draws pictures in rows and columns, with the columns' names on top.

    Args:
      rows: uint8 RGB [h, w, 3] pictures, all of one size.
      columns: the names, as many as there are pictures in a row.

    Returns:
      One picture, uint8 RGB.
    """
    height, width = rows[0][0].shape[:2]
    gap, title = 4, 22
    canvas_size = (title + len(rows) * (height + gap), len(columns) * (width + gap) - gap, 3)
    canvas = np.full(canvas_size, 255, np.uint8)
    for column, name in enumerate(columns):
        left = column * (width + gap)
        scale = min(0.45, 0.45 * width / max(1, cv2.getTextSize(name, 0, 0.45, 1)[0][0]))
        cv2.putText(canvas, name, (left, 15), 0, scale, (0, 0, 0), 1, cv2.LINE_AA)
        for row, pictures in enumerate(rows):
            top = title + row * (height + gap)
            canvas[top : top + height, left : left + width] = pictures[column]
    return canvas
