"""Scores that training reports of its held-out examples: those in the hole, and perceptual ones."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from glcic_jax.metrics import HELD_OUT
from glcic_jax.metrics.distances import kernel_distance
from glcic_jax.metrics.perceptual import (
    FEATURES,
    PERCEPTUAL,
    SMALLEST_LPIPS,
    Loaded,
    MissingError,
)
from glcic_jax.metrics.scoring import rounded, score_each
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.runtime.errors import UserError

LPIPS, KERNEL = EXTRA = ("lpips", "kd_efflite0")
"""The scores that are computed if a config asks for them: LPIPS over the whole picture, and the
kernel distance of all completions from all truths, on EfficientNet-Lite0's features."""


class Scored(NamedTuple):
    """Holds scores by name.

    Attributes:
      means: over all examples.
      each: of each example, where a score has such.
    """

    means: dict[str, float]
    each: dict[str, Float[np.ndarray, "n"]]


class HeldOutScores:
    """Scores completions of the held-out examples.

    Args:
      names: those of EXTRA that are computed besides HELD_OUT.
      edge: edge of the pictures, pixels.

    Raises:
      UserError: a package that holds a network's weights is missing, or pictures are too small.
    """

    def __init__(self, names: Sequence[str] = (), edge: int = SMALLEST_LPIPS) -> None:
        if LPIPS in names and edge < SMALLEST_LPIPS:
            raise UserError(
                f"config.scores has {LPIPS}, which needs pictures of {SMALLEST_LPIPS} pixels: "
                f"data.crop is {edge}; leave it out"
            )
        self._metrics = dict(HELD_OUT)
        if LPIPS in names:
            self._metrics[LPIPS] = _loaded(PERCEPTUAL[LPIPS], LPIPS).function
        network = FEATURES[KERNEL.removeprefix("kd_")]
        self._features = _loaded(network, KERNEL).function if KERNEL in names else None
        self._truth: dict[int, np.ndarray] = {}

    def __call__(
        self, complete: Callable, examples: Mapping[str, np.ndarray], batch_size: int
    ) -> Scored:
        """Returns the scores. The features of the true pictures are computed once.

        Args:
          complete: as in `scoring.score`.
          examples: likewise; kept by whoever calls this.
          batch_size: pictures completed at a time.
        """
        kept = []

        def keeping(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
            completed = np.asarray(complete(image, mask))
            kept.append(rounded(completed))
            return completed

        function = complete if self._features is None else keeping
        each = score_each(function, examples, self._metrics, batch_size)
        means = {name: float(np.mean(values)) for name, values in each.items()}
        if self._features is not None:
            count = len(examples["image"])
            completed = self._features(np.concatenate(kept)[:count])
            truth = self._truth.get(id(examples))
            if truth is None:
                truth = self._features(examples["image"].astype(np.float32) / 255)
                self._truth[id(examples)] = truth
            means[KERNEL] = kernel_distance(completed, truth).value
        return Scored(means, each)


def _loaded(load: Callable, name: str) -> Loaded:
    """Loads a network on this process's own devices: every process has all the pictures."""
    try:
        return load(make_mesh(jax.local_devices()))
    except MissingError as error:
        raise UserError(f"config.scores has {name}: {error}, or leave it out") from error
