"""The command's files: patterns, streams, masks as people draw them, dry runs. No network."""

import io
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from glcic_jax.complete import __main__ as command
from glcic_jax.masks.by_hand import read_painted_mask
from glcic_jax.pictures.photo_reader import read_photo

rng = np.random.default_rng(0)
picture = rng.integers(0, 256, (37, 50, 3), np.uint8)
hole = np.zeros((37, 50), np.uint8)
hole[10:20, 15:30] = 1
filled = np.where(hole[..., None] == 1, 7, picture).astype(np.uint8)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Pictures of two kinds and a mask; the network is one that fills with sevens."""
    for name in ("shots/a.png", "shots/b.png", "shots/c.jpg", "more/a.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(path)
    Image.fromarray(hole * 255).save(tmp_path / "mask.png")
    Image.fromarray(255 - hole * 255).save(tmp_path / "inverted.png")

    def sevens(image, mask, postprocess):
        return np.where(mask[..., None] == 1, 7, image).astype(np.uint8)

    monkeypatch.setattr(command, "load_completer", lambda args: sevens)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complete(image, output, *more, mask="mask.png"):
    flags = ["--checkpoint", "none", "--image", image, "--mask", mask, "--output", output]
    return command.main([*flags, *map(str, more)])


def pixels(path):
    return np.asarray(Image.open(path))


def test_a_pattern_takes_its_pictures_and_keeps_their_names_and_kinds(folder, capsys):
    assert complete("shots/*.[pj]*g", "out") == 0
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["a.png", "b.png", "c.jpg"]
    np.testing.assert_array_equal(pixels("out/a.png"), filled)
    assert Path("out/c.jpg").read_bytes().startswith(b"\xff\xd8")
    assert capsys.readouterr().out == "3 completed, in out\n"
    assert complete(str(folder / "shots" / "a*"), "other") == 0
    assert complete("shots", "all", "--format", "tif") == 0
    assert sorted(p.name for p in (folder / "all").iterdir()) == ["a.tif", "b.tif", "c.tif"]


def test_files_that_begin_with_a_dot_are_passed_over(folder):
    Path("shots/._a.png").write_bytes(b"\0\5\x16\7")  # as macOS leaves them on other disks
    Path("masks").mkdir()
    for name in ("a", "b", "c"):
        Path(f"masks/{name}.png").write_bytes(Path("mask.png").read_bytes())
    Path("masks/._a.png").write_bytes(b"\0\5\x16\7")
    assert complete("shots", "out", mask="masks") == 0
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["a.png", "b.png", "c.jpg"]


def test_a_name_with_brackets_is_a_name(folder):
    (folder / "shots/a.png").rename("a[1].png")
    assert complete("a[1].png", "out.png") == 0


def test_sixteen_bits_and_alpha_come_through(folder):
    deep = rng.integers(0, 65536, (37, 50), np.uint16)
    Image.fromarray(deep).save("deep.png")
    assert complete("deep.png", "deep_out.png") == 0
    np.testing.assert_array_equal(pixels("deep_out.png"), np.where(hole == 1, 7 * 257, deep))
    alpha = rng.integers(0, 256, (37, 50), np.uint8)
    Image.fromarray(np.dstack([picture, alpha])).save("alpha.png")
    assert complete("alpha.png", "alpha_out.png") == 0
    np.testing.assert_array_equal(pixels("alpha_out.png"), np.dstack([filled, alpha]))


def test_a_transparent_hole_and_lost_traits_are_reported(folder, capsys):
    Image.fromarray(np.dstack([picture, 255 - hole * 255])).save("erased.png")
    assert complete("erased.png", "out.jpg") == 0
    printed = capsys.readouterr().out
    assert "erased.png: 100 % of the hole are transparent, and stay so" in printed
    assert "out.jpg: JPEG has no transparency: laid on white" in printed


def streams(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))


@pytest.mark.parametrize(("flags", "kind"), [([], "TIFF"), (["--format", "png"], "PNG")])
def test_standard_input_to_standard_output(folder, monkeypatch, capfdbinary, flags, kind):
    Image.fromarray(picture).save("a.tif")
    streams(monkeypatch, Path("a.tif").read_bytes())
    assert complete("-", "-", *flags, mask="inverted.png") == 0
    out, log = capfdbinary.readouterr()
    photo, _ = read_photo(out, "out")
    assert photo.kind == kind
    np.testing.assert_array_equal(photo.pixels[hole == 1], picture[hole == 1])
    assert b"is the mask inverted?" in log
    assert b"1 completed, in standard output" in log


def test_a_damaged_stream_is_refused_and_nothing_is_written(folder, monkeypatch, capfdbinary):
    streams(monkeypatch, Path("shots/a.png").read_bytes()[:900])
    assert complete("-", "-") == 2
    out, log = capfdbinary.readouterr()
    assert out == b""
    assert log == b"error: standard input: the file is truncated or damaged\n"


def test_closed_streams_are_refused_where_they_are_needed(folder, monkeypatch, capsys):
    monkeypatch.setattr(command.sys, "stdin", None)
    assert complete("-", "a.png") == 2
    assert capsys.readouterr().err.startswith("error: standard input is closed")
    monkeypatch.setattr(command.sys, "stdout", None)
    assert complete("shots/a.png", "-") == 2
    assert capsys.readouterr().err.startswith("error: standard output is closed")
    assert complete("shots/a.png", "a.png") == 0
    np.testing.assert_array_equal(pixels("a.png"), filled)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_one_picture(folder):
    os.mkfifo("pipe")
    data = Path("shots/a.png").read_bytes()
    threading.Thread(target=Path("pipe").write_bytes, args=(data,)).start()
    assert complete("pipe", "a.png") == 0
    np.testing.assert_array_equal(pixels("a.png"), filled)


@pytest.mark.parametrize(
    ("image", "output", "flags", "message"),
    [
        ("none/*.png", "out", [], "none/*.png: no picture has such a name"),
        ("shots/a.png", "out.png", ["--dilate", "-1"], "--dilate -1: holes grow by 0"),
        ("shots/a.png", "out.png", ["--format", "png"], "the kind of out.png is in its name"),
        ("shots/a.png", "shots/a.png", [], "would replace shots/a.png itself"),
        ("shots/a.png", "mask.png", [], "would replace mask.png itself"),
        ("shots", "shots", [], "shots/a.png would replace shots/a.png itself"),
        ("*/a.png", "out", [], "out/a.png would be the completion of 2 pictures"),
        ("shots", "-", [], "standard output takes one"),
        ("-", "more", [], "name a file for the picture of standard input"),
        ("shots/a.png", "new/", [], "new: unknown kind of file; write .bmp"),
        ("shots/a.png", "new/", ["--format", "jpg"], "a folder for one picture must be there"),
    ],
)
def test_mistakes_get_one_line(folder, capsys, image, output, flags, message):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert complete(image, output, *flags) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert len(error.splitlines()) == 1
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize(
    ("image", "mask"), [("shots", "shots"), ("shots/*.png", "shots"), ("shots/a.png",) * 2]
)
def test_a_photograph_is_not_its_own_mask(folder, capsys, image, mask):
    assert complete(image, "out.png" if image.endswith("a.png") else "out", mask=mask) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "error: shots/a.png would be its own mask: keep masks in a folder of their own"
    assert not Path("out").exists()


def test_a_dry_run_lists_and_checks_and_needs_no_jax(folder):
    (folder / "shots/d.png").write_text("broken")
    before = sorted(folder.rglob("*"))
    code = (
        "import sys; from glcic_jax.complete.__main__ import main\n"
        "code = main(sys.argv[1:]); sys.exit(9 if 'jax.numpy' in sys.modules else code)"
    )
    flags = ["--checkpoint", "none", "--image", "shots", "--mask", "mask.png", "--output", "out"]
    command = [sys.executable, "-c", code, *flags, "--dry-run"]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        command, env={"PYTHONPATH": root}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        *(f"shots/{n}: 50x37, 8.11 % to fill -> out/{n}" for n in ("a.png", "b.png", "c.jpg")),
        "3 would be completed, in out, 1 failed",
    ]
    assert done.stderr == "failed: shots/d.png: not a picture that can be read\n"
    assert sorted(folder.rglob("*")) == before


# Masks -------------------------------------------------------------------------------------------


def test_inverted_masks(folder):
    mask, remarks = read_painted_mask(Path("mask.png"))
    assert not remarks
    np.testing.assert_array_equal(mask, hole)
    suspected, remarks = read_painted_mask(Path("inverted.png"))
    assert remarks == [
        "92 % of the picture are to be filled: is the mask inverted? --invert fills the black"
    ]
    np.testing.assert_array_equal(suspected, 1 - hole)
    mask, remarks = read_painted_mask(Path("inverted.png"), invert=True)
    assert not remarks
    np.testing.assert_array_equal(mask, hole)


def test_holes_grow_by_pixels_in_every_direction(folder):
    dot = np.zeros((21, 21), np.uint8)
    dot[10, 10] = 255
    Image.fromarray(dot).save("dot.png")
    rows, columns = np.mgrid[-10:11, -10:11]
    for pixels in (0, 1, 4):
        mask, _ = read_painted_mask(Path("dot.png"), dilate=pixels)
        np.testing.assert_array_equal(mask, rows**2 + columns**2 <= pixels**2)
    Image.fromarray(dot * 0).save("empty.png")
    assert not read_painted_mask(Path("empty.png"), dilate=4)[0].any()


def test_grey_masks_are_cut_at_half_which_is_reported_once_per_file(folder, capsys):
    grey = hole * 200
    grey[0, :37] = 127
    Image.fromarray(grey).save("grey.png")
    assert complete("shots", "out", mask="grey.png") == 0
    printed = capsys.readouterr().out
    assert printed.count("neither black nor white: half and brighter counts as white") == 1
    assert "grey.png: 10 % of the mask" in printed
    np.testing.assert_array_equal(pixels("out/a.png"), filled)
