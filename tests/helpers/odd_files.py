"""Odd files of one picture: of every depth, turned by every tag, with more behind them."""

import struct

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.helpers.pictures import file_of

ramp = np.linspace(0, 255, 40)
smooth = np.stack(np.broadcast_arrays(ramp[None, :], ramp[:30, None], 128.0), -1).astype(np.uint8)
smooth[8:20, 5:15] = np.random.default_rng(0).integers(0, 256, (12, 10, 3))
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


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
    data, chunks, at = file_of(smooth, "PNG", exif=turned()), [], 8
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
    return file_of(smooth, "PNG", pnginfo=text)


GREY = smooth[..., 0].astype(np.uint16) * 257
DEEP = smooth.astype(np.uint16) * 257
JPEG = file_of(smooth, "JPEG", quality=95)
ODD = {
    "float TIFF": file_of((smooth[..., 0] / 255).astype(np.float32), "TIFF"),
    "float TIFF of 0 to 255": file_of(smooth[..., 0].astype(np.float32), "TIFF"),
    "float TIFF with NaN": file_of(np.full((4, 4), np.nan, np.float32), "TIFF"),
    "int32 TIFF": file_of(smooth[..., 0].astype(np.int32), "TIFF"),
    "16-bit grey PNG": cv2.imencode(".png", GREY)[1].tobytes(),
    "16-bit grey PNG with a transparent level": file_of(
        Image.fromarray(GREY), "PNG", transparency=int(GREY[0, 3])
    ),
    "16-bit colour PNG": cv2.imencode(".png", DEEP[..., ::-1])[1].tobytes(),
    "16-bit grey TIFF, white as 0": tiff(GREY[..., None], photometric=0),
    "16-bit grey TIFF": tiff(GREY[..., None], photometric=1),
    "16-bit colour TIFF": tiff(DEEP),
    "16-bit planar TIFF": tiff(DEEP, planar=2),
    "16-bit premultiplied TIFF": tiff(np.concatenate([DEEP, GREY[..., None]], 2), extra=1),
    "16-bit TIFF with alpha": tiff(np.concatenate([DEEP, GREY[..., None]], 2), extra=2),
    "orientation in a JPEG's XMP": file_of(smooth, "JPEG", xmp=XMP),
    "orientation in a PNG's XMP": xmp_in_png(),
    "orientation in a WebP's XMP": file_of(smooth, "WEBP", xmp=XMP, lossless=True),
    "orientation in a JPEG's EXIF": file_of(smooth, "JPEG", exif=turned()),
    "orientation in a PNG's EXIF": file_of(smooth, "PNG", exif=turned()),
    "orientation behind a PNG's pixels": png_with_late_exif(),
    "orientation in a WebP's EXIF": file_of(smooth, "WEBP", exif=turned(), lossless=True),
    "orientation in a TIFF": file_of(smooth, "TIFF", exif=turned()),
    "orientation of 9": file_of(smooth, "JPEG", exif=turned(9)),
    "motion photo": JPEG + b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40,
    "two pictures in a JPEG": file_of(
        smooth, "MPO", save_all=True, append_images=[Image.fromarray(smooth[::-1].copy())]
    ),
    "CMYK JPEG": file_of(Image.fromarray(smooth).convert("CMYK"), "JPEG"),
    "grey JPEG": file_of(smooth[..., 0], "JPEG"),
    "palette with transparency": file_of(
        Image.fromarray(smooth).convert("P"), "PNG", transparency=3
    ),
    "GIF": file_of(Image.fromarray(smooth).convert("P"), "GIF"),
    "1 bit": file_of(Image.fromarray(smooth[..., 0]).convert("1"), "PNG"),
    "grey and alpha": file_of(smooth[..., :2].copy(), "PNG"),
    "BMP": file_of(smooth, "BMP"),
    "text": b"not a picture at all",
}
SIDEWAYS = {
    "orientation in a JPEG's EXIF",
    "orientation in a PNG's EXIF",
    "orientation in a TIFF",
}
"""Those that Chromium 156 turns, or that no browser shows, by its own tag: a TIFF."""
