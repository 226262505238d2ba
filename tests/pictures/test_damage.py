"""A damaged file is refused, or gives what was in it: nobody takes half a picture."""

import cv2
import numpy as np
import pytest

from glcic_jax.complete.__main__ import main as complete
from glcic_jax.evaluate.__main__ import main as evaluate
from glcic_jax.pictures.mask_files import mask_levels
from glcic_jax.pictures.photo_reader import read_photo
from glcic_jax.pictures.pixels import read_pixels, to_rgb8
from glcic_jax.prepare.__main__ import main as prepare
from glcic_jax.runtime.errors import UserError
from tests.helpers.odd_files import JPEG, smooth
from tests.helpers.pictures import file_of

KINDS = {
    "PNG": file_of(smooth, "PNG"),
    "JPEG": JPEG,
    "TIFF": file_of(smooth, "TIFF", compression="tiff_lzw"),
    "WEBP": file_of(smooth, "WEBP", quality=80),
    "BMP": file_of(smooth, "BMP"),
}


def second_decoder(data):
    """Reads by OpenCV: RGB, as it is stored; None if it refuses."""
    try:
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    return None if image is None else image[..., ::-1]


def damages(data, seed):
    rng = np.random.default_rng(seed)
    for _ in range(500):
        broken = bytearray(data)
        broken[rng.integers(len(data))] ^= int(rng.integers(1, 256))
        yield bytes(broken)
    for _ in range(100):
        yield data[: rng.integers(len(data))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_refused_or_gives_what_a_second_decoder_gives(kind, capfd):
    refused = 0
    for data in damages(KINDS[kind], 3):
        try:
            read = to_rgb8(read_pixels(data, "a").pixels)
        except UserError as error:
            refused += 1
            assert "\n" not in str(error)
            continue
        other = second_decoder(data)
        if other is None:  # it is stricter with what is not pixels, such as a resolution of 0
            other = second_decoder(KINDS[kind])
        np.testing.assert_array_equal(read, other)
    assert refused >= 100  # every cut
    capfd.readouterr()  # of OpenCV's libraries


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_every_bit_of_a_png_counts():
    data = KINDS["PNG"]
    for at in range(0, len(data), 7):
        with pytest.raises(UserError, match="damaged|not a picture|too many"):
            read_photo(flipped(data, at), "a")


@pytest.mark.parametrize("reader", ["complete", "evaluate", "prepare", "mask"])
def test_no_command_takes_half_a_picture(reader, tmp_path, capsys):
    """The damage is in the pixels, near their end: most of the picture could be shown."""
    whole = file_of(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8), "PNG")
    mask = np.zeros((64, 64), np.uint8)
    mask[20:30, 20:30] = 255
    for folder in ("pictures", "masks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "masks/a.png").write_bytes(file_of(mask, "PNG"))
    (tmp_path / "pictures/a.png").write_bytes(flipped(whole, len(whole) - 200))
    if reader == "prepare":
        for name in "bcd":
            (tmp_path / f"pictures/{name}.png").write_bytes(whole)
    if reader == "mask":
        with pytest.raises(UserError, match="damaged"):
            mask_levels(flipped(file_of(mask, "PNG"), 60), "mask")
        return
    pictures, masks, out = (str(tmp_path / name) for name in ("pictures", "masks", "out"))
    arguments = {
        "complete": [f"--image={pictures}/a.png", f"--mask={masks}/a.png", f"--output={out}.png"],
        "evaluate": ["--methods", "telea", "--data", pictures, "--masks", masks, "--output", out],
        "prepare": ["--source", pictures, "--output", out, "--max_bad", "0", "--split", "0.5"],
    }[reader]
    command = {"complete": complete, "evaluate": evaluate, "prepare": prepare}[reader]
    assert command(arguments) == 2
    assert "a.png: the file is truncated or damaged" in capsys.readouterr().err
    assert not list(tmp_path.glob("out*/*.png")) and not (tmp_path / "out.png").exists()
