"""Seeds trained side by side, by real processes: that they are the same runs, and end together."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from glcic_jax.main import parse
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import lock, read_starts, saved_steps
from glcic_jax.runtime.shares import Share
from glcic_jax.train.side_by_side import own_command, train_side_by_side
from tests.helpers.nodes import BOUND, TOY, descendants, flags, process, records
from tests.helpers.pictures import make_collection

SEEDS = (0, 1, 2)

OPTIONS = TOY | {"JAX_PLATFORMS": "cpu"}
"""Options of runs on cores, whatever else there is here."""

slow = pytest.mark.slow
on_two_cores = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core cannot be shared out")


def command(pictures, workdir, *more):
    """Returns the flags of a command that trains three seeds, two at once."""
    own = [word for word in flags(pictures, workdir) if "timeout" not in word]
    return [*own, "--seeds=3", "--at_once=2", "--config.phases.completion=24", *more]


def trained(folder, *words, **options):
    """Runs the command to its end; returns its exit code and what it printed."""
    with process(folder / f"{time.monotonic_ns()}.log", *words, **OPTIONS, **options) as node:
        return node.ended(10 * BOUND)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_collection(tmp_path_factory.mktemp("side_by_side") / "pictures", 16)


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory):
    """Three runs that nothing disturbed, and what the command printed."""
    folder = tmp_path_factory.mktemp("side_by_side")
    code, text = trained(folder, *command(pictures, folder / "runs"))
    assert code == 0, text
    return folder / "runs", text


def assert_same(workdir, whole):
    for seed in SEEDS:
        ours, theirs = (records(folder / f"seed{seed}") for folder in (workdir, whole))
        assert [record["step"] for record in ours] == list(range(1, 25))
        assert ours == theirs
    assert (workdir / "seeds.md").read_text() == (whole / "seeds.md").read_text()


@slow
@on_two_cores
def test_runs_are_those_that_are_trained_one_after_the_other(whole, pictures, tmp_path):
    workdir, text = whole
    code, _ = trained(tmp_path, *command(pictures, tmp_path / "runs", "--at_once=1"))
    assert code == 0
    for seed in SEEDS:
        ours, theirs = (records(folder / f"seed{seed}") for folder in (workdir, tmp_path / "runs"))
        losses = [[record["loss/mse"] for record in run] for run in (ours, theirs)]
        assert len(losses[0]) == 24
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
        assert f"\nseed{seed}: [completion 24/24]" in text
        assert f"seed {seed}, {seed + 1} of 3: {workdir}/seed{seed}, on core" in text
    unnamed = [line for line in text.splitlines() if "completion" in line and "seed" not in line]
    assert unnamed == []
    assert "| all 3 |" in text
    (start,) = read_starts(workdir / "seed2")
    assert start["command"][-2:] == ["--only_seed", "2"]
    assert " of " in start["machine"]  # the cores that it had


@slow
@on_two_cores
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_all_save_and_the_same_command_goes_on(whole, pictures, tmp_path, number):
    workdir = tmp_path / "runs"
    words = command(pictures, workdir)
    with process(tmp_path / "log", *words, TINY_PAUSE="0.5", **OPTIONS) as node:
        for seed in (0, 1):
            node.wait_for(f"seed{seed}: [completion 3/24]")
        node.send_signal(number)
        code, text = node.ended()
    assert code == 128 + number
    for seed in (0, 1):
        assert f"seed{seed}: {number.name}: saved step" in text
        assert max(saved_steps(workdir / f"seed{seed}")) < 24
    assert not (workdir / "seed2").exists()
    assert not (workdir / "seeds.md").exists()
    assert trained(tmp_path, *words)[0] == 0
    assert_same(workdir, whole[0])


@slow
@on_two_cores
def test_none_outlives_a_command_that_is_killed(whole, pictures, tmp_path):
    """With data workers. They save, although nobody reads their lines any more."""
    workdir = tmp_path / "runs"
    words = command(pictures, workdir, "--config.every.checkpoint=100")
    with process(
        tmp_path / "log", *words, "--config.data.workers=1", TINY_PAUSE="0.5", **OPTIONS
    ) as node:
        for seed in (0, 1):
            node.wait_for(f"seed{seed}: [completion 3/24]")
        assert len(set(descendants(node.pid))) > 2
        children = set(descendants(node.pid))
        node.kill()
        deadline = time.monotonic() + BOUND
        while any(_lives(child) for child in children):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert all(0 < max(saved_steps(workdir / f"seed{seed}")) < 24 for seed in (0, 1))
    assert trained(tmp_path, *words)[0] == 0
    assert_same(workdir, whole[0])


def _lives(number):
    """Returns whether there is such a process; one that nobody has waited for is none."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@slow
@on_two_cores
def test_one_that_fails_ends_no_other(whole, pictures, tmp_path):
    """Its folder holds another run. Once that is mended the command ends with its table."""
    workdir = tmp_path / "runs"
    (workdir / "seed1").mkdir(parents=True)
    (workdir / "seed1/config.json").write_text('{"seed": 7}')
    code, text = trained(tmp_path, *command(pictures, workdir))
    assert code == 2
    assert "seed1: error: " in text
    assert "error: not all seeds are trained (seed 1: exit code 2)" in text.splitlines()[-1]
    assert [max(saved_steps(workdir / f"seed{seed}")) for seed in (0, 2)] == [24, 24]
    (workdir / "seed1/config.json").unlink()
    assert trained(tmp_path, *command(pictures, workdir))[0] == 0
    assert_same(workdir, whole[0])


@slow
@on_two_cores
def test_a_mistake_in_the_command_stops_all(pictures, tmp_path):
    words = command("/no/such/folder", tmp_path / "runs", "--seeds=30")
    code, text = trained(tmp_path, *words)
    assert code == 2
    assert text.count("/no/such/folder: no such folder") <= 2
    assert "seed 2, 3 of 30" not in text
    assert not (tmp_path / "runs").exists()


def test_a_link_to_an_empty_folder_stays_where_no_run_begins(tmp_path, monkeypatch):
    (tmp_path / "disk").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "disk")
    monkeypatch.setattr("glcic_jax.train.side_by_side.share_out", lambda count: [Share("all")])
    failing = [sys.executable, "-c", "raise SystemExit(3)"]
    assert train_side_by_side({0: link / "seed0"}, link, failing, 2) == 3
    assert [*link.iterdir()] == []


def test_what_cannot_start_is_refused(tmp_path, monkeypatch):
    base = ["main", "--config=quickstart", "--workdir=x"]
    for words, message in (
        (["--seeds=2", "--at_once=0"], "--at_once 0: give at least 1"),
        (["--at_once=2"], "--at_once and --only_seed are of several seeds: give --seeds N too"),
        (["--only_seed=0"], "give --seeds N too"),
        (
            [
                "--seeds=2",
                "--at_once=2",
                "--coordinator=a:1",
                "--num_processes=2",
                "--process_id=0",
            ],
            "--at_once starts processes itself",
        ),
    ):
        monkeypatch.setattr(sys, "argv", base + words)
        with pytest.raises(UserError, match=message):
            parse()
    with pytest.raises(UserError, match="give it in a shell"):  # or pytest would be started anew
        own_command()
    monkeypatch.setattr("glcic_jax.train.side_by_side.share_out", lambda count: [])
    with lock(tmp_path), pytest.raises(UserError, match="another process is training there"):
        train_side_by_side({0: tmp_path / "seed0"}, tmp_path, ["false"], 2)
