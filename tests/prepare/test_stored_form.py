"""The form in which a picture is stored: as it was, scaled, or written anew."""

import io

import numpy as np
import pytest
from PIL import Image

from glcic_jax.data.shards import shards
from glcic_jax.pictures.decode import decode_bytes
from glcic_jax.prepare.__main__ import main
from glcic_jax.prepare.shard_writer import stored_form
from tests.helpers.pictures import file_of, photograph
from tests.helpers.prepared import LIMITS, command


def stored(data, size):
    form = stored_form(data, "name", size, min_edge=8)
    assert form is not None
    return form


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_files_that_need_no_change_are_kept_byte_for_byte(kind):
    data = file_of(photograph(0), kind)
    record, image = stored(data, 40)
    assert record == data
    np.testing.assert_array_equal(image, decode_bytes(data, ""))


def test_large_pictures_are_scaled_and_small_ones_never_enlarged():
    large = photograph(0, 90, 120)
    record, image = stored(file_of(large, "png"), 30)
    assert image.shape == (30, 40, 3)
    assert record.startswith(b"\x89PNG")
    np.testing.assert_array_equal(decode_bytes(record, ""), image)  # nothing is lost
    record, image = stored(file_of(large, "jpeg"), 30)
    assert record.startswith(b"\xff\xd8")
    assert np.abs(decode_bytes(record, "").astype(int) - image).mean() < 5
    assert stored(file_of(large, "bmp"), 400)[1].shape == large.shape


def test_what_other_programs_might_show_wrongly_is_stored_anew():
    image = photograph(0)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    turned = file_of(image, "jpeg", exif=exif)
    clear = file_of(np.dstack([image, np.full(image.shape[:2], 128, np.uint8)]), "png")
    for data in (turned, clear, file_of(image, "webp"), file_of(image, "tiff")):
        record, shown = stored(data, 100)
        assert record != data
        picture = Image.open(io.BytesIO(record))
        assert (picture.mode, picture.size) == ("RGB", shown.shape[1::-1])
        assert picture.getexif().get(0x0112, 1) == 1
    assert stored(turned, 100)[1].shape == (56, 40, 3)


def test_squares_are_cut_on_demand(source, output):
    assert main([*command(source, output, "--workers", "1"), "--square"]) == 0
    train = shards(str(output), **LIMITS).train
    assert {train[index].shape for index in range(len(train))} == {(32, 32, 3)}
