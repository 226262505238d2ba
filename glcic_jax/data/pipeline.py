"""The endless stream of training batches, the fixed held-out examples, and the mean pixel."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import cv2
import grain
import jax
import numpy as np

from glcic_jax.data.ahead import read_ahead
from glcic_jax.data.collection import Source, Split
from glcic_jax.data.measurement import MeasuredPictures, with_fresh_hole
from glcic_jax.data.sources import SOURCES, Files
from glcic_jax.data.transforms import check_sizes, example, framed
from glcic_jax.masks.kinds import make_hole
from glcic_jax.runtime.digests import item_digest
from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.process import end_with_parent
from glcic_jax.types import Batch

log = logging.getLogger(__name__)

MEAN_FILE = ".mean_pixel.json"
MEAN_SAMPLE = 4096
"""Pictures measured at most: the error left, below 0.005, is far below a picture's own spread."""

PLACED_AHEAD = 2
"""Batches put on the devices before they are asked for."""

Place = Callable[[dict[str, np.ndarray]], Any]
"""Puts the arrays of a batch where a step can read them."""
MakeExample = Callable[..., dict[str, np.ndarray]]


class Dataset(NamedTuple):
    """What a run reads.

    batches: `batches(step)` is the endless stream that begins with the batch of the update after
        `step` updates. The position is a function of the update count, so a resumed run needs no
        saved iterator and may use other numbers of devices, threads and workers.
    held_out: fixed examples, stacked: image, mask, other_mask, uint8.
    mean_pixel: of the training pictures, RGB in [0, 1].
    listing: what there is to train on and to judge by, in short; several processes compare it.
    """

    batches: Callable[[int], Iterator[Batch]]
    held_out: dict[str, np.ndarray]
    mean_pixel: tuple[float, float, float]
    listing: dict[str, str]


def make_dataset(
    config: Any, *, seed: int, place: Place, mean_pixel: tuple[float, float, float] | None = None
) -> Dataset:
    """Builds the input of a run from `config.data` and `config.holes`.

    With `config.data.measurement` all that comes of the pictures to train on, the mean pixel too,
    comes of one measurement of each. Those held out stay whole: they are the evaluation's truth.

    Args:
      config: a ConfigDict of the fields of configs/places2.py.
      seed: of the order, the crops and the holes.
      place: puts this process's share of a batch on its devices.
      mean_pixel: if it is known already; else it is measured.

    Raises:
      UserError: settings that contradict each other, or pictures that cannot be used.
    """
    data = config.data
    check_sizes(data.resize, data.crop)
    hole = make_hole(config.holes, data.crop, data.crop)
    frame = partial(framed, resize=tuple(data.resize), crop=data.crop, flip=data.flip)
    make_example = make_whole = partial(example, frame=frame, hole=hole)
    split = open_source(data)
    train = split.train
    if data.get("measurement") is not None:
        noise = data.measurement.noise
        train = MeasuredPictures(split.train, frame=frame, hole=hole, noise=noise, seed=seed)
        make_example = partial(with_fresh_hole, hole=hole)
        mean_pixel = mean_pixel or mean_over(train.known_mean, len(train))
    elif mean_pixel is None:
        mean_pixel = split.mean_pixel or read_or_measure_mean(split)
    held_out = held_out_examples(split.held_out, make_whole, data.held_out_examples, seed)
    return Dataset(
        batches=partial(
            train_batches,
            train,
            make_example,
            seed=seed,
            batch_size=data.batch_size,
            threads=data.threads,
            workers=data.workers,
            place=place,
        ),
        held_out=held_out,
        mean_pixel=mean_pixel,
        listing={
            "list of training pictures": f"{len(split.train)} ({split.train.listing()[:8]})",
            "list of held-out pictures": f"{len(split.held_out)} ({split.held_out.listing()[:8]})",
            "held-out examples": item_digest(held_out)[:8],
            "mean pixel": str(mean_pixel),
        },
    )


def open_source(data: Any) -> Split:
    """The pictures that `config.data` names.

    Raises:
      UserError: no such source, or the source's own complaint.
    """
    if data.source not in SOURCES:
        raise UserError(f'data.source is "{data.source}": choose {", ".join(SOURCES)}')
    limits = {"min_edge": data.min_edge, "max_bad_fraction": data.max_bad_fraction}
    if data.source == "folder":
        return SOURCES["folder"](data.root, held_out=data.held_out_list or data.held_out, **limits)
    if data.source == "shards":
        return SOURCES["shards"](data.root, **limits)
    return SOURCES[data.source](held_out=data.held_out)


def train_batches(
    source: Any,  # a Source, or MeasuredPictures
    make_example: MakeExample,
    step: int,
    *,
    seed: int,
    batch_size: int,
    threads: int,
    workers: int,
    place: Place,
) -> Iterator[Batch]:
    """Batches from that of update `step` + 1 on, without end.

    Order, crops and holes depend on the seed and the example's number alone: not on processes,
    devices, threads or workers. Every epoch is shuffled anew.
    """
    pictures = (
        grain.MapDataset.source(source).seed(seed).shuffle().repeat().random_map(make_example)
    )
    # Each process takes one stretch of every batch: on the devices it is the same, whoever read it.
    index, count = jax.process_index(), jax.process_count()
    batches = pictures.batch(batch_size // count, drop_remainder=True)[index::count][step:]
    read = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=max(threads, 1))
    stream = batches.to_iter_dataset(read)
    if workers:
        stream = stream.mp_prefetch(
            grain.MultiprocessingOptions(num_workers=workers), worker_init_fn=_start_worker
        )
    return read_ahead(iter(stream.map(place)), PLACED_AHEAD)


def _start_worker(index: int, count: int) -> None:
    """One core per worker, and an end when the main process is gone: grain's stay for ever."""
    del index, count
    cv2.setNumThreads(0)
    end_with_parent()


def held_out_examples(
    source: Source, make_example: MakeExample, count: int, seed: int
) -> dict[str, np.ndarray]:
    """`count` examples, the same in every run with this seed; pictures may repeat."""
    examples = [
        make_example(source[index % len(source)], np.random.default_rng((seed, index)))
        for index in range(count)
    ]
    return {name: np.stack([e[name] for e in examples]) for name in examples[0]}


def read_or_measure_mean(split: Split) -> tuple[float, float, float]:
    """The mean pixel of the training pictures, kept beside them once it is measured."""
    if split.root is None or not isinstance(split.train, Files):
        return measure_mean(split.train)
    names = split.train.listing()
    path = split.root / MEAN_FILE
    try:
        kept = json.loads(path.read_text())
        if kept["pictures"] == names:
            return tuple(kept["mean_pixel"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not measured yet, or by something else: measure
    mean = measure_mean(split.train)
    try:
        write_whole(path, json.dumps({"mean_pixel": mean, "pictures": names}))
    except OSError as error:  # read-only pictures are no reason not to train
        log.info("%s: not kept beside the pictures: %s", path, error)
    return mean


def measure_mean(source: Source, limit: int = MEAN_SAMPLE) -> tuple[float, float, float]:
    """Mean RGB in [0, 1] over at most `limit` evenly spaced pictures, each weighing the same."""
    return mean_over(lambda index: source[index].mean(axis=(0, 1)), len(source), limit)


def mean_over(
    mean: Callable[[int], np.ndarray], count: int, limit: int = MEAN_SAMPLE
) -> tuple[float, float, float]:
    """The same of what `mean` gives for pictures 0 to `count` - 1, RGB from 0 to 255."""
    indices = np.unique(np.linspace(0, count - 1, min(count, limit)).round())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        means = list(pool.map(lambda i: mean(int(i)), indices))
    red, green, blue = np.mean(means, axis=0) / 255
    return float(red), float(green), float(blue)
