"""The page of many runs, and their numbers as CSV and JSON."""

import csv
import json
import re

import pytest

from glcic_jax.report.__main__ import main
from tests.compare_runs.test_compare_runs import CONFIG, START, write


def command(*arguments, capsys):
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_any_number_of_runs_is_on_one_page(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = [write(tmp_path / f"run{i}", CONFIG | {"seed": i}) for i in range(10)]
    code, out, _ = command(*runs, capsys=capsys)
    assert (code, out) == (0, "10 runs: report.html\n")
    page = (tmp_path / "report.html").read_text()
    (chart,) = re.findall(r"<figcaption>l1.*?</figure>", page, re.DOTALL)
    assert chart.count("<polyline") == 10
    header = re.search(r"<tr><th></th>(.*?)</tr>", page)[1]
    assert header.count("<th>") == 10  # none is cut off after the last colour
    stroke = r'stroke="#\w+" fill="#\w+" stroke-dasharray="[\w ]+"'
    marks = re.findall(stroke, header)
    assert len(set(marks)) == 10  # the colours are eight
    assert re.findall(stroke, chart) == 2 * marks  # of the curves and of their names
    assert "<title>" in page
    assert f"{runs[0]} and 9 others" in page


def test_one_run_is_enough(tmp_path, capsys):
    output = tmp_path / "x.html"
    assert command(write(tmp_path / "a"), "--output", output, capsys=capsys)[0] == 0
    page = output.read_text()
    assert "differ" not in page
    assert "<summary>Provenance</summary>" in page
    assert "<tr><th>devices</th><td>1 process, 2 x cpu</td></tr>" in page
    assert "<tr><th>data.crop</th><td>64</td></tr>" in page


def test_what_all_runs_have_alike_is_there_too(tmp_path, capsys):
    other = START | {"commit": "ffff"}
    runs = [write(tmp_path / "a"), write(tmp_path / "b", CONFIG | {"seed": 1}, [other])]
    output, content = tmp_path / "x.html", tmp_path / "x.json"
    assert command(*runs, "--output", output, "--json", content, capsys=capsys)[0] == 0
    page, same = output.read_text(), json.loads(content.read_text())["same"]
    alike = page[page.index("<summary>Provenance of all runs") :]
    assert "<tr><th>devices</th><td>1 process, 2 x cpu</td></tr>" in alike
    assert "<tr><th>data.crop</th><td>64</td></tr>" in alike
    assert "<th>seed</th>" not in alike
    assert "<th>commit</th>" not in alike
    assert (same["config"]["data.crop"], "seed" in same["config"]) == (64, False)
    assert same["starts"]["devices"] == [{"step": 0, "value": "1 process, 2 x cpu"}]
    assert "commit" not in same["starts"]


def test_csv_and_json_hold_every_number(tmp_path, capsys):
    runs = [write(tmp_path / "a"), write(tmp_path / "b", scores=(0.5,))]
    flags = [f"--{kind}={tmp_path / f'out.{kind}'}" for kind in ("csv", "json")]
    output = f"--output={tmp_path / 'out.html'}"
    assert command(*runs, output, *flags, capsys=capsys)[0] == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    found = {(line["run"], line["step"], line["name"]): line["value"] for line in lines}
    assert float(found[str(runs[0]), "20", "held_out/l1"]) == 0.1
    assert float(found[str(runs[1]), "10", "loss/mse"]) == 0.05
    assert len(lines) == 3 * 3 + 3  # two numbers of each update, one of each score
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["scores"]["held_out/l1"][str(runs[0])]["best"] == {"step": 20, "value": 0.1}
    assert content["records"][str(runs[1])][0]["loss/mse"] == 0.05


def test_what_lies_beside_the_runs_is_named(tmp_path, capsys):
    (tmp_path / "seeds.md").write_text("a table")
    run = write(tmp_path / "a")
    flags = ("--output", tmp_path / "x.html")
    code, out, _ = command(run, tmp_path / "seeds.md", *flags, capsys=capsys)
    assert code == 0
    assert f"left out: {tmp_path / 'seeds.md'} is no run folder" in out


def test_damaged_records_leave_the_others(tmp_path, capsys, caplog):
    run = write(tmp_path / "a")
    lines = (run / "metrics.jsonl").read_text().splitlines()
    (run / "metrics.jsonl").write_text("\n".join(["5", *lines[1:]]) + "\n")
    code, _, err = command(run, "--output", tmp_path / "x.html", capsys=capsys)
    assert code == 0
    assert "Traceback" not in err
    assert "1 of its lines hold no record" in caplog.text


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("none",), "none: no run folder"),
        (("a", "a"), "a is the same run as a"),
        (("a", "--csv", "x.html"), "--csv x.html: give a FILE.csv"),
        (("a", "--json", "a/x.json"), "--json a/x.json: lies in a run"),
        (("a", "--output", "none/x.html"), "there is no folder none"),
        (("notes",), "notes: no run folder"),
    ],
)
def test_mistakes_get_one_line(flags, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a")
    (tmp_path / "notes").mkdir()
    code, _, err = command(*flags, capsys=capsys)
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "notes"]
