"""Odd files are whole or refused, and everybody who reads them sees the same."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from glcic_jax.demo.filling import decode_bytes as page_reader
from glcic_jax.pictures.decode import decode, decode_bytes
from glcic_jax.pictures.photo_reader import read_photo
from glcic_jax.pictures.pixels import to_rgb8
from glcic_jax.runtime.errors import UserError
from tests.helpers.odd_files import GREY, JPEG, ODD, SIDEWAYS, smooth, turned
from tests.helpers.pictures import file_of


def seen(read, data):
    try:
        return read(data)
    except UserError as error:
        return str(error)


@pytest.mark.parametrize("name", ODD)
def test_all_who_read_a_file_see_the_same_or_refuse_in_the_same_words(name, tmp_path):
    data = ODD[name]
    (tmp_path / "a").write_bytes(data)
    readers = [
        lambda data: decode_bytes(data, tmp_path / "a"),  # shards, prepare
        lambda data: decode(tmp_path / "a"),  # evaluate, training, user study
        lambda data: page_reader(data, tmp_path / "a"),
        lambda data: to_rgb8(read_photo(data, tmp_path / "a")[0].pixels),  # complete
    ]
    first, *others = (seen(read, data) for read in readers)
    for other in others:
        assert type(other) is type(first), (first, other)
        np.testing.assert_array_equal(other, first)
    if isinstance(first, str):
        assert "\n" not in first
        assert first.startswith(str(tmp_path / "a"))
    elif "of 4" not in name:
        assert first.shape == ((40, 30, 3) if name in SIDEWAYS else (30, 40, 3))


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("float TIFF", 0),
        ("16-bit grey PNG", 0),
        ("16-bit grey TIFF", 0),
        ("16-bit grey TIFF, white as 0", 0),
        ("16-bit colour PNG", 0),
        ("16-bit colour TIFF", 0),
        ("BMP", 0),
        ("orientation in a PNG's EXIF", 0),
        ("orientation in a PNG's XMP", 0),
        ("orientation behind a PNG's pixels", 0),
        ("orientation in a WebP's EXIF", 0),
        ("orientation in a WebP's XMP", 0),
        ("orientation in a TIFF", 0),
    ],
)
def test_odd_files_are_read_rightly(name, tolerance):
    expected = smooth[..., :1].repeat(3, axis=2) if "grey" in name or "float" in name else smooth
    if "white as 0" in name:
        expected = 255 - expected
    if name in SIDEWAYS:
        expected = np.rot90(expected, -1)
    read = decode_bytes(ODD[name], name)
    assert np.abs(read.astype(int) - expected.astype(int)).max() <= tolerance


def test_what_follows_a_jpeg_changes_nothing():
    np.testing.assert_array_equal(decode_bytes(ODD["motion photo"], "a"), decode_bytes(JPEG, "a"))
    first = decode_bytes(ODD["two pictures in a JPEG"], "a").astype(int)
    assert np.abs(first - smooth).mean() < np.abs(first - smooth[::-1]).mean() / 4


def test_a_transparent_level_of_16_bits_is_laid_on_white():
    photo, _ = read_photo(ODD["16-bit grey PNG with a transparent level"], "a")
    assert photo.pixels.shape == (30, 40, 2)
    np.testing.assert_array_equal(photo.pixels[..., 1] == 0, GREY[0, 3] == GREY)
    assert (to_rgb8(photo.pixels)[GREY[0, 3] == GREY] == 255).all()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("float TIFF of 0 to 255", "floats from 0 to 255: save it with floats from 0 to 1, or 8"),
        ("float TIFF with NaN", "floats from nan"),
        ("int32 TIFF", "32-bit integers from 0 to 255: save it with 8 or 16 bits"),
    ],
)
def test_values_of_no_known_range_are_refused_with_what_to_do(name, message):
    with pytest.raises(UserError, match=message):
        decode_bytes(ODD[name], "a")


def test_avif_is_read():
    photo, _ = read_photo(file_of(smooth, "AVIF", quality=95, exif=turned()), "a")
    assert photo.pixels.shape == (40, 30, 3)
    assert np.abs(photo.pixels.astype(int) - np.rot90(smooth, -1)).mean() < 12


def test_heic_is_read_with_its_package_which_is_named_without_it(monkeypatch):
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    heif = pillow_heif.from_pillow(Image.fromarray(smooth))
    heif.save(file, quality=95, exif=turned().tobytes())
    photo, _ = read_photo(file.getvalue(), "a")
    assert sorted(photo.pixels.shape) == [3, 30, 40]
    with pytest.raises(UserError, match="truncated or damaged"):
        read_photo(file.getvalue()[:-60], "a")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(
        UserError, match=r"by the package pillow-heif: pip install .glcic_jax\[heif\]"
    ):
        read_photo(file.getvalue(), "a")
