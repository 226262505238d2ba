import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import namedtuple
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest

from glcic_jax.runtime import disk
from glcic_jax.runtime.devices import make_mesh, replicate
from glcic_jax.runtime.errors import FaultError, UserError
from glcic_jax.runtime.run_folder import saved_steps
from glcic_jax.types import NetworkState, TrainState
from glcic_jax.weights.checkpoint import Checkpoints
from glcic_jax.weights.checkpoint_reader import read_about, restore_network
from tests.helpers.tiny import slow_saves

ABOUT = {"config": {"method": "glcic"}, "mean_pixel": [0.1, 0.2, 0.3]}


def network(seed, width=6):
    rng = np.random.default_rng(seed)
    params = {"layer": {"kernel": jnp.asarray(rng.normal(size=(3, width)), jnp.float32)}}
    optimizer = optax.adadelta(1.0)
    opt_state = optimizer.init(params)
    _, opt_state = optimizer.update(params, opt_state, params)
    stats = {"norm": {"mean": jnp.asarray(rng.normal(size=width), jnp.float32)}}
    return NetworkState(params, stats, opt_state)


def state_at(step, width=6):
    networks = {name: network((step, i), width) for i, name in enumerate(("completion", "other"))}
    return TrainState(jnp.asarray(step, jnp.int32), networks)


def save(run, steps, metrics=None, **options):
    with Checkpoints(run, **({"keep": 3} | options)) as checkpoints:
        for step in steps:
            scores = {} if metrics is None else {"held_out/l1": metrics[step]}
            checkpoints.save(step, state_at(step), about=ABOUT, metrics=scores)
        checkpoints.wait()
        return checkpoints.steps()


def restore(run, like=None):
    with Checkpoints(run, keep=3) as checkpoints:
        return checkpoints.restore_latest(state_at(0) if like is None else like)


def assert_equal(ours, theirs):
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_a_state_comes_back_bit_for_bit(tmp_path):
    save(tmp_path, [1, 2])
    assert_equal(restore(tmp_path), state_at(2))
    assert read_about(tmp_path)[0] == 2
    step, about = read_about(tmp_path, 1)
    assert step == 1
    assert about["mean_pixel"] == ABOUT["mean_pixel"]


def test_without_a_checkpoint_there_is_nothing_to_restore(tmp_path):
    assert restore(tmp_path) is None


def test_a_state_may_be_donated_while_it_is_written(tmp_path):
    donate = jax.jit(lambda s: jax.tree.map(lambda a: a * 0 - 1, s), donate_argnums=0)
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        state = jax.tree.map(jnp.copy, state_at(5))
        checkpoints.save(5, state, about=ABOUT, metrics={})
        donate(state)
    assert_equal(restore(tmp_path), state_at(5))


@pytest.mark.parametrize(("before", "after"), [(4, 1), (1, 4)])
def test_the_number_of_devices_may_change(tmp_path, before, after):
    def on(count):
        return replicate(make_mesh(jax.devices()[:count]), state_at(3))

    with Checkpoints(tmp_path, keep=2) as checkpoints:
        checkpoints.save(3, on(before), about=ABOUT, metrics={})
    restored = restore(tmp_path, on(after))
    assert restored is not None
    assert len(restored.networks["other"].params["layer"]["kernel"].devices()) == after
    assert_equal(jax.device_get(restored), jax.device_get(state_at(3)))


def test_the_latest_the_best_and_the_ends_of_phases_are_kept(tmp_path):
    scores = dict(enumerate([0.9, 0.5, 0.1, 0.4, 0.3, 0.6, 0.7, 0.8]))
    assert save(tmp_path, range(8), scores, keep=2, keep_steps=(1,)) == [1, 2, 6, 7]


def test_what_is_not_finite_never_counts_as_best(tmp_path):
    scores = {1: 0.5, 2: float("nan"), 3: float("-inf"), 4: 0.9, 5: 0.8, 6: 0.7}
    assert save(tmp_path, range(1, 7), scores, keep=1) == [1, 6]


def test_the_best_is_still_kept_after_a_restart(tmp_path):
    scores = {1: 0.1, 2: 0.5, 3: 0.6, 4: 0.7, 5: 0.05, 6: 0.8, 7: 0.9}
    assert save(tmp_path, [1, 2], scores, keep=1) == [1, 2]
    assert save(tmp_path, [3, 4], scores, keep=1) == [1, 4]
    assert save(tmp_path, [5, 6, 7], scores, keep=1) == [5, 7]


def test_without_a_score_only_the_latest_are_kept(tmp_path):
    assert save(tmp_path, [1, 2, 3], {1: None, 2: float("nan"), 3: None}, keep=1) == [3]


def test_an_exception_lets_a_running_save_finish(tmp_path):
    with pytest.raises(ZeroDivisionError), Checkpoints(tmp_path, keep=2) as checkpoints:
        checkpoints.save(1, state_at(1), about=ABOUT, metrics={})
        raise ZeroDivisionError
    assert_equal(restore(tmp_path), state_at(1))


def test_saving_a_step_twice_keeps_the_first(tmp_path):
    assert save(tmp_path, [4, 4]) == [4]


def test_one_network_can_be_read_alone(tmp_path):
    save(tmp_path, [1, 2])
    shutil.rmtree(tmp_path / "checkpoints/2/other.params")
    shutil.rmtree(tmp_path / "checkpoints/2/completion.opt_state")
    like = jax.eval_shape(lambda: network((0, 0)))
    params, stats = restore_network(tmp_path, "completion", like)
    expected = state_at(2).networks["completion"]
    assert_equal((params, stats), (expected.params, expected.batch_stats))


def data_files(run, step):
    files = [p for p in (run / f"checkpoints/{step}").rglob("*") if p.is_file()]
    return sorted(p for p in files if p.parent.name == "d" and "params" in str(p))


def flip_a_byte(run, step):
    """Flips a byte in the middle of each file that holds arrays."""
    for path in data_files(run, step):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x40
        path.write_bytes(bytes(data))


def truncate(run, step):
    for path in data_files(run, step):
        path.write_bytes(path.read_bytes()[:-20])


def remove_an_item(run, step):
    shutil.rmtree(run / f"checkpoints/{step}/completion.params")


def remove_a_file(run, step):
    data_files(run, step)[0].unlink()


def empty_the_description(run, step):
    for path in (run / f"checkpoints/{step}/about").iterdir():
        path.write_text("{}")


def alter_the_description(run, step):
    path = run / f"checkpoints/{step}/about/metadata"
    altered = path.read_text().replace("[0.1, 0.2, 0.3]", "[0.1, 0.6, 0.3]")
    assert altered != path.read_text()
    path.write_text(altered)


DAMAGES = [
    flip_a_byte, truncate, remove_an_item, remove_a_file, empty_the_description,
    alter_the_description,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_and_said(tmp_path, damage, caplog):
    save(tmp_path, [1, 2, 3])
    damage(tmp_path, 3)
    assert_equal(restore(tmp_path), state_at(2))
    assert "checkpoint 3" in caplog.text
    assert "damaged" in caplog.text
    assert save(tmp_path, [3]) == [1, 2, 3]  # training comes by again and saves it anew
    assert_equal(restore(tmp_path), state_at(3))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_refused_for_completion(tmp_path, damage):
    save(tmp_path, [1])
    damage(tmp_path, 1)
    like = jax.eval_shape(lambda: network((0, 0)))
    with pytest.raises(UserError, match="checkpoint of step 1 is damaged.*or train again"):
        restore_network(tmp_path, "completion", like)


def test_a_refusal_names_the_steps(tmp_path):
    save(tmp_path, [1, 2, 3])
    empty_the_description(tmp_path, 3)
    with pytest.raises(UserError, match=r"step 3 is damaged.*choose another step of \[1, 2, 3\]"):
        read_about(tmp_path)


def test_a_description_without_a_digest_of_its_own_is_read(tmp_path):
    """Reads a description such as the first checkpoints had."""
    save(tmp_path, [1])
    path = tmp_path / "checkpoints/1/about/metadata"
    about = json.loads(path.read_text())
    del about["digest"], about["score"]
    path.write_text(json.dumps(about))
    assert_equal(restore(tmp_path), state_at(1))


def test_if_all_are_damaged_the_run_is_not_started_over(tmp_path):
    save(tmp_path, [1, 2])
    for step in (1, 2):
        remove_an_item(tmp_path, step)
    with pytest.raises(UserError, match="all 2 checkpoints are damaged"):
        restore(tmp_path)


def test_other_networks_are_refused(tmp_path):
    save(tmp_path, [1])
    like = jax.eval_shape(lambda: network((0, 0)))
    with pytest.raises(UserError, match="holds no generator network, but completion, other"):
        restore_network(tmp_path, "generator", like)
    with pytest.raises(UserError, match=r"kernel'\] is \[3, 6\] in the checkpoint and \[3, 8\]"):
        restore(tmp_path, state_at(0, width=8))


def test_missing_runs_and_steps_are_refused(tmp_path):
    with pytest.raises(UserError, match="no run folder with a checkpoint"):
        read_about(tmp_path / "nowhere")
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(UserError, match="no run folder with a checkpoint"):
        read_about(tmp_path)
    save(tmp_path, [1, 2])
    with pytest.raises(UserError, match=r"no checkpoint of step 7; there are \[1, 2\]"):
        read_about(tmp_path, 7)


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
from tests.weights.test_checkpoint import ABOUT, Checkpoints, state_at
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
