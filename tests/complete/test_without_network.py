"""The command's --method: fills by the names that evaluate uses, for which no network is loaded."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glcic_jax.complete import __main__ as command
from glcic_jax.complete.without_network import METHODS
from glcic_jax.evaluate.rivals import rivals
from glcic_jax.runtime.devices import make_mesh

rng = np.random.default_rng(0)
picture = rng.integers(0, 256, (48, 56, 3), np.uint8)
hole = np.zeros((48, 56), bool)
hole[20:30, 15:30] = True


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    Image.fromarray(picture).save(tmp_path / "photo.png")
    Image.fromarray(picture[..., 0].astype(np.uint16) * 200).save(tmp_path / "deep.png")
    monkeypatch.setattr("glcic_jax.weights.address.open_trained", None)  # no network is opened
    monkeypatch.chdir(tmp_path)


def complete(*flags, image="photo.png"):
    given = ["--image", image, "--box", "15,20,15,10", "--output", "out.png"]
    return command.main([*given, *flags])


def pixels(name="out.png"):
    return np.asarray(Image.open(name))


@pytest.mark.parametrize("row", [*METHODS[:5], "telea+postprocess", "mean+postprocess=paper"])
def test_a_method_fills_as_the_row_of_its_name_in_evaluate(row):
    name, _, way = row.partition("+postprocess")
    flags = ["--postprocess", *filter(None, [way.removeprefix("=")])] if "+" in row else []
    assert complete("--method", name, *flags) == 0
    (rival,) = rivals([row], make_mesh(), 1)
    floats = picture[None] / np.float32(255), hole[None, ..., None].astype(np.float32)
    expected = np.rint(rival.complete(*floats)[0] * 255).astype(np.uint8)
    np.testing.assert_array_equal(pixels(), expected)
    np.testing.assert_array_equal(pixels()[~hole], picture[~hole])


@pytest.fixture
def copied(monkeypatch):
    """Lists the calls of the texture fill, which has tests of its own, and returns its input."""
    calls = []

    def fill(own, hole, guide, avoid, *, seed):
        calls.append((own, hole, guide, avoid, seed))
        return own

    monkeypatch.setattr("glcic_jax.texture.fill.fill", fill)
    return calls


def test_patchmatch_is_texture_alone_at_the_photograph_s_depth(copied):
    assert complete("--method", "patchmatch", "--seed", "3", image="deep.png") == 0
    ((own, where, guide, avoid, seed),) = copied
    np.testing.assert_array_equal(own[..., 0], pixels("deep.png"))
    np.testing.assert_array_equal(where, hole)
    assert (own.dtype, guide, avoid, seed) == (np.uint16, None, None, 3)


def test_texture_is_guided_by_a_method_when_asked(copied):
    assert complete("--method", "telea") == 0
    telea = pixels()
    assert not copied
    assert complete("--method", "telea", "--texture") == 0
    np.testing.assert_array_equal(copied[0][2], telea)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["telea", "--checkpoint", "runs/a"], "telea needs no network: leave --checkpoint out"),
        (["patchmatch", "--step", "3"], "patchmatch needs no network: leave --step out"),
        (["mean", "--starts", "3"], "mean needs no network: leave --starts out"),
        (["telea", "--seed", "3"], "--seed is for texture: add --texture"),
        (["patchmatch", "--no-texture"], "patchmatch copies texture: leave --no-texture out"),
        (["patchmatch", "--postprocess"], "hides its seams by itself: leave --postprocess out"),
    ],
)
def test_flags_that_do_not_go_together_are_refused_in_one_line(capsys, flags, message):
    assert complete("--method", *flags) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --")
    assert message in line
    assert not Path("out.png").exists()


def test_an_empty_mask_leaves_the_picture(capsys):
    Image.new("L", (56, 48)).save("empty.png")
    flags = ["--image", "photo.png", "--mask", "empty.png", "--output", "out.png"]
    for name in ("laplace", "mean", "patchmatch"):
        assert command.main([*flags, "--method", name]) == 0
        np.testing.assert_array_equal(pixels(), picture)


def test_fills_start_without_jax():
    code = (
        "import sys; from glcic_jax.complete.__main__ import main\n"
        "code = main(sys.argv[1:]); sys.exit(9 if 'jax' in sys.modules else code)"
    )
    flags = ["--image", "photo.png", "--box", "1,1,4,4", "--output", "out.png", "--method"]
    run = [sys.executable, "-c", code, *flags, "telea", "--postprocess"]
    env = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(run, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "1 completed, in out.png\n")
