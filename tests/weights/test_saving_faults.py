"""Saving in trouble: a full disk, slow or silent storage, a killed process."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import namedtuple
from functools import partial
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from glcic_jax.runtime import disk
from glcic_jax.runtime.errors import FaultError, UserError
from glcic_jax.runtime.run_folder import saved_steps
from glcic_jax.types import NetworkState, TrainState
from glcic_jax.weights.checkpoint import Checkpoints
from tests.helpers.checkpoints import ABOUT, assert_equal, restore, state_at
from tests.helpers.tiny import slow_saves

Usage = namedtuple("Usage", "total used free")


def test_a_nearly_full_disk_is_refused_before_writing(tmp_path, monkeypatch):
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        checkpoints.save(1, state_at(1), about=ABOUT, metrics={})
        checkpoints.wait()
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10, 9, 1))
        with pytest.raises(UserError, match="disk full: .*the checkpoint of step 1 is intact"):
            checkpoints.save(2, state_at(2), about=ABOUT, metrics={})
    assert_equal(restore(tmp_path), state_at(1))


def test_a_disk_that_fills_up_while_writing_leaves_the_last_checkpoint(small_disk, monkeypatch):
    with Checkpoints(small_disk, keep=2) as checkpoints:
        checkpoints.save(1, state_at(1), about=ABOUT, metrics={})
        checkpoints.wait()
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 2**40))
        rng = np.random.default_rng(0)
        large = jnp.asarray(rng.normal(size=(1500, 1500)), jnp.float32)
        big = TrainState(jnp.asarray(2), {"completion": NetworkState({"kernel": large}, {}, ())})
        with pytest.raises(UserError, match="disk full: .*step 1 is intact"):
            checkpoints.save(2, big, about=ABOUT, metrics={})
            checkpoints.wait()
    assert_equal(restore(small_disk), state_at(1))


def test_a_save_still_under_way_is_waited_for_and_reported(tmp_path, monkeypatch):
    written, lines = threading.Event(), []

    def report(line):
        lines.append(line)
        written.set()

    monkeypatch.setattr(ocp, "CheckpointManagerOptions", slow_saves(partial(written.wait, 60)))
    monkeypatch.setattr(disk, "SLOW", 0.1)
    with Checkpoints(tmp_path, keep=3, report=report) as checkpoints:
        checkpoints.save(1000, state_at(1), about=ABOUT, metrics={})
        assert (lines, checkpoints.steps()) == ([], [1000])
        assert saved_steps(tmp_path) == []
        checkpoints.save(1001, state_at(2), about=ABOUT, metrics={})
        assert lines == ["the checkpoint of step 1,000 is still being written: waiting"]
        assert 1000 in saved_steps(tmp_path)
        monkeypatch.setattr(disk, "SLOW", 60)
        checkpoints.save(1002, state_at(3), about=ABOUT, metrics={})
    assert len(lines) == 1
    assert_equal(restore(tmp_path).networks, state_at(3).networks)


def test_storage_that_hangs_ends_the_run_in_a_line(tmp_path, monkeypatch):
    def hang(self):
        raise TimeoutError("Timed out while waiting for async_write_complete barrier.")

    with Checkpoints(tmp_path, keep=3) as checkpoints, monkeypatch.context() as patch:
        patch.setattr(ocp.CheckpointManager, "wait_until_finished", hang)
        with pytest.raises(FaultError, match="checkpoints: the storage does not answer; when"):
            checkpoints.save(1, state_at(1), about=ABOUT, metrics={})


SAVER = """
import sys
from pathlib import Path
from glcic_jax.weights.checkpoint import Checkpoints
from tests.helpers.checkpoints import ABOUT, state_at
with Checkpoints(Path(sys.argv[1]), keep=2) as checkpoints:
    for step in range(1, 10**6):
        checkpoints.save(step, state_at(step % 50), about=ABOUT, metrics={})
        print(step, flush=True)
"""


@pytest.mark.parametrize("lines", [3, 6])
def test_killed_while_saving_the_last_good_one_remains(tmp_path, lines):
    script = tmp_path / "saver.py"
    script.write_text(SAVER)
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "run")],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as saver:  # fmt: skip
        assert saver.stdout is not None
        seen = [int(saver.stdout.readline()) for _ in range(lines)]
        saver.send_signal(signal.SIGKILL)  # the save of step seen[-1] is under way
    restored = restore(tmp_path / "run")
    assert restored is not None
    step = int(restored.step)
    assert step >= seen[-1] - 1
    assert_equal(restored.networks, state_at(step % 50).networks)
