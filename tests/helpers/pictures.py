"""Files of pictures for tests."""

from io import BytesIO

import cv2
import numpy as np
from PIL import Image


def photograph(seed, height=40, width=56):
    """Smooth, different for every seed: uint8 RGB."""
    rng = np.random.default_rng((11, seed))
    coarse = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def file_of(image, kind="PNG", **options):
    """Returns the bytes of a file of a picture, which is an array or an image of Pillow's."""
    file = BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(file, kind, **options)
    return file.getvalue()


def save(path, image, quality=90):
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix == ".jpg" else []
    _, data = cv2.imencode(path.suffix, image[..., ::-1], flags)
    path.write_bytes(data.tobytes())  # cv2.imwrite cannot write every name


def make_collection(root, count=40):
    """JPEGs and PNGs in two folders."""
    for number in range(count):
        kind = "png" if number % 4 == 3 else "jpg"
        save(root / f"{number % 2}" / f"{number:03}.{kind}", photograph(number))
    return root
