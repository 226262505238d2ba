"""The ways to blend, in Python and as a command."""

import numpy as np
import pytest
from PIL import Image

import glcic_jax
from glcic_jax.complete import __main__ as command
from glcic_jax.complete.completer import Completer
from glcic_jax.methods.procedural.poisson import BLENDS, SMOOTH, blend
from glcic_jax.pictures.decode import decode
from glcic_jax.runtime.errors import UserError
from tests.helpers.ports import write_plain_chain
from tests.helpers.small import MEAN

rng = np.random.default_rng(3)
picture = rng.integers(0, 256, (37, 50, 3), np.uint8)
hole = np.zeros((37, 50), np.uint8)
hole[10:20, 15:30] = hole[30:, 45:] = 1

CHOICES = {None: None, True: "smooth", False: None, "smooth": "smooth", "paper": "paper"}
"""The way to blend that each choice means for a method that does not blend by itself."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_plain_chain(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def completer(run):
    return glcic_jax.load(run)


@pytest.fixture(scope="module")
def results(completer):
    """Returns what each way gives, blended here; None = not blended."""
    plain = completer(picture, hole)
    return {None: plain} | {way: blend(picture, plain, hole, way=way) for way in BLENDS}


def test_a_call_chooses_the_way_and_else_load_does(run, completer, results):
    for choice, way in CHOICES.items():
        np.testing.assert_array_equal(completer(picture, hole, postprocess=choice), results[way])
    loaded = glcic_jax.load(run, postprocess="paper")
    np.testing.assert_array_equal(loaded(picture, hole), results["paper"])
    np.testing.assert_array_equal(loaded(picture, hole, "smooth"), results["smooth"])
    np.testing.assert_array_equal(loaded(picture, hole, postprocess=False), results[None])
    assert not np.array_equal(results["smooth"], results["paper"])


@pytest.mark.parametrize(
    ("flags", "way"),
    [([], None), (["--postprocess"], "smooth"), (["--postprocess", "paper"], "paper")],
)
def test_the_command_chooses_the_way(run, results, tmp_path, flags, way):
    Image.fromarray(picture).save(tmp_path / "a.png")
    Image.fromarray(hole * 255).save(tmp_path / "mask.png")
    files = {"checkpoint": run, "image": tmp_path / "a.png", "mask": tmp_path / "mask.png"}
    output = tmp_path / "out.png"
    named = [f"--{name}={value}" for name, value in files.items()]
    assert command.main([*named, *flags, f"--output={output}"]) == 0
    np.testing.assert_array_equal(decode(output), results[way])


def test_the_commands_ways_are_those_that_there_are(capsys):
    assert tuple(BLENDS) == command.WAYS_TO_BLEND
    assert command.WAYS_TO_BLEND[0] == SMOOTH
    files = ["--image=a", "--mask=b", "--output=c"]
    assert command.parse([*files, "--no-postprocess"]).postprocess is False
    assert command.parse(files).postprocess is None
    with pytest.raises(SystemExit, match="2"):
        command.main([*files, "--postprocess=telea"])
    assert "--postprocess: invalid choice: 'telea'" in capsys.readouterr().err


def test_unknown_ways_are_refused_before_anything_is_done(completer):
    for refused in (
        lambda: glcic_jax.load("/nowhere", postprocess="telea"),
        lambda: glcic_jax.load("/nowhere", postprocess=""),
        lambda: completer(picture, hole, postprocess="telea"),
        lambda: completer(picture, hole * 0, postprocess="telea"),
    ):
        with pytest.raises(UserError, match='post-processing ".*" is unknown: choose smooth or pa'):
            refused()


def test_a_method_that_blends_is_blended_once():
    """Checks what a way that was chosen is given: the network's own output, never a blended one."""
    grey = Completer(lambda image, mask: image * 0 + 0.5, MEAN, 0, blends=True)
    plain = grey(picture, hole, postprocess=False)
    for choice, way in (None, "smooth"), (True, "smooth"), ("paper", "paper"):
        expected = blend(picture, plain, hole, way=way)
        np.testing.assert_array_equal(grey(picture, hole, postprocess=choice), expected)
