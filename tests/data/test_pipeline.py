"""The stream is a function of seed and step alone, whatever reads it."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from glcic_jax.data.pipeline import make_dataset
from glcic_jax.runtime.devices import make_mesh, shard
from glcic_jax.runtime.errors import UserError
from tests.helpers.streams import MEAN, assert_same, batches, config_for


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number in range(12):
        pixels = rng.integers(0, 256, (40, 50, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def whole(root):
    return batches(config_for(root), 0, 6)


def test_batches_have_the_promised_form(whole):
    forms = {name: (array.shape, array.dtype) for name, array in whole[0].items()}
    assert forms == {
        "image": ((8, 32, 32, 3), np.uint8),
        "mask": ((8, 32, 32, 1), np.uint8),
        "other_mask": ((8, 32, 32, 1), np.uint8),
    }


def test_every_picture_of_a_batch_has_its_own_hole(whole):
    assert len({mask.tobytes() for mask in whole[0]["mask"]}) == 8


def test_threads_and_workers_change_nothing(root, whole):
    for changes in ({"threads": 0}, {"threads": 8}, {"workers": 2}):
        assert_same(batches(config_for(root, **changes), 0, 3), whole[:3])


def test_the_number_of_devices_changes_nothing(root, whole):
    for count in (1, 4):
        mesh = make_mesh(jax.devices()[:count])
        assert_same(batches(config_for(root), 0, 2, partial(shard, mesh)), whole[:2])


def test_a_resumed_stream_goes_on_where_it_was_cut(root, whole):
    for step in (1, 4):
        assert_same(batches(config_for(root), step, 6 - step), whole[step:])


def test_another_seed_gives_other_batches(root, whole):
    (other,) = batches(config_for(root), 0, 1, seed=1)
    assert (other["image"] != whole[0]["image"]).any()
    assert (other["mask"] != whole[0]["mask"]).any()


def test_every_epoch_is_complete_and_in_another_order(tmp_path):
    for number in range(10):
        Image.new("RGB", (32, 32), (number * 20,) * 3).save(tmp_path / f"{number}.png")
    config = config_for(tmp_path, batch_size=8, resize=(32, 32), held_out=0.2)
    drawn = np.concatenate([b["image"][:, 0, 0, 0] for b in batches(config, 0, 3)])
    epochs = drawn.reshape(3, 8).tolist()  # eight pictures to train on, eight to a batch
    assert len({tuple(sorted(epoch)) for epoch in epochs}) == 1
    assert len(set(epochs[0])) == 8
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_held_out_examples_are_fixed(root):
    first, second = (
        make_dataset(config_for(root, threads=t), seed=0, place=lambda b: b, mean_pixel=MEAN)
        for t in (0, 4)
    )
    assert first.held_out["image"].shape == (5, 32, 32, 3)
    assert_same([first.held_out], [second.held_out])
    assert len({mask.tobytes() for mask in first.held_out["mask"]}) == 5


WORKERS = """
import sys
from pathlib import Path
from absl import flags
from tests.helpers.streams import config_for
if __name__ == "__main__":
    flags.FLAGS.mark_as_parsed()
    from glcic_jax.data.pipeline import make_dataset
    config = config_for(Path(sys.argv[1]), workers=2)
    dataset = make_dataset(config, seed=0, place=lambda b: b, mean_pixel=(0, 0, 0))
    stream = dataset.batches(0)
    next(stream)
    print("reading", flush=True)
    while True:
        next(stream)
"""


def processes_reading(folder) -> int:
    """Counts the Python processes that were started for `folder`, workers included."""
    group = 0
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            group += f"WORKERS_OF={folder}".encode() in path.read_bytes()
        except OSError:
            continue
    return group


def test_workers_end_with_a_killed_main_process(root, tmp_path):
    script = tmp_path / "reader.py"
    script.write_text(WORKERS)
    env = os.environ | {"PYTHONPATH": str(Path.cwd()), "WORKERS_OF": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, str(script), str(root)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        assert processes_reading(tmp_path) >= 3
        reader.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60  # a worker that is still importing first comes to its end
    while processes_reading(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_reading(tmp_path) == 0


def test_unknown_source_is_refused(root):
    with pytest.raises(UserError, match="choose folder, shards, scikit_image"):
        make_dataset(config_for(root, source="web"), seed=0, place=lambda b: b)
