"""Photographs with all that cameras write beside the pixels, and the way to a file and back."""

import numpy as np
from PIL import Image

from glcic_jax.pictures.photo_reader import read_photo
from glcic_jax.pictures.photo_writer import encode_photo

PROFILE = b"not read, only kept" * 20
ramp = np.linspace(0, 255, 48)
smooth = np.stack(np.broadcast_arrays(ramp[None, :], ramp[:36, None], 128.0), -1).astype(np.uint8)


def noise(depth, channels):
    """Returns noise [9, 14, channels], the same for the same arguments: uint8 or uint16."""
    dtype = np.uint16 if depth == 16 else np.uint8
    rng = np.random.default_rng((depth, channels))
    return rng.integers(0, 2**depth, (9, 14, channels)).astype(dtype)


def exif_of(**more):
    exif = Image.Exif()
    exif[271], exif[315] = "Maker", "Author"
    exif[0x8769] = {0x9003: "2020:01:02 03:04:05", 0x829A: 0.004}  # time and exposure
    exif[0x8769] |= {0xA002: 48, 0xA003: 36}  # width and height
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0)}  # latitude
    for tag, value in more.items():
        exif[int(tag[1:])] = value
    return exif


def tags_of(block):
    """Reads the tags of an EXIF block, and those of the directories within it."""
    exif = Image.Exif()
    exif.load(block)
    nested = (0x8769, 0x8825)
    plain = {tag: value for tag, value in exif.items() if tag not in nested}
    return plain, *(dict(exif.get_ifd(tag)) for tag in nested)


def again(photo, extension):
    """Writes a photograph, which must lose nothing, and returns what is read from it."""
    data, lost = encode_photo(photo, extension, f"out{extension}")
    assert not lost
    return read_photo(data, f"out{extension}")[0]
