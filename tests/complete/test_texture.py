"""Texture in the command, in Python and in rows of evaluations; the synthesis has its own tests."""

import numpy as np
import pytest
from PIL import Image

import glcic_jax
from glcic_jax.complete import __main__ as command
from glcic_jax.evaluate.rivals import rivals
from glcic_jax.pictures.photo import Photo, fill_holes
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.runtime.errors import UserError
from glcic_jax.texture.fill import fill
from glcic_jax.weights.pretrained import BUNDLED, is_bundled
from tests.helpers.ports import write_plain_chain

rng = np.random.default_rng(0)
picture = rng.integers(0, 256, (48, 56, 3), np.uint8)
hole = np.zeros((48, 56), np.uint8)
hole[20:30, 15:30] = 1


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A picture and masks; the network is one that fills with sevens."""
    Image.fromarray(picture).save(tmp_path / "photo.png")
    Image.fromarray(picture[..., 0].astype(np.uint16) * 200).save(tmp_path / "deep.png")
    Image.fromarray(hole * 255).save(tmp_path / "mask.png")
    Image.fromarray(np.tri(48, 56, 10, np.uint8) * 255).save(tmp_path / "avoid.png")

    def sevens(image, mask, postprocess):
        return np.where(mask[..., None] == 1, 7, image).astype(np.uint8)

    monkeypatch.setattr(command, "load_completer", lambda args: sevens)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complete(*more, image="photo.png", checkpoint="none"):
    flags = ["--checkpoint", checkpoint, "--image", image, "--mask", "mask.png"]
    return command.main([*flags, "--output", "out.png", *map(str, more)])


def pixels(name):
    return np.asarray(Image.open(name))


def test_the_network_that_ships_brings_texture_and_others_when_asked(folder):
    sevens = np.where(hole[..., None] == 1, 7, picture).astype(np.uint8)
    textured = fill(picture, hole, sevens)
    avoiding = fill(picture, hole, sevens, np.tri(48, 56, 10))
    for flags, checkpoint, expected in (
        ([], "none", sevens),
        (["--texture"], "none", textured),
        ([], str(BUNDLED), textured),
        ([], "pretrained", textured),
        (["--no-texture"], "pretrained", sevens),
        (["--texture", "--seed", 5], "none", fill(picture, hole, sevens, seed=5)),
        (["--texture", "--avoid", "avoid.png"], "none", avoiding),
    ):
        assert complete(*flags, checkpoint=checkpoint) == 0
        np.testing.assert_array_equal(pixels("out.png"), expected, str(flags))


def test_a_deep_grey_photograph_is_copied_at_its_depth(folder):
    assert complete("--texture", image="deep.png") == 0
    found = pixels("out.png")
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[hole == 0], pixels("deep.png")[hole == 0])
    assert len(np.unique(found[hole == 1] % 257)) > 50


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--seed", 1], "--seed is for texture"),
        (["--avoid", "avoid.png"], "--avoid is for texture"),
        (["--texture", "--seed", -1], "--seed -1: give 0 to 4294967295"),
        (["--texture", "--seed", 2**32], "--seed 4294967296: give 0 to"),
        (["--texture", "--avoid", "."], "--avoid . is a folder"),
        (["--texture", "--avoid", "absent.png"], "absent.png"),
    ],
)
def test_flags_that_do_not_fit_are_refused_before_anything_is_done(folder, capsys, flags, message):
    assert complete(*flags) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "out.png").exists()


def test_in_python_a_call_or_load_chooses(tmp_path):
    run = write_plain_chain(tmp_path)
    plain = glcic_jax.load(run)(picture, hole)
    textured = fill(picture, hole, plain, seed=3)
    completer = glcic_jax.load(run, texture=True)
    np.testing.assert_array_equal(completer(picture, hole, seed=3), textured)
    np.testing.assert_array_equal(completer(picture, hole, texture=False), plain)
    with pytest.raises(UserError, match="leaves nothing to copy"):
        completer(picture, hole, avoid=1 - hole)
    with pytest.raises(UserError, match="avoid is for texture, which is off"):
        completer(picture, hole, texture=False, avoid=hole)
    with pytest.raises(UserError, match="1 pictures and 2 of avoids"):
        completer.batch([picture], [hole], avoids=[hole, hole])
    with pytest.raises(UserError, match="seed 4294967296: give 0 to"):
        completer(picture, hole, seed=2**32)
    rows = rivals([f"A={run}+texture", "patchmatch", "telea+postprocess+texture"], make_mesh(), 1)
    assert [row.label for row in rows] == ["A", "patchmatch", "telea+postprocess+texture"]
    floats = picture[None] / np.float32(255), hole[None, ..., None].astype(np.float32)
    filled = [np.rint(row.complete(*floats)[0] * 255).astype(np.uint8) for row in rows]
    np.testing.assert_array_equal(filled[0], fill(picture, hole, plain))
    np.testing.assert_array_equal(filled[1], fill(picture, hole))


def test_a_folder_of_the_name_pretrained_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_bundled("pretrained") and is_bundled(BUNDLED) and not is_bundled("runs/a")
    (tmp_path / "pretrained").mkdir()
    assert not is_bundled("pretrained")


def test_a_photograph_takes_colours_of_its_own_depth():
    grey = Photo(rng.integers(0, 65536, (4, 4, 2)).astype(np.uint16), "PNG")
    inside = np.eye(4, dtype=bool)
    own = rng.integers(0, 65536, (4, 4, 1)).astype(np.uint16)
    filled = fill_holes(grey, own, inside).pixels
    np.testing.assert_array_equal(filled[inside, 0], own[inside, 0])
    np.testing.assert_array_equal(filled[inside, 1], grey.pixels[inside, 1])
