"""Damaged, cut, huge and other files: refused in a line, or read as far as they can be."""

import numpy as np
import pytest
from PIL import Image

from glcic_jax.pictures import pixels as pixels_module
from glcic_jax.pictures.photo import Photo
from glcic_jax.pictures.photo_reader import read_photo
from glcic_jax.pictures.photo_writer import encode_photo
from glcic_jax.runtime.errors import UserError
from tests.helpers.photos import PROFILE, again, exif_of, noise, smooth
from tests.helpers.pictures import file_of


def files():
    """Yields a file of every kind that is read in a way of its own."""
    for extension in (".png", ".tif"):
        for depth, channels in ((8, 3), (16, 1), (16, 4)):
            photo = Photo(noise(depth, channels), "", PROFILE, exif_of(_274=5).tobytes())
            yield encode_photo(photo, extension, "a")[0]
    for kind in ("JPEG", "WEBP"):
        yield file_of(smooth, kind, exif=exif_of(_274=5).tobytes(), icc_profile=PROFILE)


def test_half_a_file_is_refused():
    for data in files():
        with pytest.raises(UserError, match="half: .*(truncated|not a picture)"):
            read_photo(data[: len(data) // 2], "half")


@pytest.mark.filterwarnings("error")
def test_no_damage_does_more_than_a_refusal(capfd):
    damaged = np.random.default_rng(1)
    read = refused = 0
    for data in files():
        for _ in range(20):
            broken = bytearray(data)
            for _ in range(3):
                broken[damaged.integers(len(data) // 2)] = damaged.integers(256)
            try:
                photo, _ = read_photo(bytes(broken), "a")
                encode_photo(photo, ".tif", "a")
                read += 1
            except UserError as error:
                assert "\n" not in str(error)
                refused += 1
    assert read > 10
    assert refused > 10
    capfd.readouterr()  # of OpenCV's libraries


def test_huge_pictures_are_refused_at_every_depth(monkeypatch):
    monkeypatch.setattr(pixels_module, "MAX_PIXELS", 100)
    for depth in (8, 16):
        data = encode_photo(Photo(noise(depth, 3), ""), ".png", "a")[0]
        with pytest.raises(UserError, match="14x9 pixels are too many"):
            read_photo(data, "a")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n", "not a picture"),
        (
            file_of(np.eye(4, dtype=np.float32) * 3 - 1, "TIFF"),
            "holds floats from -1 to 2: save",
        ),
        (file_of(np.eye(4, dtype=np.int32), "TIFF"), "holds 32-bit integers from 0 to 1: save it"),
    ],
    ids=["empty", "program", "float", "32-bit"],
)
def test_other_files_are_refused(data, message):
    with pytest.raises(UserError, match=message):
        read_photo(data, "a")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # of Pillow, when the file is made
def test_damaged_exif_and_further_pictures_are_left_out():
    broken = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x05\x00" + b"\xff" * 30
    photo, _ = read_photo(file_of(smooth, "JPEG", exif=broken), "a")
    assert photo.pixels.shape == (36, 48, 3)
    again(photo, ".jpg")
    pages = [Image.fromarray(smooth), Image.fromarray(smooth[::-1].copy())]
    data = file_of(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    photo, remarks = read_photo(data, "a")
    assert remarks == ["holds 2 pictures, the first is completed"]
    np.testing.assert_array_equal(photo.pixels, smooth)
