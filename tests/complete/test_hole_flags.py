"""The command's --box and --border, which need no mask file. No network."""

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from glcic_jax.complete import __main__ as command
from glcic_jax.complete.pairing import plan

rng = np.random.default_rng(0)
picture = rng.integers(8, 256, (37, 50, 3), np.uint8)  # no sevens, by which holes are filled


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Makes pictures of two sizes and a mask; the network is one that fills with sevens."""
    (tmp_path / "shots").mkdir()
    Image.fromarray(picture).save(tmp_path / "shots/a.png")
    Image.fromarray(picture[:20, :20]).save(tmp_path / "shots/small.png")
    mask = np.zeros((37, 50), np.uint8)
    mask[30:32, 2:9] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")

    def sevens(image, hole, postprocess):
        return np.where(hole[..., None], 7, image).astype(np.uint8)

    monkeypatch.setattr(command, "load_completer", lambda args: sevens)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complete(*flags, image="shots/a.png", output="out.png"):
    given = ["--checkpoint", "none", "--image", image, "--output", output]
    return command.main([*given, *flags])


def hole(path="out.png"):
    return (np.asarray(Image.open(path)) == 7).all(axis=-1)


def boxes(*corners, size=(37, 50)):
    drawn = np.zeros(size, bool)
    for left, top, width, height in corners:
        drawn[top : top + height, left : left + width] = True
    return drawn


def frame(left, top, right, bottom):
    rows, columns = np.mgrid[:37, :50]
    return (rows < top) | (rows >= 37 - bottom) | (columns < left) | (columns >= 50 - right)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--box", "15,10,20,8"], boxes((15, 10, 20, 8))),
        (["--box", "0,0,50,36"], boxes((0, 0, 50, 36))),
        (["--box", "1,2,3,4", "--box", "49,36,1,1"], boxes((1, 2, 3, 4), (49, 36, 1, 1))),
        (["--border", "3"], frame(3, 3, 3, 3)),
        (["--border", "4,0,5,1"], frame(4, 0, 5, 1)),
        (["--border", "1", "--box", "9,9,2,2"], frame(1, 1, 1, 1) | boxes((9, 9, 2, 2))),
        (["--mask", "mask.png", "--box", "1,2,3,4"], boxes((2, 30, 7, 2), (1, 2, 3, 4))),
        (["--box", "20,20,1,1", "--dilate", "1"], boxes((19, 20, 3, 1), (20, 19, 1, 3))),
    ],
)
def test_what_is_named_is_filled_and_nothing_else(folder, flags, expected):
    assert complete(*flags) == 0
    np.testing.assert_array_equal(hole(), expected)
    np.testing.assert_array_equal(np.asarray(Image.open("out.png"))[~expected], picture[~expected])


def test_a_click_fills_the_thing_there(folder):
    thing = boxes((20, 10, 12, 9))
    image = np.full((37, 50, 3), (90, 120, 200), np.uint8)
    image[thing] = (200, 60, 30)
    Image.fromarray(image).save("thing.png")
    assert complete("--click", "26,14", image="thing.png") == 0
    np.testing.assert_array_equal(hole(), thing)
    assert complete("--click", "26,14", "--click-out", "21,14", image="thing.png") == 0
    assert not hole()[14, 21]
    assert hole()[14, 26]


def test_a_box_is_counted_in_the_upright_picture(folder):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # turned to the right
    Image.fromarray(picture).save("turned.png", exif=exif)
    assert complete("--box", "30,40,5,6", image="turned.png") == 0
    np.testing.assert_array_equal(hole(), boxes((30, 40, 5, 6), size=(50, 37)))


def test_in_a_folder_a_picture_that_a_box_does_not_fit_fails_alone(folder, capsys):
    assert complete("--box", "25,5,9,9", image="shots", output="out") == 1
    assert [path.name for path in Path("out").iterdir()] == ["a.png"]
    printed = capsys.readouterr()
    assert printed.out == "1 completed, in out, 1 failed\n"
    assert printed.err.endswith(
        "failed: shots/small.png: --box 25,5,9,9 reaches out of the picture, which has 20x20 "
        "pixels (width x height)\n"
    )
    assert complete("--border", "3", image="shots", output="out") == 0
    assert hole("out/small.png").sum() == 20 * 20 - 14 * 14


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "nothing to fill: give --mask FILE, --box X,Y,W,H or --border N"),
        (["--invert", "--box", "1,1,2,2"], "--invert is for --mask"),
        (["--box", "45,0,6,9"], "shots/a.png: --box 45,0,6,9 reaches out of the picture"),
        (["--box", "0,36,6,2"], "which has 50x37 pixels"),
        (["--box", "-1,0,6,2"], "shots/a.png: --box -1,0,6,2 reaches out of the picture, which "),
        (["--box", "3,-1,6,2"], "which has 50x37 pixels (width x height)"),
        (["--box", "1,1,0,5"], "--box 1,1,0,5 is empty"),
        (["--box", "1,1,5"], "--box 1,1,5: give X,Y,W,H in whole pixels"),
        (["--box", "1,1,5,2.5"], "--box 1,1,5,2.5: give X,Y,W,H in whole pixels"),
        (["--box", "0,0,50,37"], "all of the picture would be filled"),
        (["--click", "50,3"], "shots/a.png: --click 50,3 is not in the picture, which has 50x37"),
        (["--click", "49,37"], "pixels: X is 0 to 49, Y 0 to 36"),
        (["--click", "1,1", "--click-out", "50,3"], "--click-out 50,3 is not in the picture"),
        (["--click", "-3,4"], "shots/a.png: --click -3,4 is not in the picture, which has 50x37"),
        (["--click", "1,1", "--click-out", "3,-4"], "--click-out 3,-4 is not in the picture, wh"),
        (["--click-out", "-3"], "--click-out -3: give X,Y in whole pixels"),
        (["--click", "5"], "--click 5: give X,Y in whole pixels"),
        (["--click-out", "5,5", "--border", "1"], "--click-out is for --click"),
        (["--border", "19"], "--border 19,19,19,19 covers the whole picture, which has 50x37"),
        (["--border", "0"], "--border 0 leaves nothing to fill"),
        (["--border", "0,0,0,0"], "leaves nothing to fill"),
        (["--border=-3"], "--border -3: give 0 or more"),
        (["--border", "-3,0,0,0"], "--border -3,0,0,0: give 0 or more"),
        (["--border", "1,2"], "--border 1,2: give N or L,T,R,B"),
        (["--border", "10", "--box", "10,10,30,17"], "all of the picture would be filled"),
        (["--box", "1,1,2,2", "--mask", "shots/small.png"], "the mask is 20x20 and the picture"),
        (["--box", "1,1,2,2", "--mask", "none.png"], "none.png: no such file or folder"),
    ],
)
def test_mistakes_get_one_line_and_write_nothing(folder, capsys, flags, message):
    assert complete(*flags) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert not Path("out.png").exists()


def test_resuming_looks_at_the_picture_alone(folder, capsys):
    assert complete("--border", "3", image="shots", output="out") == 0
    assert complete("--border", "3", "--resume", image="shots", output="out") == 0
    assert capsys.readouterr().out.endswith("0 completed, in out, 2 skipped\n")


def test_a_plan_needs_no_mask(folder):
    jobs, failures = plan(Path("shots"), None, Path("out"))
    assert [(job.image.name, job.mask) for job in jobs] == [("a.png", None), ("small.png", None)]
    assert failures == []
