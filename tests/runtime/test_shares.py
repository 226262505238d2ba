"""The machine shared out among processes: GPUs and cores, as JAX would find them."""

import os
import sys

import pytest

from glcic_jax.runtime import shares
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.shares import Share, share_out, start_on


@pytest.fixture
def machine(monkeypatch):
    """Sets what JAX finds, the numbers of the cores, and what a scheduler gave."""

    def found(platform, count, cores=(0,), visible=None):
        monkeypatch.setattr(shares, "_probe", lambda: (platform, count))
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(cores), raising=False)
        monkeypatch.delenv(shares.VISIBLE, raising=False)
        if visible is not None:
            monkeypatch.setenv(shares.VISIBLE, visible)

    return found


def test_gpus_are_dealt_out_in_equal_numbers(machine):
    machine("gpu", 7)
    dealt = share_out(3)
    assert [share.variables[shares.VISIBLE] for share in dealt] == ["0,1", "2,3", "4,5"]
    assert [share.name for share in dealt] == ["GPUs 0, 1", "GPUs 2, 3", "GPUs 4, 5"]
    assert not any(share.cores for share in dealt)


@pytest.mark.parametrize("visible", ["5,7", "GPU-1e2f,GPU-3a4b"])
def test_gpus_keep_the_names_that_a_scheduler_gave_them(machine, visible):
    machine("gpu", 2, visible=visible)
    assert [share.variables[shares.VISIBLE] for share in share_out(2)] == visible.split(",")


def test_every_core_is_of_one_process(machine):
    machine("cpu", 1, cores=(1, 4, 5, 6, 9))
    dealt = [sorted(share.cores) for share in share_out(2)]
    assert dealt == [[1, 4], [5, 6, 9]]
    assert [share.name for share in share_out(5)] == [f"core {core}" for core in (1, 4, 5, 6, 9)]


def test_more_processes_than_devices_are_refused(machine):
    machine("gpu", 1)
    with pytest.raises(UserError, match="--at_once 2: this process has 1 GPUs: give at most 1"):
        share_out(2)
    machine("cpu", 4, cores=(0, 1))  # virtual devices are no cores
    with pytest.raises(UserError, match="has 2 cores"):
        share_out(3)
    machine("tpu", 4)
    with pytest.raises(UserError, match="not tpus"):
        share_out(2)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system binds to no cores")
def test_a_process_sees_its_share_and_the_caller_keeps_its_own():
    before = os.sched_getaffinity(0)
    core = min(before)
    code = f"import os; print(os.sched_getaffinity(0), os.environ['{shares.VISIBLE}'])"
    share = Share("", frozenset({core}), {shares.VISIBLE: "3"})
    with start_on(share, [sys.executable, "-c", code], {}) as process:
        assert process.stdout is not None
        assert process.stdout.read() == f"{{{core}}} 3\n"
    assert os.sched_getaffinity(0) == before


@pytest.mark.slow
def test_jax_is_asked_in_a_process_of_its_own(monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "3")
    assert shares._probe() == ("cpu", 3)
    monkeypatch.setenv("JAX_PLATFORMS", "abacus")
    with pytest.raises(UserError, match=r"JAX finds no device here: .*abacus"):
        shares._probe()
