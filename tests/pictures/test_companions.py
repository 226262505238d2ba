"""What phones keep beside a photograph is named when it is left out."""

import io

import numpy as np
import pytest
from PIL import Image

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
