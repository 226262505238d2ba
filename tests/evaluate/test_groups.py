"""Groups of runs compared with each other, on reports that the tests write."""

import csv
import json
import shutil

import numpy as np
import pytest

from glcic_jax.evaluate.comparison import compare
from glcic_jax.metrics import bootstrap
from glcic_jax.metrics.seeds import over_seeds
from glcic_jax.runtime.errors import UserError

rng = np.random.default_rng(0)


@pytest.fixture
def report(tmp_path):
    """A report on 20 pictures of three runs each of a and b, and of one of c."""
    scores = {f"runs/{n}/seed{i}": rng.random(20) for n in "ab" for i in range(3)}
    scores["runs/c"] = rng.random(20)
    (tmp_path / "manifest.json").write_text(json.dumps({"sha256": {"data": "1", "masks": "2"}}))
    with (tmp_path / "per_picture.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["picture", "share", "method", "hole_l1"])
        for method, values in scores.items():
            writer.writerows([[i, 0.1, method, float(v)] for i, v in enumerate(values)])
    return tmp_path, scores


def cells(estimate):
    texts = [f"{100 * number:.2f}" for number in estimate[:3]]
    return f"{texts[0]} [{texts[1]}, {texts[2]}]"


def test_groups_are_compared_over_runs_and_pictures(report):
    folder, scores = report
    a, b = (np.stack([scores[f"runs/{n}/seed{i}"] for i in range(3)]) for n in "ab")
    lines = compare(folder, folder, ["runs/a/*", "runs/b/*"]).splitlines()
    assert lines[2] == f"| runs/a/* (3 runs) | {cells(over_seeds(a))} |"
    assert lines[4] == f"| difference | {cells(over_seeds(a - b))} |"
    assert lines[6] == "note: the difference is between runs of one seed (seed0, seed1, seed2)"


def test_runs_of_one_seed_are_subtracted_whatever_their_order(report):
    folder, _ = report
    path = folder / "per_picture.csv"
    before = compare(folder, folder, ["runs/a/*", "runs/b/*"])
    head, *lines = path.read_text().splitlines(keepends=True)
    turned = sorted(lines, key=lambda line: line.split(",")[2].replace("a/seed0", "z"))
    path.write_text("".join([head, *turned]))  # seeds of a are 1, 2, 0 now
    assert compare(folder, folder, ["runs/a/*", "runs/b/*"]) == before


def test_groups_of_other_seeds_are_compared_as_they_are(report):
    folder, scores = report
    path = folder / "per_picture.csv"
    path.write_text(path.read_text().replace("runs/b/seed0", "runs/b/seed7"))
    a = np.stack([scores[f"runs/a/seed{i}"] for i in range(3)])
    b = np.stack([scores[f"runs/b/seed{i}"] for i in (1, 2, 0)])
    lines = compare(folder, folder, ["runs/a/*", "runs/b/*"]).splitlines()
    assert lines[4] == f"| difference | {cells(over_seeds(a, b))} |"
    assert lines[6].startswith("note: the difference is not between runs of one seed: the stars")
    assert lines[6].endswith("stand for seed0, seed7 in one group alone")


def test_the_same_runs_in_two_reports_differ_by_nothing(report):
    folder, _ = report
    other = shutil.copytree(folder, folder.parent / f"{folder.name}_other")
    text = compare(folder, other, ["runs/a/*"])
    assert "| difference | 0.00 [0.00, 0.00] |" in text


def test_a_group_of_one_is_named_for_what_it_is(report):
    folder, _ = report
    note = "note: {}: if this was trained, the brackets do not cover its other seeds\n"
    text = compare(folder, folder, ["runs/a/*", "runs/c"])
    assert "| runs/c |" in text
    assert text.endswith(note.format("runs/c"))
    text = compare(folder, folder, ["runs/c*", "runs/a/seed0"])
    assert note.format("runs/c* (1 run)") + "\n" + note.format("runs/a/seed0") in text


def test_single_rows_are_compared_as_before(report):
    folder, scores = report
    names = ["runs/a/seed0", "runs/c"]
    expected = cells(bootstrap.mean(scores[names[0]] - scores[names[1]]))
    assert compare(folder, folder, names).splitlines()[2].endswith(f"| {expected} |")


def test_a_pattern_of_nothing_is_refused(report):
    folder, _ = report
    with pytest.raises(UserError, match='no row "runs/d/[*]" in .*, which has runs/a/seed0'):
        compare(folder, folder, ["runs/a/*", "runs/d/*"])
    with pytest.raises(
        UserError, match='no row "runs/.a./[*]" in'
    ):  # a star is all that is special
        compare(folder, folder, ["runs/[a]/*", "runs/b/*"])
    with pytest.raises(UserError, match="runs/a/.* is in both groups"):
        compare(folder, folder, ["runs/a/*", "runs/*"])


def test_a_file_of_a_report_is_no_report(report):
    folder, _ = report
    file = folder / "per_picture.csv"
    with pytest.raises(UserError, match=f"{file} is not a report: manifest.json is missing"):
        compare(file, folder, ["runs/c"])


# One name ----------------------------------------------------------------------------------------


def test_one_name_stands_for_both_reports(report):
    folder, _ = report
    other = shutil.copytree(folder, folder.parent / f"{folder.name}_other")
    for again in (folder, folder / ".." / folder.name):
        with pytest.raises(UserError, match="the two reports are one: name two of its rows"):
            compare(folder, again)
    for name in ("runs/c", "runs/a/*"):
        assert compare(folder, other, [name]) == compare(folder, other, [name, name])
        with pytest.raises(UserError, match="the two reports are one: name another row to compare"):
            compare(folder, folder, [name])
    table = compare(folder, other, ["runs/a/*"])
    assert f"| {folder}: runs/a/* (3 runs) |" in table  # both have a line
    assert f"| {other}: runs/a/* (3 runs) |" in table
    lines = (other / "per_picture.csv").read_text().splitlines(keepends=True)
    (other / "per_picture.csv").write_text("".join(x for x in lines if "runs/c" not in x))
    for name in ("runs/c", "runs/c*"):
        with pytest.raises(UserError, match=f"no row .* in {other}, which has runs/a/seed0"):
            compare(folder, other, [name])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-1], "not all methods have the same pictures"),
        (lambda lines: [*lines[:5], "x,y\n", *lines[6:]], "line 6 of .* too few cells"),
        (lambda lines: [*lines[:5], "\0", *lines[6:]], ""),
        (lambda lines: [line.rpartition(",")[0] + "\n" for line in lines], "not all methods"),
        (lambda lines: [x for x in lines if not x.startswith("19,")], "has 19 of 20 pictures"),
    ],
)
@pytest.mark.parametrize("names", [["runs/a/*", "runs/b/*"], ["runs/a/seed0", "runs/c"], None])
def test_damaged_reports_are_refused(change, message, names, report):
    folder, _ = report
    other = shutil.copytree(folder, folder.parent / f"{folder.name}_other")
    for again in (folder, folder / ".." / folder.name):
        with pytest.raises(UserError, match="the two reports are one: name two of its rows"):
            compare(folder, again)
    lines = (folder / "per_picture.csv").read_text().splitlines(keepends=True)
    (other / "per_picture.csv").write_text("".join(change(lines)))
    with pytest.raises(UserError, match=f"{other}: the report is damaged: .*{message}"):
        compare(folder, other, names)
