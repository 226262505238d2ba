"""Records, sample grids, alarms and TensorBoard files of a run."""

import json
import os
import re
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog

from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.fields import dotted
from glcic_jax.runtime.run_folder import METRICS_FILE, read_records
from glcic_jax.settings.check import with_defaults
from glcic_jax.train.alarm import CollapseAlarm
from glcic_jax.train.report import Report, draw_grid
from glcic_jax.train.tensorboard import Board
from tests.helpers.methods import every_method, small_config_of
from tests.helpers.small import MEAN

PHASES = (("completion", 100), ("discriminator", 100), ("joint", 300))


def make_report(folder, **changes):
    options = {"title": "a <run>", "total_steps": 300, "batch_size": 8, "phase_ends": PHASES}
    return Report(folder, **(options | changes))


def losses(step):
    return {"loss/mse": 1 / step, "grad_norm/completion": 0.1}


def test_a_run_goes_on_when_nobody_reads_its_lines_any_more(tmp_path, monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone, make_report(tmp_path) as report:
        monkeypatch.setattr(sys, "stdout", gone)
        for line in ("one", "two"):
            report.message(line)
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert [line.split()[-1] for line in lines] == ["one", "two"]


def test_records_have_step_phase_and_rate(tmp_path):
    with make_report(tmp_path) as report:
        report.resume(0)
        report.scalars(10, "completion", losses(10))
        report.evaluation(10, "completion", {"held_out/l1": 0.2})
    train, held_out = read_records(tmp_path)
    assert train["images_per_s"] > 0
    assert (train["kind"], train["step"], train["phase"]) == ("train", 10, "completion")
    assert train["loss/mse"] == 0.1
    assert held_out == {
        "kind": "held_out", "step": 10, "phase": "completion", "held_out/l1": 0.2
    }  # fmt: skip


def test_utilisation_is_recorded_where_the_ideal_time_is_known(tmp_path, monkeypatch, capsys):
    now = 0.0
    monkeypatch.setattr("glcic_jax.train.report.time.monotonic", lambda: now)
    with make_report(tmp_path) as report:
        report.resume(0)
        report.ideal_seconds = {"completion": 0.2}
        now = 5.0
        report.scalars(10, "completion", losses(10))
        report.scalars(12, "discriminator", {})
    known, unknown = read_records(tmp_path)
    assert (known["mfu"], known["step_ms"], known["images_per_s"]) == (0.4, 500.0, 16.0)
    assert "mfu" not in unknown
    assert capsys.readouterr().out.count("MFU 40%") == 1


def test_a_resumed_run_forgets_what_it_will_do_again(tmp_path):
    with make_report(tmp_path) as report:
        report.resume(0)
        for step in (10, 20, 30):
            report.scalars(step, "completion", losses(step))
    with (tmp_path / METRICS_FILE).open("a") as file:
        file.write('{"kind": "train", "st')  # killed in the middle of a line
    with make_report(tmp_path) as report:
        report.resume(20)
        report.scalars(30, "completion", losses(30))
    assert [record["step"] for record in read_records(tmp_path)] == [10, 20, 30]


def test_a_run_killed_before_its_first_save_has_the_scores_of_its_start_once(tmp_path):
    for _ in range(2):
        with make_report(tmp_path) as report:
            report.resume(0)
            report.evaluation(0, "completion", {"held_out/l1": 0.5})
    with make_report(tmp_path) as report:
        report.resume(10)
    assert [record["step"] for record in read_records(tmp_path)] == [0]


def test_what_is_not_finite_is_written_as_json_can(tmp_path):
    with make_report(tmp_path) as report:
        report.resume(0)
        report.scalars(1, "completion", {"loss/mse": float("nan")})
    (line,) = (tmp_path / METRICS_FILE).read_text().splitlines()
    assert json.loads(line)["loss/mse"] is None


def test_console_line_shows_phase_rate_and_time_left(tmp_path, capsys):
    with make_report(tmp_path) as report:
        report.resume(0)
        report.scalars(150, "joint", losses(2))
    line = capsys.readouterr().out
    for part in ("[joint 150/300]", "images/s", "left", "loss: mse 0.5"):
        assert part in line
    assert "norm" not in line  # that is for the page
    assert line.strip() in (tmp_path / "log.txt").read_text()


def test_time_spent_on_other_things_does_not_slow_the_rate(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with make_report(tmp_path) as report:
        report.resume(0)
        now[0] += 4
        with report.clock.paused():
            now[0] += 60
        report.scalars(10, "completion", {})
    assert read_records(tmp_path)[0]["images_per_s"] == 20  # 10 steps of 8 in 4 s


def test_other_processes_write_nothing(tmp_path, capsys):
    with make_report(tmp_path, enabled=False) as report:
        report.resume(0)
        report.scalars(10, "completion", losses(10))
        report.evaluation(10, "completion", {"held_out/l1": 0.2})
        report.grid(10, [[np.zeros((4, 4, 3), np.uint8)]], ["a"])
    assert not list(tmp_path.iterdir())
    assert not capsys.readouterr().out


def test_grid_shows_every_picture_in_its_place(tmp_path):
    rows = [[np.full((16, 20, 3), 40 * r + 10 * c, np.uint8) for c in range(3)] for r in range(2)]
    picture = draw_grid(rows, ["one", "two", "three"])
    for row in range(2):
        for column in range(3):
            middle = picture[22 + row * 20 + 8, column * 24 + 10]
            assert (middle == 40 * row + 10 * column).all()
    with make_report(tmp_path) as report:
        report.resume(0)
        report.grid(7, rows, ["one", "two", "three"])
        report.evaluation(7, "joint", {"held_out/l1": 0.5})
    saved = cv2.imread(str(tmp_path / "samples" / "00000007.png"))[..., ::-1]
    np.testing.assert_array_equal(saved, picture)
    html = (tmp_path / "index.html").read_text()
    assert 'src="samples/00000007.png"' in html
    assert "a &lt;run&gt;" in html


def accuracy(real, completed):
    return {"accuracy/real": real, "accuracy/completed": completed}


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (accuracy(1.0, 1.0), "judges every picture right"),
        (accuracy(0.5, 0.5), "no better than chance"),
        (accuracy(1.0, 0.0), "no better than chance"),
    ],
)
def test_alarm_rings_once_per_trouble_and_again_after_recovery(values, word):
    alarm = CollapseAlarm(patience=5)
    warnings = [alarm(values) for _ in range(12)]
    assert [bool(text) for text in warnings].index(True) == 4
    assert sum(map(bool, warnings)) == 1
    assert word in warnings[4]
    assert not alarm({"loss/mse": 1.0})  # a record of phase 1 changes nothing
    assert not alarm(accuracy(0.9, 0.7))
    assert sum(bool(alarm(values)) for _ in range(12)) == 1


@pytest.mark.parametrize("name", every_method())
def test_an_alarm_advises_on_fields_that_the_config_has(name):
    config = small_config_of(name)
    phases = METHODS[name](config, MEAN).phases
    values = {metric: 1.0 for metric in phases[-1].metrics if metric.startswith("accuracy/")}
    named = ""
    for accuracies in (values, dict.fromkeys(values, 0.5)):
        alarm = CollapseAlarm(patience=1, phases=[phase.name for phase in phases])
        named += alarm(accuracies)
    fields = re.findall(r"\w+\.\w+", named.replace("1.0", "").replace("0.5", ""))
    assert bool(fields) == any("discriminator" in metric for metric in phases[-1].metrics)
    assert set(fields) <= set(dotted(with_defaults(config.to_dict())))


def test_alarm_is_silent_in_health():
    alarm = CollapseAlarm(patience=3)
    assert not any(alarm(accuracy(0.8, 0.6 + 0.3 * (i % 2))) for i in range(50))


def test_alarm_reaches_the_console(tmp_path, capsys):
    with make_report(tmp_path) as report:
        report.resume(0)
        for step in range(1, 25):
            report.scalars(step, "joint", accuracy(1.0, 1.0))
    assert capsys.readouterr().out.count("warning at step") == 1
    assert Path(tmp_path / "log.txt").read_text().count("warning at step 20") == 1


def test_a_full_disk_raises_at_once_and_does_not_hang(small_disk):
    """tensorboardX's own writer would block in its queue, for ever, after some ten values."""
    with make_report(small_disk) as report, (small_disk / "filler").open("wb") as filler:
        report.resume(0)
        with pytest.raises(OSError, match="No space left"):
            while True:
                filler.write(bytes(2**16))
                filler.flush()
        with pytest.raises(OSError, match="No space left"):
            for step in range(1, 200):
                report.scalars(step, "completion", losses(step))
        filler.truncate(0)
        report.evaluation(200, "completion", {"held_out/l1": 0.1})  # room again: goes on


def events(path):
    """Reads a TensorBoard file: records of length, checksum, content, checksum."""
    data, position = path.read_bytes(), 0
    while position < len(data):
        (length,) = struct.unpack_from("<Q", data, position)
        yield Event.FromString(data[position + 12 : position + 12 + length])
        position += length + 16


def test_the_board_can_be_read_back(tmp_path):
    board = Board(tmp_path / "board", first_step=5)
    board.scalars(6, {"loss/mse": 0.25, "held_out/l1": 0.5})
    board.picture(6, "held_out", np.zeros((4, 3, 3), np.uint8))
    (path,) = (tmp_path / "board").iterdir()
    version, start, *written = events(path)
    assert version.file_version == "brain.Event:2"
    assert (start.step, start.session_log.status) == (5, SessionLog.START)
    values = {value.tag: value for event in written for value in event.summary.value}
    assert {event.step for event in written} == {6}
    assert (values["loss/mse"].simple_value, values["held_out/l1"].simple_value) == (0.25, 0.5)
    picture = values["held_out"].image
    assert (picture.height, picture.width) == (4, 3)
    board.close()
