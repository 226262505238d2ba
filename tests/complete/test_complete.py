"""Completion from Python and from the shell, with a network that was barely trained."""

import io
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from PIL import Image

import glcic_jax
from glcic_jax.complete.__main__ import main
from glcic_jax.pictures.decode import decode, decode_bytes
from glcic_jax.runtime.errors import UserError
from tests.helpers.saved_run import save_run
from tests.helpers.small import MEAN

rng = np.random.default_rng(0)
picture = rng.integers(0, 256, (37, 50, 3), np.uint8)
hole = np.zeros((37, 50), np.uint8)
hole[10:20, 15:30] = hole[30:, 45:] = 1


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return save_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def completer(run):
    return glcic_jax.load(run)


@pytest.mark.parametrize("postprocess", [False, True])
def test_known_pixels_stay_and_holes_are_filled(completer, postprocess):
    completed = completer(picture, hole, postprocess=postprocess)
    assert completed.shape == picture.shape
    assert completed.dtype == np.uint8
    np.testing.assert_array_equal(completed[hole == 0], picture[hole == 0])
    assert (completed[hole == 1] != picture[hole == 1]).mean() > 0.5


@pytest.mark.parametrize("postprocess", [False, True])
def test_what_lies_inside_the_hole_is_never_read(completer, postprocess):
    poisoned = np.where(hole[..., None] == 1, 255 - picture, picture).astype(np.uint8)
    first, second = (completer(p, hole, postprocess=postprocess) for p in (picture, poisoned))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("size", [(37, 50), (64, 64), (5, 9), (1, 3)])
def test_any_size(completer, size):
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    mask = np.zeros(size, bool)
    mask[-1, -1] = True
    completed = completer(image, mask)
    np.testing.assert_array_equal(completed[~mask], image[~mask])


def test_a_completer_prints_in_a_line_without_its_weights(completer):
    assert completer.any_size is not None  # this holds the weights
    assert "array" not in repr(completer)


def test_a_batch_equals_its_pictures_one_by_one(completer):
    other = np.rot90(picture, 2).copy()
    masks = [hole, hole[::-1].copy()]
    together = completer.batch([picture, other], masks)
    for ours, image, mask in zip(together, (picture, other), masks, strict=True):
        alone = completer(image, mask)
        assert np.abs(ours.astype(int) - alone.astype(int)).max() <= 1
    assert completer.batch([], []) == []
    stacked = completer.batch(np.stack([picture, other]), np.stack(masks))
    np.testing.assert_array_equal(stacked, together)
    whole = np.stack(masks) & False
    np.testing.assert_array_equal(completer.batch(np.stack([picture, other]), whole)[1], other)


def test_the_jitted_function_takes_and_returns_floats(completer):
    image = (picture / np.float32(255))[None]
    completed = completer.complete(image, hole[None, ..., None].astype(np.float32))
    assert isinstance(completed, jax.Array)
    assert completed.shape == image.shape
    assert completed.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(completed)[0][hole == 0], image[0][hole == 0])


def test_the_completer_knows_its_checkpoint(completer):
    assert completer.step == 3
    np.testing.assert_allclose(completer.mean_pixel, MEAN)


@pytest.mark.parametrize(
    ("image", "mask", "message"),
    [
        (picture, hole[:20], "the mask is 50x20 and the picture 50x37"),
        (picture, np.dstack([hole] * 3), "the mask has the shape"),
        (picture, np.ones_like(hole), "covers the whole picture"),
        (picture[..., 0], hole, "give uint8 RGB"),
        (picture / 255, hole, "give uint8 RGB"),
    ],
)
def test_what_does_not_fit_is_refused(completer, image, mask, message):
    with pytest.raises(UserError, match=message):
        completer(image, mask)
    with pytest.raises(UserError, match="1 pictures and 2 masks"):
        completer.batch([picture], [hole, hole])
    with pytest.raises(UserError, match="of one size"):
        completer.batch([picture, picture[:30]], [hole, hole[:30]])


def test_unknown_methods_are_refused(tmp_path):
    with pytest.raises(UserError, match='holds a "other" network, known here are: glcic'):
        glcic_jax.load(save_run(tmp_path, method="other"))
    with pytest.raises(UserError, match="nowhere: no such file or folder"):
        glcic_jax.load(tmp_path / "nowhere")


@pytest.fixture
def files(tmp_path):
    """Three pictures, one of them broken, and masks in the two ways of naming them."""
    for name in ("a", "b", "c"):
        path = tmp_path / "images" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(path)
    (tmp_path / "masks").mkdir()
    Image.fromarray(hole * 255).save(tmp_path / "masks" / "a.png")
    Image.fromarray(hole * 255).save(tmp_path / "masks" / "b_mask.png")
    Image.fromarray(hole[:9] * 255).save(tmp_path / "small.png")
    Image.fromarray(hole * 0).save(tmp_path / "empty.png")
    Image.fromarray(hole * 0 + 255).save(tmp_path / "full.png")
    (tmp_path / "broken.png").write_text("no picture")
    return tmp_path


def complete(run, image, mask, output, *more):
    flags = ["--checkpoint", run, "--image", image, "--mask", mask, "--output", output, *more]
    return main([str(flag) for flag in flags])


def test_one_picture(run, files, completer, capsys):
    output = files / "new" / "out.png"
    assert complete(run, files / "images/a.png", files / "masks/a.png", output) == 0
    np.testing.assert_array_equal(decode(output), completer(picture, hole))
    assert "1 completed" in capsys.readouterr().out
    blended = files / "new" / "blended.png"
    mask = files / "masks/a.png"
    assert complete(run, files / "images/a.png", mask, blended, "--postprocess") == 0
    np.testing.assert_array_equal(decode(blended), completer(picture, hole, postprocess=True))


def test_streams_hold_the_picture_and_nothing_else(run, files, completer, monkeypatch, capfdbinary):
    stdin = SimpleNamespace(buffer=io.BytesIO((files / "images/a.png").read_bytes()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert complete(run, "-", files / "masks/a.png", "-") == 0
    out, log = capfdbinary.readouterr()
    np.testing.assert_array_equal(decode_bytes(out, "out"), completer(picture, hole))
    assert log == b"1 completed, in standard output\n"


def test_folders_pair_by_name_and_report_what_failed(run, files, capsys):
    (files / "images" / "d.png").write_text("broken")
    Image.fromarray(hole * 255).save(files / "masks" / "d.png")
    assert complete(run, files / "images", files / "masks", files / "out") == 1
    assert sorted(p.name for p in (files / "out").iterdir()) == ["a.png", "b.png"]
    captured = capsys.readouterr()
    assert "2 completed" in captured.out
    assert "2 failed" in captured.out
    assert "c.png" in captured.err
    assert "holds no mask c.* or c_mask.*" in captured.err
    assert "d.png: not a picture" in captured.err


def test_one_mask_for_all(run, files):
    assert complete(run, files / "images", files / "masks/a.png", files / "out") == 0
    assert len(list((files / "out").iterdir())) == 3


def test_an_empty_mask_copies_the_picture_and_prints_a_remark(run, files, capsys):
    out = files / "out.png"
    assert complete(run, files / "images/a.png", files / "empty.png", out) == 0
    np.testing.assert_array_equal(decode(out), picture)
    assert "the mask is empty" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("image", "mask", "output", "message"),
    [
        ("images/x.png", "masks/a.png", "out.png", "x.png: no such file"),
        ("images/a.png", "masks/x.png", "out.png", "x.png: no such file"),
        ("images/a.png", "small.png", "out.png", "the mask is 50x9 and the picture 50x37"),
        ("images/a.png", "full.png", "out.png", "covers the whole picture"),
        ("broken.png", "masks/a.png", "out.png", "broken.png: not a picture"),
        ("images/a.png", "broken.png", "out.png", "broken.png: not a picture"),
        ("images/a.png", "masks", "out.png", "is a folder"),
        ("images/a.png", "masks/a.png", "out.gif", "unknown kind of file"),
        ("images/a.png", "masks/a.png", "small.png/out.png", "cannot write there"),
        ("images", "masks/a.png", "small.png", "is a file: give a folder"),
        ("masks_none", "masks", "out", "no such file or folder"),
    ],
)
def test_mistakes_get_one_line_and_exit_code_2(run, files, capsys, image, mask, output, message):
    before = sorted(files.rglob("*"))
    assert complete(run, files / image, files / mask, files / output) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert len(error.splitlines()) == 1
    assert sorted(files.rglob("*")) == before


def test_an_empty_folder_and_a_missing_checkpoint_are_refused(run, files, capsys):
    (files / "none").mkdir()
    assert complete(run, files / "none", files / "masks", files / "out") == 2
    assert "no pictures in this folder" in capsys.readouterr().err
    assert complete(files, files / "images", files / "masks", files / "out") == 2
    assert "no run folder with a checkpoint" in capsys.readouterr().err


def test_settings_that_the_network_has_not_are_refused(run, files, capsys):
    names = files / "images/a.png", files / "masks/a.png", files / "out.png"
    assert complete(run, *names, "--latent_steps", "5") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("completing with this network has no latent_steps: leave it out")
    assert not names[-1].exists()


def test_help_needs_no_jax():
    start = time.monotonic()
    code = (
        "import sys; from glcic_jax.complete.__main__ import parse\n"
        "try: parse(['--help'])\nexcept SystemExit: pass\nsys.exit('jax.numpy' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    assert b"white = fill" in done.stdout
    assert time.monotonic() - start < 20
