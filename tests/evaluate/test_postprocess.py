"""The ways to blend the rows of an evaluation."""

import json

import numpy as np
import pytest

import glcic_jax
from glcic_jax.evaluate.rivals import rivals
from glcic_jax.methods.procedural.poisson import blend
from glcic_jax.runtime.devices import make_mesh
from tests.helpers.ports import write_plain_chain
from tests.helpers.reports import evaluate

rng = np.random.default_rng(3)
picture = rng.integers(0, 256, (37, 50, 3), np.uint8)
hole = np.zeros((37, 50), np.uint8)
hole[10:20, 15:30] = hole[30:, 45:] = 1


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_plain_chain(tmp_path_factory.mktemp("weights"))


def test_rows_choose_the_way(run):
    plain = glcic_jax.load(run)(picture, hole)
    specs = {
        f"{run}": None,
        f"{run}+postprocess": "smooth",
        f"{run}+postprocess=paper": "paper",
        f"A={run}+postprocess=paper": "paper",
    }
    rows = rivals(list(specs), make_mesh(), 1)
    assert [row.label for row in rows] == [*list(specs)[:-1], "A"]
    images, masks = picture[None] / np.float32(255), hole[None, ..., None].astype(np.float32)
    for row, way in zip(rows, specs.values(), strict=True):
        assert row.about["postprocess"] == way
        completed = np.rint(row.complete(images, masks)[0] * 255).astype(np.uint8)
        expected = plain if way is None else blend(picture, plain, hole, way=way)
        np.testing.assert_array_equal(np.where(hole[..., None] == 1, completed, picture), expected)


def test_a_report_names_its_rows_as_they_were_typed(files, capsys):
    methods = ["telea+postprocess=paper", "B=telea+postprocess=paper"]
    assert evaluate(files, methods) == 0
    scores = json.loads((files / "report/results.json").read_text())["scores"]
    assert list(scores) == ["telea+postprocess=paper", "B"]
    assert scores["B"] == scores["telea+postprocess=paper"]
    command = "cmd:cp {image} {output} {mask}"
    wrong = ["telea+postprocess=", "A=telea+postprocess=1", "telea+postprocess=paper+postprocess"]
    for spec in (f"{command}+postprocess=papre", *wrong):
        capsys.readouterr()
        assert evaluate(files, [spec]) == 2
        assert f'--methods: "{spec}": post-processing "' in capsys.readouterr().err
    for spec in ("+postprocess=paper", "telea+postprocess+postprocess"):
        capsys.readouterr()
        assert evaluate(files, [spec]) == 2
        error = capsys.readouterr().err
        assert f'--methods: "{spec.removesuffix("+postprocess")}' in error
        assert '"+postprocess" goes behind it' in error
    assert evaluate(files, ["pretrained:postprocess=1"]) == 2
    assert "is written pretrained+postprocess" in capsys.readouterr().err
    for name in ("self", "trained", "run"):
        assert evaluate(files, [f"pretrained:{name}=1"]) == 2
        assert f"completing with this network has no {name}" in capsys.readouterr().err
