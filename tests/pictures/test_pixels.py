"""Files are whole or refused, and everybody who reads them sees the same."""

import io
import struct
import sys

import cv2
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from glcic_jax.complete.__main__ import main as complete
from glcic_jax.demo.filling import decode_bytes as page_reader
from glcic_jax.evaluate.__main__ import main as evaluate
from glcic_jax.pictures.decode import decode, decode_bytes
from glcic_jax.pictures.mask_files import mask_levels
from glcic_jax.pictures.photo_reader import read_photo
from glcic_jax.pictures.pixels import read_pixels, to_rgb8
from glcic_jax.prepare.__main__ import main as prepare
from glcic_jax.runtime.errors import UserError

ramp = np.linspace(0, 255, 40)
smooth = np.stack(np.broadcast_arrays(ramp[None, :], ramp[:30, None], 128.0), -1).astype(np.uint8)
smooth[8:20, 5:15] = np.random.default_rng(0).integers(0, 256, (12, 10, 3))
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def saved(image, kind, **options):
    file = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(file, kind, **options)
    return file.getvalue()


def turned(orientation=6):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def tiff(pixels, *, photometric=2, planar=1, extra=None):
    """Returns an uncompressed TIFF of uint16 pixels [h, w, c], laid out by hand."""
    height, width, channels = pixels.shape
    strips = [pixels[..., c] for c in range(channels)] if planar == 2 else [pixels]
    data = [np.ascontiguousarray(strip).astype("<u2").tobytes() for strip in strips]
    tags = [
        (256, 4, [width]), (257, 4, [height]), (258, 3, [16] * channels), (259, 3, [1]),
        (262, 3, [photometric]), (273, 4, [8 + sum(map(len, data[:i])) for i in range(len(data))]),
        (277, 3, [channels]), (278, 4, [height]), (279, 4, [len(d) for d in data]),
        (284, 3, [planar]),
    ]  # fmt: skip
    tags += [(338, 3, [extra])] if extra is not None else []
    after = 8 + sum(map(len, data))
    beside, entries = b"", b""
    start = after + 2 + 12 * len(tags) + 4
    for tag, kind, values in sorted(tags):
        packed = struct.pack(f"<{len(values)}{'HI'[kind == 4]}", *values)
        if len(packed) > 4:
            packed, beside = struct.pack("<I", start + len(beside)), beside + packed
        entries += struct.pack("<HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    directory = struct.pack("<H", len(tags)) + entries + b"\0" * 4
    return b"II*\0" + struct.pack("<I", after) + b"".join(data) + directory + beside


def png_with_late_exif():
    """Returns a PNG whose orientation stands behind its pixels."""
    data, chunks, at = saved(smooth, "PNG", exif=turned()), [], 8
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        chunks.append(data[at:end])
        at = end
    exif = [chunk for chunk in chunks if chunk[4:8] == b"eXIf"]
    others = [chunk for chunk in chunks if chunk[4:8] != b"eXIf"]
    return data[:8] + b"".join([*others[:-1], *exif, others[-1]])


def xmp_in_png():
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return saved(smooth, "PNG", pnginfo=text)


GREY = smooth[..., 0].astype(np.uint16) * 257
DEEP = smooth.astype(np.uint16) * 257
JPEG = saved(smooth, "JPEG", quality=95)
ODD = {
    "float TIFF": saved((smooth[..., 0] / 255).astype(np.float32), "TIFF"),
    "float TIFF of 0 to 255": saved(smooth[..., 0].astype(np.float32), "TIFF"),
    "float TIFF with NaN": saved(np.full((4, 4), np.nan, np.float32), "TIFF"),
    "int32 TIFF": saved(smooth[..., 0].astype(np.int32), "TIFF"),
    "16-bit grey PNG": cv2.imencode(".png", GREY)[1].tobytes(),
    "16-bit grey PNG with a transparent level": saved(
        Image.fromarray(GREY), "PNG", transparency=int(GREY[0, 3])
    ),
    "16-bit colour PNG": cv2.imencode(".png", DEEP[..., ::-1])[1].tobytes(),
    "16-bit grey TIFF, white as 0": tiff(GREY[..., None], photometric=0),
    "16-bit grey TIFF": tiff(GREY[..., None], photometric=1),
    "16-bit colour TIFF": tiff(DEEP),
    "16-bit planar TIFF": tiff(DEEP, planar=2),
    "16-bit premultiplied TIFF": tiff(np.concatenate([DEEP, GREY[..., None]], 2), extra=1),
    "16-bit TIFF with alpha": tiff(np.concatenate([DEEP, GREY[..., None]], 2), extra=2),
    "orientation in a JPEG's XMP": saved(smooth, "JPEG", xmp=XMP),
    "orientation in a PNG's XMP": xmp_in_png(),
    "orientation in a WebP's XMP": saved(smooth, "WEBP", xmp=XMP, lossless=True),
    "orientation in a JPEG's EXIF": saved(smooth, "JPEG", exif=turned()),
    "orientation in a PNG's EXIF": saved(smooth, "PNG", exif=turned()),
    "orientation behind a PNG's pixels": png_with_late_exif(),
    "orientation in a WebP's EXIF": saved(smooth, "WEBP", exif=turned(), lossless=True),
    "orientation in a TIFF": saved(smooth, "TIFF", exif=turned()),
    "orientation of 9": saved(smooth, "JPEG", exif=turned(9)),
    "motion photo": JPEG + b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40,
    "two pictures in a JPEG": saved(
        smooth, "MPO", save_all=True, append_images=[Image.fromarray(smooth[::-1].copy())]
    ),
    "CMYK JPEG": saved(Image.fromarray(smooth).convert("CMYK"), "JPEG"),
    "grey JPEG": saved(smooth[..., 0], "JPEG"),
    "palette with transparency": saved(Image.fromarray(smooth).convert("P"), "PNG", transparency=3),
    "GIF": saved(Image.fromarray(smooth).convert("P"), "GIF"),
    "1 bit": saved(Image.fromarray(smooth[..., 0]).convert("1"), "PNG"),
    "grey and alpha": saved(smooth[..., :2].copy(), "PNG"),
    "BMP": saved(smooth, "BMP"),
    "text": b"not a picture at all",
}
SIDEWAYS = {
    "orientation in a JPEG's EXIF",
    "orientation in a PNG's EXIF",
    "orientation in a TIFF",
}
"""Those that Chromium 142 turns, or that no browser shows, by its own tag: a TIFF."""


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
    photo, _ = read_photo(saved(smooth, "AVIF", quality=95, exif=turned()), "a")
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
    with pytest.raises(UserError, match="take the package pillow-heif: pip install -r"):
        read_photo(file.getvalue(), "a")


# Damage -----------------------------------------------------------------------------------------


KINDS = {
    "PNG": saved(smooth, "PNG"),
    "JPEG": JPEG,
    "TIFF": saved(smooth, "TIFF", compression="tiff_lzw"),
    "WEBP": saved(smooth, "WEBP", quality=80),
    "BMP": saved(smooth, "BMP"),
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
    whole = saved(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8), "PNG")
    mask = np.zeros((64, 64), np.uint8)
    mask[20:30, 20:30] = 255
    for folder in ("pictures", "masks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "masks/a.png").write_bytes(saved(mask, "PNG"))
    (tmp_path / "pictures/a.png").write_bytes(flipped(whole, len(whole) - 200))
    if reader == "prepare":
        for name in "bcd":
            (tmp_path / f"pictures/{name}.png").write_bytes(whole)
    if reader == "mask":
        with pytest.raises(UserError, match="damaged"):
            mask_levels(flipped(saved(mask, "PNG"), 60), "mask")
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


# Masks ------------------------------------------------------------------------------------------


def test_masks_of_two_values_are_filled_where_they_are_not_0():
    shape = np.zeros((6, 8), np.uint8)
    shape[2:4, 3:6] = 1
    labels = Image.fromarray(shape).convert("P")
    labels.putpalette([0, 0, 0, 128, 0, 0] + [0] * 750)  # the dark red of PASCAL VOC's first label
    for data in (
        saved(shape, "PNG"),
        saved(shape * 255, "PNG"),
        saved(shape.astype(np.float32), "TIFF"),
        cv2.imencode(".png", shape.astype(np.uint16))[1].tobytes(),
        saved(labels, "PNG"),
    ):
        np.testing.assert_array_equal(mask_levels(data, "a") >= 128, shape == 1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[0, 1, 2, 3]], "is nowhere white, its values are 0, 1, 2, 3: give a mask that is black"),
        ([[0, 9, 20, 30, 40, 50]], r"its values are 0, 9, 20, 30, \.\.\.: give"),
        ([[3, 3], [3, 3]], None),
    ],
)
def test_labels_and_faint_masks_are_refused_with_their_values(values, message):
    data = saved(np.array(values, np.uint8), "PNG")
    if message is None:  # one value below half: nothing is to be filled
        assert not (mask_levels(data, "a") >= 128).any()
        return
    with pytest.raises(UserError, match=message):
        mask_levels(data, "a")


def test_a_palette_of_bright_labels_is_refused():
    labels = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    labels.putpalette([0, 0, 0, 200, 250, 10, 250, 30, 200] + [0] * 747)
    with pytest.raises(UserError, match="is a palette of 3 labels: give a mask"):
        mask_levels(saved(labels, "PNG"), "a")


def test_a_shape_in_the_transparency_alone_is_refused():
    alpha = np.zeros((4, 5, 4), np.uint8)
    alpha[1:3, 1:3, 3] = 255  # black strokes on a transparent ground
    with pytest.raises(UserError, match="a shape in its transparency alone: give a mask"):
        mask_levels(saved(alpha, "PNG"), "a")
