"""Training and saving that are killed again and again, at moments that a seed draws.

    python -m tests.helpers.kills saves|runs SEED CYCLES FOLDER [--FLAG=VALUE ...]

Every cycle is a fork of one process that has imported everything, and starts within a second.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import jax
import numpy as np

from glcic_jax import main
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.run_folder import steps_cut_short
from glcic_jax.types import NetworkState, TrainState
from glcic_jax.weights.checkpoint import Checkpoints
from tests.helpers import tiny

SAVE_SECONDS = 0.05
"""That a save takes, about."""


def forked(work):
    """The id of a process that does `work`, and a file of what it prints."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return child, os.fdopen(reader)
    os.dup2(writer, 1)
    code = 1
    try:
        code = work() or 0
    finally:
        sys.stdout.flush()
        os._exit(code)


def kill(child):
    """Its exit code; negative: it was killed."""
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def state_at(step):
    """256 KiB that only this step has."""
    rng = np.random.default_rng(step)
    params = {"kernel": rng.normal(size=(256, 256)).astype(np.float32)}
    return TrainState(jax.numpy.asarray(step), {"completion": NetworkState(params, {}, ())})


def save_on(folder):
    """Restores the latest, then saves what follows; says when each is sure to be on the disk."""
    cut_short = []
    with Checkpoints(folder, keep=2, report=cut_short.append) as checkpoints:
        like = replicated(state_at(0))
        state = checkpoints.restore_latest(like)
        first = 0 if state is None else int(state.step)
        same = state is None or np.array_equal(kernel(state), kernel(state_at(first)))
        print(json.dumps({"first": first, "same": same, "cut_short": cut_short}), flush=True)
        for step in range(first + 1, 10**6):
            checkpoints.save(step, state_at(step), about={}, metrics={})
            checkpoints.wait()
            print(step, flush=True)


def replicated(state):
    return jax.tree.map(jax.numpy.asarray, state)


def kernel(state):
    return np.asarray(state.networks["completion"].params["kernel"])


def saves(rng, cycles, folder):
    """A line of JSON for each cycle: what `save_on` found, and the last step it was sure of."""
    for _ in range(cycles):
        child, told = forked(lambda: save_on(folder))
        found = json.loads(told.readline())
        sure = [int(told.readline()) for _ in range(rng.integers(1, 4))]
        while not steps_cut_short(folder):
            assert os.waitpid(child, os.WNOHANG) == (0, 0)
            time.sleep(0.001)
        time.sleep(rng.uniform(0, SAVE_SECONDS))
        assert kill(child) == -signal.SIGKILL
        sure += [int(line) for line in told]
        print(json.dumps(found | {"last": sure[-1]}), flush=True)


def runs(rng, cycles, folder, *flags):
    """A line for each cycle: how many updates were told of.

    Two in three are killed some updates on, the others while they start. After them one more is
    left to end by itself.
    """
    METHODS["toy"] = METHODS["glcic"]._replace(build=tiny.toy)
    sys.argv = ["main", "--config", tiny.__file__, f"--workdir={folder}", *flags]
    for cycle in range(cycles):
        child, told = forked(lambda: main.main(tiny.run))
        seen, wanted = [], rng.integers(1, 7) if cycle % 3 else 0
        while len(seen) < wanted and (line := told.readline()):
            seen += [line] * (" mse " in line)
        time.sleep(rng.uniform(0, 0.2 if wanted else 2))
        assert kill(child) == -signal.SIGKILL
        print(len(seen) + sum(" mse " in line for line in told), flush=True)
    child, told = forked(lambda: main.main(tiny.run))
    told.read()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    assert len([*Path("/proc/self/task").iterdir()]) == 1, "threads do not survive a fork"
    what, seed, cycles, folder, *flags = sys.argv[1:]
    work = {"saves": saves, "runs": runs}[what]
    work(np.random.default_rng(int(seed)), int(cycles), Path(folder), *flags)
