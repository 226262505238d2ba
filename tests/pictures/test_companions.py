"""What phones keep beside a photograph is named when it is left out."""

import io

import numpy as np
import pytest
from PIL import Image

from glcic_jax.complete.pairing import plan
from glcic_jax.pictures.decode import decode
from glcic_jax.pictures.photo_reader import read_photo

PICTURE = np.full((12, 16, 3), 90, np.uint8)


def jpeg(**options):
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "remarks"),
    [
        (jpeg(), []),
        (jpeg(xmp=b'<x hdrgm:Version="1.0"/>'), ["a gain map for HDR in it is left out"]),
        (jpeg(xmp=b'<x GDepth:Format="RangeInverse"/>'), ["a depth map in it is left out"]),
        (jpeg() + b"\0\0\0\x18ftypmp42" + bytes(400), ["a video in it is left out"]),
        (jpeg(xmp=b'<x GCamera:MotionPhoto="1"/>'), ["a video in it is left out"]),
    ],
    ids=["nothing", "gain map", "depth", "video behind it", "motion photo"],
)
def test_they_are_named(data, remarks):
    photo, found = read_photo(data, "a")
    assert found == remarks
    assert np.abs(photo.pixels.astype(int) - 90).max() <= 2


def test_a_folder_of_a_phones_photographs_is_completed(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    for name in ("in", "masks"):
        (tmp_path / name).mkdir()
    pillow_heif.from_pillow(Image.fromarray(PICTURE)).save(tmp_path / "in/IMG_1.HEIC", quality=95)
    Image.fromarray(PICTURE).save(tmp_path / "in/b.avif", quality=95)
    mask = np.zeros((12, 16), np.uint8)
    mask[4:7, 5:9] = 255
    for name in ("IMG_1", "b"):
        Image.fromarray(mask).save(tmp_path / f"masks/{name}.png")
    jobs, failures = plan(tmp_path / "in", tmp_path / "masks", tmp_path / "out")
    assert not failures
    assert [job.output.name for job in jobs] == ["IMG_1.png", "b.png"]
    for job in jobs:
        assert decode(job.image).shape == PICTURE.shape
