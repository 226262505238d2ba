"""Comparing runs: of one method and of two, finished and killed, with and without provenance."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from glcic_jax.compare_runs.__main__ import main
from glcic_jax.compare_runs.comparison import Change, compare
from glcic_jax.compare_runs.runs import read_runs

GOLDEN = Path(__file__).parents[1] / "golden" / "run_936b96c.zip"

CONFIG = {
    "method": "glcic",
    "seed": 0,
    "data": {"crop": 64, "resize": [64, 96], "root": "pictures"},
    "phases": {"completion": 20, "discriminator": 0, "joint": 10},
}

START = {
    "time": "2026-11-25T21:00:00+00:00",
    "step": 0,
    "version": "0.1.0",
    "commit": "a0d33a48c76a2246153a0f74627378a886f34082",
    "packages": {"jax": "0.10.2", "numpy": "2.3.1"},
    "command": ["python", "-m", "glcic_jax.main", "--workdir", "a b"],
    "devices": "1 process, 2 x cpu",
    "data": {"training pictures": "11" * 32, "held-out examples": "22" * 32},
}

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63"
    "6460f85f0f0002870180eb47ba920000000049454e44ae426082"
)


def records(scores, name="held_out/l1"):
    """Records as metrics.jsonl has them: an update and a score every ten steps."""
    for index, score in enumerate(scores, 1):
        phase = "completion" if index < 3 else "joint"
        base = {"step": 10 * index, "phase": phase}
        yield {"kind": "train", **base, "loss/mse": score / 10, "images_per_s": 5.0}
        yield {"kind": "held_out", **base, name: score}


def write(folder, config=CONFIG, starts=(START,), scores=(0.3, 0.1, 0.2), **names):
    folder.mkdir()
    content = {"format": 2, "config": config, "starts": list(starts)}
    (folder / "config.json").write_text(json.dumps(content))
    lines = [json.dumps(record) + "\n" for record in records(scores, **names)]
    (folder / "metrics.jsonl").write_text("".join(lines))
    return folder


def command(*arguments, capsys):
    """Runs the command; returns its exit code, and what it printed on both channels."""
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture
def before(tmp_path):
    """A run of the version before: cut after 5 of 6 updates, with no provenance."""
    zipfile.ZipFile(GOLDEN).extractall(tmp_path / "before")
    return tmp_path / "before" / "run"


def test_it_finds_what_differs_and_nothing_else(tmp_path):
    data = CONFIG["data"] | {"crop": 32}
    other = {k: v for k, v in CONFIG.items() if k != "seed"} | {"data": data, "remat": True}
    later = START | {"step": 20, "time": "later", "packages": {"jax": "0.11.0"}}
    runs = read_runs(
        [write(tmp_path / "a"), write(tmp_path / "b", other, [START, later], [0.4, 0.5])]
    )
    a, b = (run.name for run in runs)
    found = compare(runs)
    assert found.config == {
        "data.crop": {a: 64, b: 32},
        "remat": {b: True},
        "seed": {a: 0},
    }
    assert (found.fields, found.facts) == (9, 8)
    assert found.starts == {
        "packages.jax": {a: [Change(0, "0.10.2")], b: [Change(0, "0.10.2"), Change(20, "0.11.0")]},
        "packages.numpy": {a: [Change(0, "2.3.1")], b: [Change(0, "2.3.1"), Change(20, None)]},
    }
    scores = found.scores["held_out/l1"]
    assert scores[a] == ((20, 0.1), (30, 0.2), (20, 0.1))  # best, last, at the last common step
    assert scores[b] == ((10, 0.4), (20, 0.5), (20, 0.5))
    assert not found.notes


def test_equal_runs_differ_in_nothing(tmp_path, capsys):
    runs = [write(tmp_path / name) for name in "ab"]
    code, out, _ = command(*runs, capsys=capsys)
    assert code == 0
    assert "config: 0 of 8 fields differ" in out
    assert "provenance: 0 of 8 facts differ" in out
    assert "at the same step" not in out  # as the last one


def test_higher_is_better_where_it_is(tmp_path):
    runs = read_runs(
        [write(tmp_path / name, scores=[9, 12, 11], name="held_out/psnr") for name in "ab"]
    )
    assert compare(runs).scores["held_out/psnr"][runs[0].name].best == (20, 12)


def test_other_examples_are_noted(tmp_path, before, capsys):
    other = START | {"data": START["data"] | {"held-out examples": "33" * 32}}
    a, b = write(tmp_path / "a"), write(tmp_path / "b", starts=[other])
    assert "The held-out examples differ" in command(a, b, capsys=capsys)[1]
    assert f"{before} did not record which held-out" in command(a, before, capsys=capsys)[1]


def test_text_names_commits_commands_and_absent_fields(tmp_path, before, capsys):
    _, out, err = command(write(tmp_path / "a"), before, capsys=capsys)
    assert not err
    rows = [re.split(r"\s{2,}", line.strip()) for line in out.splitlines()]
    assert ["updates", "30 of 30", "5 of 6"] in rows
    assert ["commit", "a0d33a48c76a", "not recorded"] in rows
    assert ["data.crop", "64", "16"] in rows
    assert ["local_patch", "absent", "8"] in rows
    assert "python -m glcic_jax.main --workdir 'a b'" in out
    assert re.search(r"held_out/l1 last +0\.2 at 30 +0\.1634 at 4", out)


def test_json_leaves_out_what_a_run_has_not(tmp_path, before, capsys):
    a = write(tmp_path / "a")
    code, out, _ = command(a, before, "--json", capsys=capsys)
    found = json.loads(out)
    assert code == 0
    assert found["runs"][str(a)]["starts"] == [START]
    assert found["runs"][str(before)]["saved"] == [5]
    assert found["config"]["width"] == {str(before): 2}
    assert found["starts"]["version"] == {str(a): [{"step": 0, "value": "0.1.0"}]}
    assert found["scores"]["held_out/l1"][str(a)]["best"] == {"step": 20, "value": 0.1}
    assert "best" in found["scores"]["held_out/psnr"][str(before)]


def test_a_run_that_has_barely_begun_compares(tmp_path, capsys):
    a, b = write(tmp_path / "a"), write(tmp_path / "b", scores=())
    (b / "metrics.jsonl").write_bytes(b'\xff\xfe{"kind": "tr')  # torn
    code, out, _ = command(a, b, "--output", tmp_path / "page.html", capsys=capsys)
    assert code == 0
    assert "0 of 30" in out
    (b / "metrics.jsonl").unlink()
    assert command(a, b, "--json", capsys=capsys)[0] == 0


def test_the_page_holds_everything_and_escapes_names(tmp_path, capsys):
    evil = '<img src=x onerror=alert(1)>&"'
    config = CONFIG | {"init_from": evil, "method": "dcgan_completion"}
    start = START | {"command": ["python", evil]}
    a, b = write(tmp_path / "a"), write(tmp_path / evil, config, [start], name=f"held_out/{evil}")
    (a / "samples").mkdir()
    (a / "samples" / "00000030.png").write_bytes(PIXEL)
    output = tmp_path / "page.html"
    code, out, _ = command(a, b, "--output", output, capsys=capsys)
    assert code == 0
    assert out.endswith(f"curves and pictures: {output}\n")
    page = output.read_text()
    assert page.count("<img") == page.count('<img src="data:image/png;base64,') == 1
    assert "http" not in page
    assert "<script" not in page
    assert f"{a}, step 30" in page
    assert page.count('role="img"') == 4  # two scores, loss and rate
    assert f"{a}: none" in page  # no curve of this run in the chart of the other's score
    assert page.count("&lt;img src=x onerror=alert(1)&gt;&amp;&quot;") > 3


def test_phases_are_marked_where_all_runs_have_them(tmp_path, capsys):
    shorter = CONFIG | {"phases": {"completion": 10, "joint": 10}}
    a, b = write(tmp_path / "a"), write(tmp_path / "b", scores=[0.4])
    c = write(tmp_path / "c", shorter)
    output = tmp_path / "page.html"
    for other, marked in ((b, True), (c, False)):
        command(a, other, "--output", output, capsys=capsys)
        assert (">joint</text>" in output.read_text()) == marked


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{a}"], "give 2 to 8 run folders, not 1"),
        (["{a}"] * 9, "give 2 to 8 run folders, not 9"),
        (["{a}", "{a}/../a"], "is the same run as"),
        (["{a}", "{t}/none"], "no run folder"),
        (["{a}", "{t}/before/weights"], "not a run's: name the folder of a run"),
        (["{a}", "{t}/before/pictures"], "no run folder"),
        (["{a}", "{t}/odd"], "its config.json describes no training"),
        (["{a}", "{b}", "--output", "{t}/none/page.html"], "there is no folder"),
        (["{a}", "{b}", "--output", "{t}/page"], "give a FILE.html"),
        (["{a}", "{b}", "--output", "{a}/index.html"], "lies in a run that is compared"),
    ],
)
def test_mistakes_get_one_line_and_exit_code_2(arguments, message, before, tmp_path, capsys):
    a, b = write(tmp_path / "a"), write(tmp_path / "b")
    write(tmp_path / "odd", {"data": "holes of an evaluation"})
    files = set(tmp_path.rglob("*"))
    flags = [argument.format(a=a, b=b, t=tmp_path) for argument in arguments]
    code, out, err = command(*flags, capsys=capsys)
    assert code == 2
    assert not out
    assert message in err
    assert len(err.splitlines()) == 1
    assert set(tmp_path.rglob("*")) == files


def test_it_needs_no_jax(tmp_path):
    runs = [str(write(tmp_path / name)) for name in "ab"]
    code = (
        "import sys; from glcic_jax.compare_runs.__main__ import main; "
        f"main([*{runs}, '--output', '{tmp_path}/page.html']); "
        "sys.exit('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == 0
