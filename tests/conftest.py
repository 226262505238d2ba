"""Four virtual CPU devices, and programs that are compiled once for all tests and subprocesses."""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from importlib.util import find_spec

if "PYTEST_XDIST_WORKER" not in os.environ:  # workers share that of the process they belong to
    cache = tempfile.mkdtemp(prefix="glcic_jax_tests_")
    atexit.register(shutil.rmtree, cache, ignore_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = cache
    os.environ["XDG_CACHE_HOME"] = f"{cache}/users"  # tests leave the user's alone
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.3"
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what is in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # commands under test inherit it

import jax
import pytest
from absl import flags

jax.config.update("jax_num_cpu_devices", 4)
flags.FLAGS.mark_as_parsed()  # grain's worker processes read flags of their own


LONGEST = (
    "test_train_step.py",
    "test_main.py",
    "test_ambient_gan.py",
    "test_nodes.py",
    "test_joining.py",
)
"""Begun first: a worker that is left with one of them at the end keeps the others waiting."""


OF_SHARDS = (
    "test_left_out.py",
    "test_mixed_shards.py",
    "test_prepare.py",
    "test_prepare_refusals.py",
    "test_shards.py",
    "test_stored_form.py",
)
"""What writes or reads shards throughout: array-record has no package for Windows."""


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name not in LONGEST)
    if find_spec("array_record") is None:
        absent = pytest.mark.skip(reason="shards need array-record, which is not installed")
        for item in items:
            if item.path.name in OF_SHARDS or "[shards" in item.name:
                item.add_marker(absent)


@pytest.fixture(autouse=True)
def signals_as_before():
    """Undoes what a command that ran in the tests' own process made of signals."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 4 MiB, in memory: one that can be full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system takes root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)
