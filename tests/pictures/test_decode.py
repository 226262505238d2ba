"""Every kind of file that people have comes out as upright 8-bit RGB, or is refused by name."""

import warnings

import cv2
import numpy as np
import pytest
from PIL import Image

from glcic_jax.pictures import decode as module
from glcic_jax.pictures import pixels as pixels_module
from glcic_jax.pictures.decode import decode, write_picture
from glcic_jax.pictures.mask_files import decode_mask
from glcic_jax.runtime.errors import UserError

rng = np.random.default_rng(0)
# Smooth, so that JPEG keeps it; red, green and blue differ, so that their order shows.
ramp = np.linspace(0, 255, 48)
picture = np.stack(np.broadcast_arrays(ramp[None, :], ramp[:36, None], 128.0), -1).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [("a.png", 0), ("a.bmp", 0), ("a.tif", 0), ("a.jpg", 12), ("a.webp", 12), ("ä ö.PNG", 0)],
)
def test_formats(tmp_path, name, tolerance):
    Image.fromarray(picture).save(tmp_path / name)
    read = decode(tmp_path / name)
    assert read.dtype == np.uint8
    np.testing.assert_allclose(read.astype(int), picture.astype(int), atol=tolerance)


def test_grey_becomes_three_equal_channels(tmp_path):
    for name in ("a.png", "a.jpg"):
        Image.fromarray(picture[..., 0]).save(tmp_path / name)
        read = decode(tmp_path / name)
        assert (read == read[..., :1]).all()
        np.testing.assert_allclose(read[..., 0].astype(int), picture[..., 0].astype(int), atol=4)


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    deep = (picture[..., 0].astype(np.uint16)) * 257
    cv2.imwrite(str(tmp_path / "a.png"), deep)
    np.testing.assert_array_equal(decode(tmp_path / "a.png")[..., 1], picture[..., 0])


def test_sixteen_bit_colour_is_scaled_not_clipped(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), picture[..., ::-1].astype(np.uint16) * 257)
    np.testing.assert_array_equal(decode(tmp_path / "a.png"), picture)


def test_palette(tmp_path):
    flat = np.zeros((8, 8, 3), np.uint8)
    flat[:4], flat[4:] = (200, 30, 10), (10, 60, 220)
    Image.fromarray(flat).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "a.png")
    np.testing.assert_array_equal(decode(tmp_path / "a.png"), flat)


def test_transparent_pixels_lie_on_white(tmp_path):
    alpha = np.zeros(picture.shape[:2], np.uint8)
    alpha[:10] = 255
    Image.fromarray(np.dstack([picture, alpha])).save(tmp_path / "a.png")
    read = decode(tmp_path / "a.png")
    np.testing.assert_array_equal(read[:10], picture[:10])
    assert (read[10:] == 255).all()


def test_cmyk_jpeg(tmp_path):
    Image.fromarray(picture).convert("CMYK").save(tmp_path / "a.jpg", quality=98)
    np.testing.assert_allclose(decode(tmp_path / "a.jpg").astype(int), picture.astype(int), atol=8)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.avif"])
def test_exif_rotation_is_applied(tmp_path, name):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    Image.fromarray(picture).save(tmp_path / name, exif=exif, quality=98)
    expected = np.rot90(picture, -1)
    read = decode(tmp_path / name)
    assert read.shape == expected.shape
    assert np.abs(read.astype(int) - expected.astype(int)).mean() < 3


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # of Pillow, when the file is made
def test_broken_exif_harms_nothing(tmp_path):
    broken = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff"
    Image.fromarray(picture).save(tmp_path / "a.jpg", exif=broken)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert module.read_header((tmp_path / "a.jpg").read_bytes(), "a.jpg").kind == "JPEG"
        assert decode(tmp_path / "a.jpg").shape == picture.shape


def broken_files(folder):
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(folder / "whole.jpg")
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(folder / "whole.png")
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("not a picture")
    for kind in ("jpg", "png"):
        data = (folder / f"whole.{kind}").read_bytes()
        (folder / f"cut.{kind}").write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.png", "No such file"),
        ("empty.png", "empty"),
        ("text.jpg", "not a picture"),
        ("cut.jpg", "truncated"),
        ("cut.png", "truncated"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path, name, message):
    broken_files(tmp_path)
    for read in (decode, decode_mask):
        with pytest.raises(UserError, match=f"{name}.*{message}"):
            read(tmp_path / name)


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    Image.fromarray(picture).save(tmp_path / "a.png")
    monkeypatch.setattr(pixels_module, "MAX_PIXELS", 100)
    with pytest.raises(UserError, match="48x36 pixels are too many"):
        decode(tmp_path / "a.png")


def test_masks_are_white_on_black_thresholded_at_half(tmp_path):
    grey = np.array([[0, 127, 128, 255]], np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert decode_mask(tmp_path / "grey.png").tolist() == [[0, 0, 1, 1]]
    strokes = np.zeros((1, 4, 4), np.uint8)
    strokes[0, 2:] = 255  # two opaque white pixels on a transparent ground
    Image.fromarray(strokes).save(tmp_path / "strokes.png")
    assert decode_mask(tmp_path / "strokes.png").tolist() == [[0, 0, 1, 1]]


def test_write_reads_back_and_leaves_no_temporary_file(tmp_path):
    write_picture(tmp_path / "a.png", picture)
    np.testing.assert_array_equal(decode(tmp_path / "a.png"), picture)
    write_picture(tmp_path / "a.jpg", picture)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jpg", "a.png"]


def test_write_refuses_unknown_kinds_and_missing_folders(tmp_path):
    with pytest.raises(UserError, match="unknown kind of file"):
        write_picture(tmp_path / "a.xyz", picture)
    with pytest.raises(UserError, match="cannot write"):
        write_picture(tmp_path / "nowhere" / "a.png", picture)
    assert not list(tmp_path.iterdir())
