"""experiments.groups: rows over seeds and pictures, and differences seed by seed."""

import csv
import json

import numpy as np
import pytest

from experiments import groups
from glcic_jax.evaluate.comparison import compare
from glcic_jax.evaluate.report import MANIFEST, PER_PICTURE
from glcic_jax.evaluate.summary import as_json
from glcic_jax.evaluate.tables import markdown, table
from glcic_jax.metrics.seeds import over_seeds

rng = np.random.default_rng(0)


@pytest.fixture
def report(tmp_path):
    """A report on six pictures, and the L1 of its rows."""
    names = [f"runs/{kind}/seed{n}" for kind in ("a", "b") for n in (2, 0, 1)] + ["other/x=7"]
    values = {name: rng.random(6) for name in [*names, "telea"]}
    (tmp_path / MANIFEST).write_text(json.dumps({"sha256": {"data": "1", "masks": "2"}}))
    with (tmp_path / PER_PICTURE).open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["picture", "share", "method", "l2", "hole_l1"])
        for name, row in values.items():
            lines.writerows([str(n), 0.2, name, 0.1, value] for n, value in enumerate(row))
    return tmp_path, values


def test_rows_are_over_seeds_and_differences_seed_by_seed(report, capsys):
    folder, values = report
    a, b = (np.stack([values[f"runs/{kind}/seed{n}"] for n in range(3)]) for kind in "ab")
    rows = ["A=runs/a/*", "runs/b/*", "telea", "other/x=7"]
    assert groups.main([str(folder), "--rows", *rows, "--minus", "A", "telea"]) == 0
    telea, other = values["telea"][None], values["other/x=7"][None]
    expected = {
        "A (3 runs)": over_seeds(a),
        "runs/b/* (3 runs)": over_seeds(b),
        "telea": over_seeds(telea),
        "other/x=7": over_seeds(other),
        "runs/b/* - A": over_seeds(b - a),  # in the order of the seeds, not of the report
        "telea - A": over_seeds(telea, a),
        "other/x=7 - A": over_seeds(other, a),
        "A - telea": over_seeds(a, telea),
        "runs/b/* - telea": over_seeds(b, telea),
        "other/x=7 - telea": over_seeds(other - telea),
    }
    shown = {title: {"hole_l1": as_json(estimate)} for title, estimate in expected.items()}
    expected_text = markdown(table(shown, "row", ranked=False))
    by_seed = "\nbetween runs of one seed: runs/b/* - A\n"
    assert capsys.readouterr().out.strip() == (expected_text + by_seed).strip()


def test_both_commands_give_the_same_difference(report, capsys):
    """Two worlds that must agree: evaluate --compare, and this table."""
    folder, _ = report
    for a, b in (("runs/b/*", "runs/a/*"), ("runs/b/*", "telea"), ("telea", "runs/a/*")):
        assert groups.main([str(folder), "--rows", a, b, "--minus", b]) == 0
        tabled = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
        compared = compare(folder, folder, [a, b]).splitlines()
        found = [next(c for c in compared if c.startswith(f"| {s}")) for s in ("difference", a)]
        cells = [line.split(" | ")[-1] for line in found]  # the last column is L1 in the hole
        assert [tabled[-1].split(" | ")[-1], tabled[2].split(" | ")[-1]] == cells


def test_a_pattern_with_an_equals_sign_needs_no_title(report, capsys):
    assert groups.main([str(report[0]), "--rows", "other/x=*", "X=other/x=*"]) == 0
    first, second = capsys.readouterr().out.splitlines()[2:4]
    assert first.startswith("| other/x=* |")
    assert second == first.replace("other/x=*", "X")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--rows", "A=runs/a/*", "A=runs/b/*"], '--rows: two rows are "A": give each a title'),
        (["--rows", "runs/c/*"], 'no row "runs/c/*"; the report has runs/a/seed2'),
        (["--rows", "runs.a/*"], 'no row "runs.a/*"'),  # a star is all that is special
        (["--rows", "telea", "--minus", "a"], '--minus: no row "a" in --rows'),
        (["--rows", "telea", "--minus", "telea"], "--minus telea: add another row to --rows"),
        (
            ["--rows", "A=runs/a/*", "all=runs/*", "--minus", "A"],
            '--minus A: runs/a/seed0 is in "all" too: let each run be in one',
        ),
    ],
)
def test_what_the_report_lacks_gets_one_line(report, flags, message, capsys):
    assert groups.main([str(report[0]), *flags]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
