"""Measures the mean pixel of a collection, and keeps it in the user's cache."""

import json
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from glcic_jax.data.collection import Source, Split
from glcic_jax.data.sources import Files
from glcic_jax.runtime.digests import json_digest
from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.process import user_cache

log = logging.getLogger(__name__)

Rgb = tuple[float, float, float]

FOLDER = "mean_pixels"
"""Folder of the user's cache that holds a small file for each collection that was measured."""

MEAN_SAMPLE = 4096
"""Largest number of pictures whose mean is taken. The error left is below 0.005."""


def read_or_measure_mean(split: Split) -> Rgb:
    """Returns the mean pixel of the training pictures, RGB in [0, 1].

    For pictures in files it is kept in the user's cache once it is measured. Whoever adds, removes
    or replaces pictures has it measured anew.
    """
    if not isinstance(split.train, Files):
        return measure_mean(split.train)
    path = kept_at(split.train)
    kept = _read(path)
    if kept is not None:
        return kept
    mean = measure_mean(split.train)
    described = {"mean_pixel": mean, "folder": str(split.train.root.resolve())}
    try:
        path.parent.mkdir(exist_ok=True)
        write_whole(path, json.dumps(described) + "\n")
    except OSError as error:  # training works without it
        log.info("%s: the mean pixel is not kept: %s", path, error)
    return mean


def kept_at(source: Files) -> Path:
    """Returns the file in which a collection's mean pixel is kept once it is measured.

    Its name is a digest of all that the mean depends on: the folder, the names of the pictures,
    which of them count as too small, and the sizes and times of the files that are read.
    """
    files = [source.root / source.names[index] for index in _sample(len(source), MEAN_SAMPLE)]
    states = [(state.st_size, state.st_mtime_ns) for state in map(_state, files) if state]
    depends = {
        "folder": str(source.root.resolve()),
        "names": source.listing(),
        "min_edge": source.min_edge,
        "files": states,
    }
    return user_cache() / FOLDER / f"{json_digest(depends)}.json"


def measure_mean(source: Source, limit: int = MEAN_SAMPLE) -> Rgb:
    """Returns the mean RGB in [0, 1] of at most `limit` pictures, weighted equally.

    The pictures are evenly spaced in the collection.
    """
    return mean_over(lambda index: source[index].mean(axis=(0, 1)), len(source), limit)


def mean_over(mean: Callable[[int], np.ndarray], count: int, limit: int = MEAN_SAMPLE) -> Rgb:
    """Returns the same, given a function of a picture's mean.

    Args:
      mean: returns the mean of picture 0 to `count` - 1, RGB from 0 to 255.
      count: the number of pictures.
      limit: the largest number of pictures whose mean is taken.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        means = list(pool.map(mean, _sample(count, limit)))
    red, green, blue = np.mean(means, axis=0) / 255
    return float(red), float(green), float(blue)


def _sample(count: int, limit: int) -> list[int]:
    """Returns at most `limit` numbers from 0 to `count` - 1, evenly spaced."""
    return [int(i) for i in np.unique(np.linspace(0, count - 1, min(count, limit)).round())]


def _state(path: Path) -> os.stat_result | None:
    """Returns what the system knows of a file; None if it has gone, which reading it reports."""
    try:
        return path.stat()
    except OSError:
        return None


def _read(path: Path) -> Rgb | None:
    """Reads a kept mean pixel; None if it is not measured yet, or not kept by this program."""
    try:
        red, green, blue = map(float, json.loads(path.read_text("utf-8"))["mean_pixel"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return red, green, blue
