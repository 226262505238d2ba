"""Metrics that compare value by value, and the seam. glcic_jax.metrics states what they take."""

import numpy as np
from jaxtyping import Bool, Float

Pictures = Float[np.ndarray, "b h w 3"]
Masks = Float[np.ndarray, "b h w 1"]
Scores = Float[np.ndarray, "b"]

FLOOR = 1e-10
"""Mean squared errors below this count as this: PSNR is at most 100 decibels."""


def hole_l1(prediction: Pictures, target: Pictures, mask: Masks) -> Scores:
    """Returns the mean absolute error over the hole's pixels and channels."""
    return hole_mean(np.abs(prediction - target), mask)


def hole_l2(prediction: Pictures, target: Pictures, mask: Masks) -> Scores:
    """Returns the mean squared error over the hole's pixels and channels."""
    return hole_mean(np.square(prediction - target), mask)


def l1(prediction: Pictures, target: Pictures, mask: Masks) -> Scores:
    """Returns the mean absolute error over the whole picture, known pixels included."""
    return hole_l1(prediction, target, np.ones_like(mask))


def l2(prediction: Pictures, target: Pictures, mask: Masks) -> Scores:
    """Returns the mean squared error over the whole picture, known pixels included."""
    return hole_l2(prediction, target, np.ones_like(mask))


def hole_psnr(prediction: Pictures, target: Pictures, mask: Masks) -> Scores:
    """Returns the peak signal to noise ratio over the hole, in decibels: peak 1, at most 100."""
    return -10 * np.log10(np.maximum(hole_l2(prediction, target, mask), FLOOR))


def psnr(prediction: Pictures, target: Pictures, mask: Masks) -> Scores:
    """Returns the peak signal to noise ratio over the picture, in decibels: peak 1, at most 100."""
    return hole_psnr(prediction, target, np.ones_like(mask))


def seam(prediction: Pictures, target: Pictures, mask: Masks) -> Scores:
    """Returns how much larger the step across the hole's boundary is than the steps beside it.

    It is the mean of |b - c| - (|a - b| + |c - d|) / 2 over all four neighbours a, b, c, d in a row
    or column of which one of b and c is known and the other in the hole. Natural pictures have
    about 0. A visible seam gives more, contents rougher than their surroundings less. The target is
    not used. NaN if there are no such four pixels.
    """
    del target
    scores = np.full(len(prediction), np.nan)
    for index, (picture, hole) in enumerate(zip(prediction, mask[..., 0] > 0, strict=True)):
        excess = [
            _excess(picture, hole),
            _excess(picture.transpose(1, 0, 2), hole.T),
        ]
        values = np.concatenate(excess)
        if values.size:
            scores[index] = values.mean(dtype=np.float64)
    return scores


def _excess(
    picture: Float[np.ndarray, "h w 3"], hole: Bool[np.ndarray, "h w"]
) -> Float[np.ndarray, "n 3"]:
    """Returns by how much each step across the boundary along the rows exceeds those beside it."""
    steps = np.abs(np.diff(picture, axis=1))
    across = (hole[:, 1:] != hole[:, :-1])[:, 1:-1]
    return (steps[:, 1:-1] - (steps[:, :-2] + steps[:, 2:]) / 2)[across]


def hole_mean(values: Pictures, mask: Masks) -> Scores:
    """Returns the mean over the hole's pixels and channels.

    Raises:
      ValueError: a mask is empty.
    """
    pixels = mask.sum(axis=(1, 2, 3), dtype=np.float64)
    if not pixels.all():
        raise ValueError("a mask is empty: there is no hole to score")
    return (values * mask).sum(axis=(1, 2, 3), dtype=np.float64) / (pixels * values.shape[-1])
