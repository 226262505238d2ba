"""Runs every method over every example once, and keeps the numbers and pictures of a report."""

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from glcic_jax.evaluate.examples import Example, Examples
from glcic_jax.evaluate.rivals import TRUTH, Rival
from glcic_jax.metrics import hole_l1
from glcic_jax.metrics.scoring import Metric, rounded
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import PixelImage

Features = Callable[[Float[np.ndarray, "b h w 3"]], Float[np.ndarray, "b d"]]
"""pictures in [0, 1] -> their features."""


class Row(NamedTuple):
    """Holds pictures to look at: an example, and each method's completion of it."""

    example: Example
    completed: dict[str, PixelImage]


@dataclass
class Measured:
    """Holds the numbers of all n examples, in their order.

    Attributes:
      names: names of the pictures.
      shares: share of each picture that its hole covers, in [0, 1], float [n].
      scores: by method and metric, float [n]; NaN where it is not defined.
      seconds: time per picture by method, float [n], without the time to compile.
      features: by network, then by method or TRUTH, float [n, d].
      rows: the examples on which the methods differ most, the largest difference first.
    """

    names: list[str]
    shares: np.ndarray
    scores: dict[str, dict[str, np.ndarray]]
    seconds: dict[str, np.ndarray]
    features: dict[str, dict[str, np.ndarray]]
    rows: list[Row]


def measure(
    rivals: Sequence[Rival],
    examples: Examples,
    metrics: Mapping[str, Metric],
    networks: Mapping[str, Features],
    of_truth: Mapping[str, Features],
    *,
    batch_size: int,
    shown: int,
) -> Measured:
    """Completes every example by every method and scores the result.

    No method sees the content of a hole; known pixels of a result are put back before it is scored;
    results are rounded to the 256 levels of a file.

    Args:
      rivals: the methods.
      examples: the pictures and holes, which are read once.
      metrics: functions (completed, truth, mask) -> one number per picture, by name.
      networks: functions that make features for the distances between distributions, by name.
      of_truth: the same networks, called for the truth; they may cache features.
      batch_size: examples of one size completed at a time.
      shown: rows to keep.

    Raises:
      UserError: an example that cannot be used, or a method that fails.
    """
    collector = _Collector(rivals, metrics, networks, of_truth, shown)
    with tqdm(total=len(examples), unit="picture") as bar:
        for batch in examples.batches(batch_size):
            collector.add(batch)
            bar.update(len(batch))
    return collector.measured()


class _Collector:
    """Measures batch by batch; each list of arrays holds one array per batch."""

    def __init__(
        self,
        rivals: Sequence[Rival],
        metrics: Mapping[str, Metric],
        networks: Mapping[str, Features],
        of_truth: Mapping[str, Features],
        shown: int,
    ) -> None:
        self._rivals, self._metrics = rivals, metrics
        self._networks, self._of_truth = networks, of_truth
        self._shown = shown
        labels = [rival.label for rival in rivals]
        self._names: list[str] = []
        self._shares: list[float] = []
        self._scores = {label: {name: [] for name in metrics} for label in labels}
        self._seconds = {label: [] for label in labels}
        self._features = {name: {label: [] for label in (TRUTH, *labels)} for name in networks}
        self._heap: list[tuple[float, int, Row]] = []
        self._compiled: set[tuple[str, tuple[int, ...]]] = set()

    def add(self, batch: list[Example]) -> None:
        """Completes and scores a batch of one size by every method."""
        image = np.stack([example.image for example in batch]).astype(np.float32) / 255
        mask = np.stack([example.mask for example in batch])[..., None].astype(np.float32)
        for name, network in self._of_truth.items():
            self._features[name][TRUTH].append(network(image))
        completed = {}
        for rival in self._rivals:
            filled = self._completed(rival, image, mask)
            completed[rival.label] = filled
            for name, metric in self._metrics.items():
                self._scores[rival.label][name].append(metric(filled, image, mask))
            for name, network in self._networks.items():
                self._features[name][rival.label].append(network(filled))
        errors = np.stack([hole_l1(filled, image, mask) for filled in completed.values()])
        differ = np.ptp(errors, axis=0) if len(errors) > 1 else errors[0]
        for index, example in enumerate(batch):
            pixels = {n: np.rint(f[index] * 255).astype(np.uint8) for n, f in completed.items()}
            self._keep_row(float(differ[index]), Row(example, pixels))
            self._names.append(example.name)
            self._shares.append(example.share)

    def _keep_row(self, difference: float, row: Row) -> None:
        """Keeps a row if it is among those with the largest difference; of equals, the first."""
        entry = (difference, -len(self._names), row)
        if len(self._heap) < self._shown:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def _completed(self, rival: Rival, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Completes a batch by one method, and times it."""
        known = np.where(mask > 0, np.float32(0), image)
        if rival.compiled and (rival.label, image.shape) not in self._compiled:
            self._compiled.add((rival.label, image.shape))
            rival.complete(known, mask)
        start = time.perf_counter()
        filled = rival.complete(known, mask)
        seconds = (time.perf_counter() - start) / len(image)
        self._seconds[rival.label].append(np.full(len(image), seconds))
        if filled.shape != image.shape or not np.isfinite(filled).all():
            raise UserError(
                f"{rival.label} did not return a finite picture of the size that it was given"
            )
        return np.where(mask > 0, rounded(np.clip(filled, 0, 1)), image)

    def measured(self) -> Measured:
        """Joins the batches."""
        ordered = sorted(self._heap, key=lambda entry: entry[:2], reverse=True)
        return Measured(
            names=self._names,
            shares=np.array(self._shares),
            scores={label: _joined(parts) for label, parts in self._scores.items()},
            seconds=_joined(self._seconds),
            features={network: _joined(parts) for network, parts in self._features.items()},
            rows=[row for _, _, row in ordered],
        )


def _joined(parts: Mapping[str, list[np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}
