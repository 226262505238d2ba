"""Makes the endless training batches and the fixed held-out examples."""

import signal
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import cv2
import grain
import jax
import numpy as np

from glcic_jax.data.ahead import read_ahead
from glcic_jax.data.collection import Source
from glcic_jax.data.mean_pixel import read_or_measure_mean
from glcic_jax.data.measurement import MeasuredPictures, with_fresh_hole
from glcic_jax.data.mixture import Drawn, mean_of_drawn, named_sets, open_sources
from glcic_jax.data.sources import limits_of
from glcic_jax.data.transforms import check_sizes, example, framed
from glcic_jax.masks.kinds import make_hole
from glcic_jax.runtime.digests import item_digest
from glcic_jax.runtime.process import ENDINGS, end_with_parent
from glcic_jax.types import Batch

PLACED_AHEAD = 2
"""Number of batches that are put on the devices before they are asked for."""

Place = Callable[[dict[str, np.ndarray]], Any]
"""Puts the arrays of a batch where a step can read them."""

MakeExample = Callable[..., dict[str, np.ndarray]]


class Dataset(NamedTuple):
    """Holds the input of a run.

    Attributes:
      batches: `batches(step)` returns the endless stream that begins with the batch of the update
        after `step` updates; `batches(step, check)` calls `check` meanwhile, as `read_ahead` does.
        The position depends on the number of updates alone, so a resumed run
        needs no saved iterator and may use other numbers of devices, threads and workers.
      held_out: the fixed examples, stacked: image, mask, other_mask, uint8.
      mean_pixel: the mean of the training pictures, RGB in [0, 1].
      listing: short digests of all pictures and settings; several processes compare them.
      more_held_out: the examples of further sets of pictures, by their names.
    """

    batches: Callable[..., Iterator[Batch]]
    held_out: dict[str, np.ndarray]
    mean_pixel: tuple[float, float, float]
    listing: dict[str, str]
    more_held_out: Mapping[str, dict[str, np.ndarray]] = MappingProxyType({})


def make_dataset(
    config: Any, *, seed: int, place: Place, mean_pixel: tuple[float, float, float] | None = None
) -> Dataset:
    """Builds the input of a run from `config.data` and `config.holes`.

    With `config.data.measurement`, training sees one measurement of each picture and nothing else;
    the mean pixel is of measurements too. Held-out pictures stay whole, since scores need them.

    Args:
      config: a ConfigDict of the fields of configs/places2.py.
      seed: seed of the order, the crops and the holes.
      place: puts this process's share of a batch on its devices.
      mean_pixel: the mean pixel if it is known, RGB in [0, 1]; otherwise it is measured.

    Raises:
      UserError: settings contradict each other, or the pictures cannot be used.
    """
    # What is done to a picture.
    data = config.data
    check_sizes(data.resize, data.crop)
    hole = make_hole(config.holes, data.crop, data.crop)
    plain = partial(framed, resize=tuple(data.resize), crop=data.crop, flip=data.flip)
    frame = partial(plain, colours=data.colours)
    make_example = partial(example, frame=frame, hole=hole, leftovers=data.leftovers or None)

    # The pictures and their mean.
    split, drawn = open_sources(data)
    train = split.train
    if data.get("measurement") is not None:
        noise = data.measurement.noise
        train = MeasuredPictures(split.train, frame=frame, hole=hole, noise=noise, seed=seed)
        make_example = partial(with_fresh_hole, hole=hole)
        mean_pixel = mean_pixel or mean_of_drawn(train.known_mean, len(train), drawn)
    elif mean_pixel is None:
        mean_pixel = split.mean_pixel or read_or_measure_mean(split)
    make_plain = partial(example, frame=plain, hole=hole)
    held_out, more_held_out = _examples_of(data, split.held_out, make_plain, seed)
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
            drawn=drawn,
        ),
        held_out=held_out,
        mean_pixel=mean_pixel,
        listing={
            "list of training pictures": f"{len(split.train)} ({split.train.listing()[:8]})",
            "list of held-out pictures": f"{len(split.held_out)} ({split.held_out.listing()[:8]})",
            "held-out examples": item_digest(held_out)[:8],
            "mean pixel": str(mean_pixel),
        },
        more_held_out=more_held_out,
    )


def _examples_of(
    data: Any, held_out: Source, make_example: MakeExample, seed: int
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, np.ndarray]]]:
    """Returns the held-out examples, and those of the further sets by name."""
    own = data.get("held_out_seed", -1)
    count, seed = data.held_out_examples, seed if own < 0 else own
    sets = named_sets(data.get("held_out_sets", ()), **limits_of(data))
    more = {
        name: held_out_examples(source, make_example, count, seed) for name, source in sets.items()
    }
    return held_out_examples(held_out, make_example, count, seed), more


def train_batches(
    source: Any,  # a Source, or MeasuredPictures
    make_example: MakeExample,
    step: int,
    check: Callable[[], object] = lambda: None,
    *,
    seed: int,
    batch_size: int,
    threads: int,
    workers: int,
    place: Place,
    drawn: Drawn | None = None,
) -> Iterator[Batch]:
    """Returns the endless batches that begin with that of update `step` + 1.

    Order, crops and holes depend on the seed and the example's number alone: not on processes,
    devices, threads or workers. Every epoch has another order.

    Args:
      source: the pictures or measurements.
      make_example: makes an example of (picture or measurement, rng).
      step: the number of updates done.
      check: as in `read_ahead`.
      seed: seed of the order and of every example.
      batch_size: examples per batch, over all processes.
      threads: threads that read.
      workers: processes that read; 0 = threads of this process only.
      place: puts this process's share of a batch on its devices.
      drawn: how to draw from the parts of `source`; None = all pictures equally often.
    """
    order = (
        _mixed(source, drawn, seed)
        if drawn
        else grain.MapDataset.source(source).seed(seed).shuffle().repeat()
    )
    pictures = order.random_map(make_example)
    # Each process takes one part of every batch. On the devices the batch is the same.
    index, count = jax.process_index(), jax.process_count()
    batches = pictures.batch(batch_size // count, drop_remainder=True)[index::count][step:]
    read = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=max(threads, 1))
    stream = batches.to_iter_dataset(read)
    if workers:
        stream = stream.mp_prefetch(
            grain.MultiprocessingOptions(num_workers=workers), worker_init_fn=_start_worker
        )
    return read_ahead(iter(stream.map(place)), PLACED_AHEAD, check=check)


def _mixed(source: Any, drawn: Drawn, seed: int) -> grain.MapDataset:
    """Returns pictures of several parts, drawn by weights; each part has epochs of its own."""
    parts, start = [], 0
    for number, length in enumerate(drawn.lengths):
        own = grain.MapDataset.range(start, start + length).seed(seed + number)
        parts.append(own.shuffle().repeat())
        start += length
    return grain.MapDataset.mix(parts, weights=drawn.weights).seed(seed).map(source.__getitem__)


def _start_worker(_index: int, _count: int) -> None:
    """Limits a worker to one core, and ends it with the main process. Grain's would stay."""
    for number in ENDINGS:  # the main process saves, then ends it
        signal.signal(number, signal.SIG_IGN)
    cv2.setNumThreads(0)
    end_with_parent()


def held_out_examples(
    source: Source, make_example: MakeExample, count: int, seed: int
) -> dict[str, np.ndarray]:
    """Returns `count` examples, stacked, the same in every run with this seed.

    Pictures repeat if there are fewer than `count`.
    """
    examples = [
        make_example(source[index % len(source)], np.random.default_rng((seed, index)))
        for index in range(count)
    ]
    return {name: np.stack([e[name] for e in examples]) for name in examples[0]}
