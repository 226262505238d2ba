"""Streams of batches from a folder of pictures, and whether two are the same."""

import jax
import numpy as np

from glcic_jax.data.pipeline import make_dataset
from tests.helpers.small import small_config

MEAN = (0.4, 0.5, 0.6)


def config_for(root, **changes):
    """Returns a small config for a folder of pictures; `changes` are of its `data`."""
    config = small_config(data__root=str(root), data__held_out=0.25, data__held_out_examples=5)
    config.data.min_edge = 16
    config.data.update(changes)
    return config


def batches(config, step, count, place=lambda batch: batch, seed=0):
    """Returns `count` batches from a step on, as numpy arrays, with MEAN as the mean pixel."""
    stream = make_dataset(config, seed=seed, place=place, mean_pixel=MEAN).batches(step)
    return [jax.tree.map(np.asarray, next(stream)) for _ in range(count)]


def assert_same(ours, theirs):
    """Compares two lists of batches bit for bit."""
    for a, b in zip(ours, theirs, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])
