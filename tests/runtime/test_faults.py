"""What becomes of a run when its machine fails: killed, again and again; slow; other devices."""

import json
import os
import subprocess
import sys
from itertools import pairwise

import pytest

from tests.helpers.checkpoints import assert_equal
from tests.helpers.checkpoints import restore as restored
from tests.helpers.kills import kernel, replicated, state_at
from tests.helpers.nodes import ROOT, TOY, records, run_through
from tests.helpers.pictures import make_collection

UPDATES = 100


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_collection(tmp_path_factory.mktemp("faults") / "pictures", 16)


def killed(what, cycles, folder, *more, **variables):
    """The lines of `tests.helpers.kills`, which must end well."""
    command = [
        sys.executable,
        "-m",
        "tests.helpers.kills",
        what,
        "0",
        str(cycles),
        str(folder),
        *more,
    ]
    one_thread = {"OPENBLAS_NUM_THREADS": "1"}  # those of numpy's BLAS would not survive a fork
    environment = os.environ | one_thread | variables
    told = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    return told.stdout.splitlines()


@pytest.mark.slow
def test_killed_in_ten_saves_the_one_before_remains(tmp_path):
    """At ten moments of a save; nothing that was once said to be saved is lost or altered."""
    cycles = [json.loads(line) for line in killed("saves", 10, tmp_path)]
    cut_short = 0
    for before, after in pairwise(cycles):
        assert after["same"]
        lost = after["first"] + 1
        assert after["first"] in (before["last"], before["last"] + 1)
        if after["cut_short"]:
            message = f"the save of step {lost} was cut short: what it left is removed"
            assert after["cut_short"] == [message]
            cut_short += 1
    assert cut_short >= 5
    last = restored(tmp_path, replicated(state_at(0)))
    assert int(last.step) >= cycles[-1]["last"]
    assert_equal(kernel(last), kernel(state_at(int(last.step))))


@pytest.mark.slow
def test_killed_twenty_times_a_run_equals_one_left_alone(pictures, tmp_path):
    """All that is recorded, bit for bit."""
    steps = f"--config.phases.completion={UPDATES}"
    root = f"--config.data.root={pictures}"
    run_through(pictures, tmp_path / "whole", 1, steps, **TOY)
    workdir = tmp_path / "killed"
    slowly = {"TINY_PAUSE": "0.1", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    updates = [int(line) for line in killed("runs", 20, workdir, root, steps, **slowly)]
    assert len(updates) == 20
    assert sum(count > 0 for count in updates) >= 10
    assert "done: open" in (workdir / "log.txt").read_text()
    for kind in ("train", "held_out"):
        assert records(workdir, kind) == records(tmp_path / "whole", kind)
