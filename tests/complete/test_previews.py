"""The command's --preview: what was filled beside what came out. No network."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glcic_jax.complete import __main__ as command
from glcic_jax.complete.previews import GAP, LONGEST, preview
from glcic_jax.pictures.photo import Photo

rng = np.random.default_rng(0)
picture = rng.integers(0, 256, (37, 50, 3), np.uint8)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "shots").mkdir()
    for name in ("a.png", "b.jpg"):
        Image.fromarray(picture).save(tmp_path / "shots" / name)
    monkeypatch.chdir(tmp_path)


def complete(image, output, *flags):
    given = ["--image", image, "--output", output, "--method", "mean", "--box", "15,10,20,8"]
    return command.main([*given, "--preview", *flags])


def pixels(path):
    return np.asarray(Image.open(path))


def test_holes_are_marked_on_the_left_and_filled_on_the_right():
    assert complete("shots/a.png", "out.png") == 0
    shown, hole = pixels("out_preview.png"), np.zeros((37, 50), bool)
    hole[10:18, 15:35] = True
    assert shown.shape == (37, 50 + GAP + 50, 3)
    left = shown[:, :50]
    np.testing.assert_array_equal(left[~hole], picture[~hole])
    assert (left[hole].astype(int) - picture[hole] >= 0)[..., 0].all()  # redder
    assert (left[hole][..., 0] >= 153).all()
    assert (shown[:, 50 : 50 + GAP] == 255).all()
    np.testing.assert_array_equal(shown[:, 50 + GAP :], pixels("out.png"))


def test_each_picture_of_a_folder_gets_one_and_resuming_makes_those_that_lack(capsys):
    assert complete("shots", "out") == 0
    names = ["a.png", "a_preview.png", "b.jpg", "b_preview.png"]
    assert sorted(path.name for path in Path("out").iterdir()) == names
    Path("out/b_preview.png").unlink()
    capsys.readouterr()
    assert complete("shots", "out", "--resume") == 0
    assert capsys.readouterr().out == "1 completed, in out, 1 skipped\n"
    assert Path("out/b_preview.png").exists()


@pytest.mark.parametrize("shape", [(40, 30, 2), (40, 30, 4), (3000, 2, 1), (1200, 2000, 3)])
def test_every_kind_of_photograph_is_shown(shape):
    photo = Photo(np.full(shape, 9999, np.uint16), "PNG")
    decoded = pixels(BytesIO(preview(photo, photo, np.eye(*shape[:2], dtype=bool))))
    height, width = (round(n * min(1, LONGEST / max(shape))) for n in shape[:2])
    assert decoded.shape == (height, 2 * width + GAP, 3)
    assert decoded.dtype == np.uint8


@pytest.mark.parametrize(
    ("names", "output", "message"),
    [
        (["a_preview.png"], "out", "out/a_preview.png, the preview of out/a.png, would be written"),
        (["a.jpg"], "out", "would be written twice"),
        (["a_preview.png"], "shots/a.png", "shots/a.png would replace"),
        ([], "-", "--preview is written beside the output"),
    ],
)
def test_what_a_preview_would_replace_is_refused(capsys, names, output, message):
    for name in names:
        Image.fromarray(picture).save(Path("shots") / name)
    single = output != "out"
    assert complete("shots/a.png" if single else "shots", output) == 2
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_preview_does_not_replace_the_picture_itself(capsys):
    Image.fromarray(picture).save("out_preview.png")
    before = Path("out_preview.png").read_bytes()
    assert complete("out_preview.png", "out.png") == 2
    assert "the preview of out.png, would replace a file that is read" in capsys.readouterr().err
    assert Path("out_preview.png").read_bytes() == before
