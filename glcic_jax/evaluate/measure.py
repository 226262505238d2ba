"""Runs every method over every example once, and keeps what a report is made of."""

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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


class Row(NamedTuple):
    """Pictures to look at: the example, and what each method made of it."""

    example: Example
    completed: dict[str, PixelImage]


@dataclass
class Measured:
    """Numbers of all examples, in their order.

    Attributes:
      names: of the pictures.
      shares: of each picture that its hole covers.
      scores: by method and metric, one number per picture; NaN where it is not defined.
      seconds: by method, per picture; without the time to compile.
      features: by network, then by method or TRUTH, float [n, d].
      rows: those on which the methods differ most, that one first.
    """

    names: list[str] = field(default_factory=list)
    shares: np.ndarray = field(default_factory=lambda: np.zeros(0))
    scores: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    seconds: dict[str, np.ndarray] = field(default_factory=dict)
    features: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)


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

    No method sees what a hole holds; known pixels of a result are put back before it is scored;
    results are rounded to the 256 levels of a file.

    Args:
      rivals: the methods.
      examples: read once.
      metrics: by name.
      networks: by name, what makes features for the distances between distributions.
      of_truth: the same networks, called for the truth; they may remember what they have seen.
      batch_size: examples of one size completed at a time.
      shown: rows to keep.

    Raises:
      UserError: an example that cannot be used, or a method that fails.
    """
    parts = _Parts(rivals, metrics, networks, of_truth, shown)
    with tqdm(total=len(examples), unit="picture") as bar:
        for batch in examples.batches(batch_size):
            parts.add(batch)
            bar.update(len(batch))
    return parts.measured()


class _Parts:
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
        self._examples: list[tuple[str, float]] = []
        self._parts: dict[tuple[str, ...], list[np.ndarray]] = {}
        self._heap: list[tuple[float, int, Row]] = []
        self._compiled: set[tuple[str, tuple[int, ...]]] = set()

    def add(self, batch: list[Example]) -> None:
        image = np.stack([example.image for example in batch]).astype(np.float32) / 255
        mask = np.stack([example.mask for example in batch])[..., None].astype(np.float32)
        self._featured(self._of_truth, TRUTH, image)
        completed = {}
        for rival in self._rivals:
            filled = self._completed(rival, image, mask)
            completed[rival.label] = filled
            for name, metric in self._metrics.items():
                self._keep(("scores", rival.label, name), metric(filled, image, mask))
            self._featured(self._networks, rival.label, filled)
        errors = np.stack([hole_l1(filled, image, mask) for filled in completed.values()])
        differ = np.ptp(errors, axis=0) if len(errors) > 1 else errors[0]
        for index, example in enumerate(batch):
            pixels = {n: np.rint(f[index] * 255).astype(np.uint8) for n, f in completed.items()}
            entry = (float(differ[index]), -len(self._examples), Row(example, pixels))
            push = heapq.heappush if len(self._heap) < self._shown else heapq.heappushpop
            push(self._heap, entry)
            self._examples.append((example.name, example.share))

    def _completed(self, rival: Rival, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        known = np.where(mask > 0, np.float32(0), image)
        if rival.compiled and (rival.label, image.shape) not in self._compiled:
            self._compiled.add((rival.label, image.shape))
            rival.complete(known, mask)
        start = time.perf_counter()
        filled = rival.complete(known, mask)
        seconds = (time.perf_counter() - start) / len(image)
        self._keep(("seconds", rival.label), np.full(len(image), seconds))
        if filled.shape != image.shape or not np.isfinite(filled).all():
            raise UserError(f"{rival.label} returned no picture of the size it was given")
        return np.where(mask > 0, rounded(np.clip(filled, 0, 1)), image)

    def _featured(self, networks: Mapping[str, Features], label: str, pictures: np.ndarray) -> None:
        for name, network in networks.items():
            self._keep(("features", name, label), network(pictures))

    def _keep(self, key: tuple[str, ...], values: np.ndarray) -> None:
        self._parts.setdefault(key, []).append(values)

    def measured(self) -> Measured:
        names, shares = zip(*self._examples, strict=True)
        measured = Measured(list(names), np.array(shares))
        for (kind, *path), parts in self._parts.items():
            node = getattr(measured, kind)
            for name in path[:-1]:
                node = node.setdefault(name, {})
            node[path[-1]] = np.concatenate(parts)
        measured.rows = [row for *_, row in sorted(self._heap, key=lambda e: e[:2], reverse=True)]
        return measured
