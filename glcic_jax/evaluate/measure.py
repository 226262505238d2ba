"""Runs methods over all examples, and gathers the numbers and pictures of a report."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from glcic_jax.evaluate.checking import Checked
from glcic_jax.evaluate.examples import Example, Examples
from glcic_jax.evaluate.kept_rows import Holes, KeptRow
from glcic_jax.evaluate.rivals import TRUTH, Rival
from glcic_jax.metrics.scoring import Metric, rounded
from glcic_jax.runtime.bars import bar
from glcic_jax.runtime.digests import Item
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import PixelImage

Features = Callable[[Float[np.ndarray, "b h w 3"]], Float[np.ndarray, "b d"]]
"""pictures in [0, 1] -> their features."""

DIFFER_IN = "hole_l1"
"""The metric by which the report chooses the pictures that it shows."""

SCORES, FEATURES, SECONDS = "scores/", "features/", "seconds"
"""Beginnings of the names of a row's arrays; a metric's or a network's name follows."""


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


class Scoring:
    """Completes every example by one method after the other, and scores the results.

    No method sees the content of a hole; known pixels of a result are put back before it is scored;
    results are rounded to the 256 levels of a file.

    Args:
      examples: the pictures and holes, which are read once for each method.
      checked: what was found when they were checked.
      metrics: functions (completed, truth, mask) -> one number per picture, by name.
      networks: functions that make features for the distances between distributions, by name.
      batch_size: examples of one size completed at a time.
    """

    def __init__(
        self,
        examples: Examples,
        checked: Checked,
        metrics: Mapping[str, Metric],
        networks: Mapping[str, Features],
        *,
        batch_size: int,
    ) -> None:
        self._examples, self._checked, self._batch_size = examples, checked, batch_size
        self._metrics, self._networks = metrics, networks
        self._compiled: set[tuple[str, tuple[int, ...]]] = set()

    def truth(self, networks: Mapping[str, Features]) -> Item:
        """Returns the features of the pictures themselves, by FEATURES and the network's name.

        Args:
          networks: those of the comparison, called for the truth; they may cache features.

        Raises:
          UserError: an example cannot be used, or has changed since it was checked.
        """
        parts = defaultdict(list)
        for image, _ in self._batches(TRUTH):
            for name, network in networks.items():
                parts[FEATURES + name].append(network(image))
        return {name: np.concatenate(arrays) for name, arrays in parts.items()}

    def method(self, rival: Rival, holes: Holes) -> Item:
        """Returns one method's scores, features and seconds, and adds its completed holes.

        Raises:
          UserError: the method fails; or as `truth`.
        """
        parts = defaultdict(list)
        for image, mask in self._batches(rival.label):
            self._compile(rival, image, mask)
            known = _known(image, mask)
            start = time.perf_counter()
            filled = rival.complete(known, mask)
            seconds = (time.perf_counter() - start) / len(image)
            completed = _finished(rival, filled, image, mask)
            for name, metric in self._metrics.items():
                parts[SCORES + name].append(metric(completed, image, mask))
            for name, network in self._networks.items():
                parts[FEATURES + name].append(network(completed))
            parts[SECONDS].append(np.full(len(image), seconds))
            holes.add(_pixels(completed), mask)
        return {name: np.concatenate(arrays) for name, arrays in parts.items()}

    def rehearse(self, rivals: Sequence[Rival]) -> None:
        """Has methods complete the first examples, so that one that fails does so at once.

        Raises:
          UserError: a method fails.
        """
        first = next(self._examples.batches(self._batch_size))
        image, mask = _arrays(first)
        for rival in rivals:
            if rival.compiled:
                self._compile(rival, image, mask)
            else:
                filled = rival.complete(_known(image[:1], mask[:1]), mask[:1])
                _finished(rival, filled, image[:1], mask[:1])

    def measured(
        self, rivals: Sequence[Rival], rows: Mapping[str, KeptRow], shown: int
    ) -> Measured:
        """Joins the rows of all methods, and finds the pictures that the report shows.

        Args:
          rivals: the methods.
          rows: by method, and by TRUTH if there are networks.
          shown: number of examples to show.

        Raises:
          UserError: an example can no longer be used.
        """
        scores = {r.label: _under(SCORES, rows[r.label].arrays) for r in rivals}
        features = {label: _under(FEATURES, row.arrays) for label, row in rows.items()}
        errors = np.stack([values[DIFFER_IN] for values in scores.values()])
        differ = np.ptp(errors, axis=0) if len(errors) > 1 else errors[0]
        order = np.argsort(-differ, kind="stable")[:shown]  # of equals, the first
        return Measured(
            names=self._examples.names,
            shares=self._checked.shares,
            scores=scores,
            seconds={r.label: rows[r.label].arrays[SECONDS] for r in rivals},
            features={n: {label: f[n] for label, f in features.items()} for n in self._networks},
            rows=[_row(int(index), self._examples, rivals, rows) for index in order],
        )

    def _batches(self, label: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields all images and masks, float32 [b, h, w, 3] and [b, h, w, 1], behind a bar."""
        with bar(total=len(self._examples), title=label) as counted:
            for batch in self._examples.batches(self._batch_size, self._checked.checksums):
                yield _arrays(batch)
                counted.update(len(batch))

    def _compile(self, rival: Rival, image: np.ndarray, mask: np.ndarray) -> None:
        """Calls a method that compiles once for each size of batches before it is timed."""
        if rival.compiled and (rival.label, image.shape) not in self._compiled:
            self._compiled.add((rival.label, image.shape))
            rival.complete(_known(image, mask), mask)


def _arrays(batch: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images of a batch of one size in [0, 1], and its masks."""
    image = np.stack([example.image for example in batch]).astype(np.float32) / 255
    mask = np.stack([example.mask for example in batch])[..., None].astype(np.float32)
    return image, mask


def _known(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns what a method may see: black holes."""
    return np.where(mask > 0, np.float32(0), image)


def _pixels(pictures: np.ndarray) -> np.ndarray:
    return np.rint(pictures * 255).astype(np.uint8)


def _finished(rival: Rival, filled: np.ndarray, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns what is scored: a method's result in the holes, the picture elsewhere."""
    if filled.shape != image.shape or not np.isfinite(filled).all():
        raise UserError(
            f"{rival.label} did not return a finite picture of the size that it was given"
        )
    return np.where(mask > 0, rounded(np.clip(filled, 0, 1)), image)


def _under(start: str, arrays: Item) -> dict[str, np.ndarray]:
    """Returns the arrays whose names begin with `start`, by the rest of their names."""
    return {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}


def _row(
    index: int, examples: Examples, rivals: Sequence[Rival], rows: Mapping[str, KeptRow]
) -> Row:
    """Reads one example again, with each method's completion of it."""
    example = examples[index]
    completed = {}
    for rival in rivals:
        picture = rows[rival.label].completed(index, example)
        if picture is None:  # too many to be kept
            image, mask = _arrays([example])
            filled = rival.complete(_known(image, mask), mask)
            picture = _pixels(_finished(rival, filled, image, mask))[0]
        completed[rival.label] = picture
    return Row(example, completed)
