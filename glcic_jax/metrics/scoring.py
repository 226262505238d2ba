"""Scores completions of fixed pictures with fixed holes."""

from collections.abc import Callable, Mapping

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from glcic_jax.layers.ops import as_float

Metric = Callable[
    [Float[np.ndarray, "b h w 3"], Float[np.ndarray, "b h w 3"], Float[np.ndarray, "b h w 1"]],
    Float[np.ndarray, "b"],
]
"""Maps (prediction, target, mask) to one number per picture."""


def score(
    complete: Callable,
    examples: Mapping[str, np.ndarray],
    metrics: Mapping[str, Metric],
    batch_size: int,
) -> dict[str, float]:
    """Returns the mean of every metric over the examples, with equal weights.

    Takes what `score_each` takes.
    """
    values = score_each(complete, examples, metrics, batch_size)
    return {name: float(np.mean(each)) for name, each in values.items()}


def score_each(
    complete: Callable,
    examples: Mapping[str, np.ndarray],
    metrics: Mapping[str, Metric],
    batch_size: int,
) -> dict[str, Float[np.ndarray, "n"]]:
    """Returns every metric of each of the examples.

    The last batch is filled up with repeated pictures, so that all batches have one shape. The
    repeated ones are not counted. Completions are rounded to the 256 levels of a file first.

    Args:
      complete: maps (image, mask) to completed pictures: float32 [b, h, w, 3] in [0, 1], and masks
        [b, h, w, 1] with 1 = hole.
      examples: "image" [n, h, w, 3] and "mask" [n, h, w, 1], uint8.
      metrics: functions such as those of `glcic_jax.metrics`, by name.
      batch_size: pictures completed at a time.
    """
    count = len(examples["image"])
    values: dict[str, list[np.ndarray]] = {name: [] for name in metrics}
    for start in range(0, count, batch_size):
        indices = np.arange(start, start + batch_size) % count
        chosen = (jnp.asarray(examples[name][indices]) for name in ("image", "mask"))
        image, mask = (np.asarray(as_float(array)) for array in chosen)
        completed = rounded(np.asarray(complete(image, mask)))
        counted = slice(0, count - start)
        for name, metric in metrics.items():
            values[name].append(metric(completed[counted], image[counted], mask[counted]))
    return {name: np.concatenate(parts) for name, parts in values.items()}


def rounded(pictures: Float[np.ndarray, "b h w 3"]) -> Float[np.ndarray, "b h w 3"]:
    """Rounds to the 256 levels of a file. The result is float32 in [0, 1] still."""
    return np.rint(pictures * 255).astype(np.float32) / 255
