"""Photographs are written back as they were read, every kind of file and depth, or are refused."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import get_sampling

from glcic_jax.pictures import photo_writer
from glcic_jax.pictures.photo import Photo, fill_holes
from glcic_jax.pictures.photo_reader import read_photo
from glcic_jax.pictures.photo_writer import encode_photo
from glcic_jax.pictures.pixels import png_chunks, to_rgb8
from glcic_jax.runtime.errors import UserError
from tests.helpers.photos import PROFILE, again, exif_of, noise, smooth, tags_of
from tests.helpers.pictures import file_of

rng = np.random.default_rng(0)
LOSSLESS = [
    (extension, depth, channels)
    for extension in (".png", ".tif", ".webp")
    for depth in (8, 16)
    for channels in (1, 2, 3, 4)
    if not (extension == ".webp" and (depth == 16 or channels < 3))
    and not (extension == ".tif" and depth == 16 and channels == 2)  # Pillow opens no such TIFF
]


@pytest.mark.parametrize(("extension", "depth", "channels"), LOSSLESS)
def test_everything_comes_back_bit_for_bit(extension, depth, channels):
    photo = Photo(noise(depth, channels), "other", PROFILE, exif_of().tobytes(), (300.0, 300.0))
    back = again(photo, extension)
    assert back.pixels.dtype == photo.pixels.dtype
    np.testing.assert_array_equal(back.pixels, photo.pixels)
    assert back.profile == PROFILE
    plain, camera, place = tags_of(back.exif)
    assert (plain[271], plain[315]) == ("Maker", "Author")
    assert camera[0x9003] == "2020:01:02 03:04:05"
    assert float(camera[0x829A]) == pytest.approx(0.004)
    assert place[1] == "N"
    if extension != ".webp":
        np.testing.assert_allclose(back.dpi, 300, atol=0.01)


@pytest.mark.parametrize("extension", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_opencv_and_we_agree_on_16_bits(extension, channels):
    pixels = noise(16, channels)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    theirs = cv2.imencode(extension, pixels[..., order])[1].tobytes()
    np.testing.assert_array_equal(read_photo(theirs, "a")[0].pixels, pixels)
    ours = encode_photo(Photo(pixels, ""), extension, "a")[0]
    seen = cv2.imdecode(np.frombuffer(ours, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(seen.reshape(pixels.shape)[..., order], pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_pictures_are_turned_upright_once(kind, orientation):
    block = exif_of(_274=orientation).tobytes()
    data = file_of(smooth, kind, exif=block, quality=98, subsampling=0)
    picture = Image.open(io.BytesIO(data))
    photo, remarks = read_photo(data, "a")
    if kind == "WEBP":  # browsers do not turn it
        expected = np.asarray(picture)
        assert len(remarks) == (orientation > 1)
    else:
        expected = np.asarray(ImageOps.exif_transpose(picture))
        assert not remarks
    np.testing.assert_array_equal(photo.pixels, expected)
    plain, camera, _ = tags_of(photo.exif)
    assert 274 not in plain
    assert (plain[271], camera[0x9003]) == ("Maker", "2020:01:02 03:04:05")
    assert (camera[0xA003], camera[0xA002]) == expected.shape[:2]
    back = again(photo, ".png")
    np.testing.assert_array_equal(back.pixels, expected)


def test_deep_pictures_are_turned_too(monkeypatch):
    deep = noise(16, 3)
    turned = encode_photo(Photo(deep, "", exif=exif_of(_274=6).tobytes()), ".png", "a")[0]
    np.testing.assert_array_equal(read_photo(turned, "a")[0].pixels, np.rot90(deep, -1))
    monkeypatch.setattr(photo_writer, "DESCRIBING", {274})  # else it writes no orientation
    turned = encode_photo(Photo(deep, "", exif=exif_of(_274=6).tobytes()), ".tif", "a")[0]
    np.testing.assert_array_equal(read_photo(turned, "a")[0].pixels, np.rot90(deep, -1))


def test_the_thumbnail_which_shows_the_old_picture_is_left_out():
    first = struct.pack("<HHHI4sI", 1, 271, 2, 4, b"Mak\0", 26)
    second = struct.pack("<HHHIIHHIII", 2, 513, 4, 1, 56, 514, 4, 1, 5, 0)
    block = b"Exif\0\0II*\0" + struct.pack("<I", 8) + first + second + b"THUMB"
    data = file_of(smooth, "JPEG", exif=block)
    assert b"THUMB" in data
    photo, _ = read_photo(data, "a")
    assert tags_of(photo.exif)[0] == {271: "Mak"}
    assert b"THUMB" not in encode_photo(photo, ".jpg", "a")[0]


@pytest.mark.parametrize("quality", [35, 80, 97])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("grey", [False, True])
def test_jpegs_keep_their_quality(quality, subsampling, grey):
    image = smooth[..., 0] if grey else smooth
    data = file_of(image, "JPEG", quality=quality, subsampling=subsampling, icc_profile=PROFILE)
    first = Image.open(io.BytesIO(data))
    photo, _ = read_photo(data, "a")
    assert photo.pixels.shape[2] == (1 if grey else 3)
    written = encode_photo(photo, ".jpg", "a")[0]
    second = Image.open(io.BytesIO(written))
    assert second.mode == first.mode
    assert second.quantization == first.quantization
    assert get_sampling(second) == get_sampling(first)
    assert second.info["icc_profile"] == PROFILE
    assert abs(len(written) - len(data)) < 0.1 * len(data)
    difference = np.asarray(second).astype(int) - np.asarray(first)
    assert np.abs(difference).mean() < 1


def test_the_chunks_of_a_png_that_define_colours_are_kept():
    chunk = struct.pack(">I", 4) + b"gAMA" + struct.pack(">I", 100_000)
    chunk += struct.pack(">I", zlib.crc32(chunk[4:]))
    for pixels in (noise(8, 3), noise(16, 3)):
        plain = encode_photo(Photo(pixels, ""), ".png", "a")[0]
        photo, _ = read_photo(plain[:33] + chunk + plain[33:], "a")
        written = encode_photo(photo, ".png", "a")[0]
        assert (b"gAMA", struct.pack(">I", 100_000)) in [chunk[:2] for chunk in png_chunks(written)]
        assert read_photo(written, "a")[0].pixels.dtype == pixels.dtype


def test_webp_stays_lossless_or_lossy():
    pixels = noise(8, 3)
    lossless = read_photo(file_of(pixels, "WEBP", lossless=True, icc_profile=PROFILE), "a")[0]
    assert not lossless.lossy
    np.testing.assert_array_equal(again(lossless, ".webp").pixels, pixels)
    assert read_photo(file_of(pixels, "WEBP", quality=80), "a")[0].lossy


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("1", 1), ("P", 3), ("CMYK", 3), ("LAB", 3), ("RGBX", 3)],
)
def test_other_modes_become_grey_or_rgb(mode, channels):
    converted = Image.fromarray(smooth).convert("RGB" if mode == "LAB" else mode)
    image = Image.new("LAB", (48, 36)) if mode == "LAB" else converted
    photo, _ = read_photo(file_of(image, "PNG" if mode in "1P" else "TIFF"), "a")
    assert photo.pixels.shape == (36, 48, channels)
    if mode != "LAB":
        expected = np.asarray(converted.convert("L" if channels == 1 else "RGB"))
        np.testing.assert_array_equal(photo.pixels.squeeze(), expected)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [8, 16])
def test_holes_take_the_completion_and_nothing_else_changes(depth, channels):
    photo = Photo(noise(depth, channels), "")
    hole = np.zeros((9, 14), bool)
    hole[2:5, 3:9] = True
    completed = rng.integers(0, 256, (9, 14, 3), np.uint8)
    filled = fill_holes(photo, completed, hole).pixels
    np.testing.assert_array_equal(filled[~hole], photo.pixels[~hole])
    scale = 257 if depth == 16 else 1
    if channels >= 3:
        np.testing.assert_array_equal(filled[hole, :3], completed[hole].astype(int) * scale)
    else:
        grey = cv2.cvtColor(completed, cv2.COLOR_RGB2GRAY)[hole].astype(int)
        assert np.abs(filled[hole, 0].astype(int) - grey * scale).max() <= scale
    if photo.alpha is not None:
        np.testing.assert_array_equal(filled[..., -1], photo.alpha)


def test_the_network_sees_upright_8_bit_rgb_on_white():
    for depth in (8, 16):
        grey = Photo(noise(depth, 2), "")
        grey.pixels[0, 0] = 0  # black, transparent
        seen = to_rgb8(grey.pixels)
        assert (seen.dtype, seen.shape) == (np.uint8, (9, 14, 3))
        assert (seen[0, 0] == 255).all()
        assert (seen == seen[..., :1]).all()
    deep = Photo(smooth.astype(np.uint16) * 257, "")
    np.testing.assert_array_equal(to_rgb8(deep.pixels), smooth)


def test_what_a_kind_of_file_cannot_hold_is_reported():
    photo = Photo(noise(16, 4), "PNG", PROFILE, exif_of().tobytes())
    transparent, deep = "has no transparency: laid on white", "keeps 8 of 16 bits"
    assert encode_photo(photo, ".jpg", "a")[1] == [f"JPEG {transparent}"]
    assert encode_photo(photo, ".webp", "a")[1] == [f"WEBP {deep}"]
    assert encode_photo(photo, ".bmp", "a")[1] == [
        f"BMP {transparent}",
        "BMP keeps no colour profile and no EXIF",
    ]
    wide = Photo(np.zeros((1, 16_384, 3), np.uint8), "PNG")
    with pytest.raises(UserError, match=r"a\.webp: cannot be written as WEBP"):
        encode_photo(wide, ".webp", "a.webp")
