"""Nothing that POSIX systems alone have is needed to import the package, and to complete."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from glcic_jax.pictures.decode import decode, write_picture
from tests.helpers.ports import write_plain_chain

ROOT = Path(__file__).parents[2]

HIDE = """
import os, signal, sys, warnings
for name in ("fcntl", "resource", "termios", "pwd", "grp"):
    sys.modules[name] = None
for module, names in (
    (os, "fork forkpty getuid geteuid getpgid killpg setsid sched_getaffinity statvfs"),
    (signal, "SIGHUP SIGUSR1 SIGSTOP SIGCONT pthread_sigmask"),
):
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
warnings.filterwarnings("error", category=EncodingWarning, module="glcic_jax")
"""
"""Hides what Windows lacks, before anything else is imported, and refuses text files in the
system's own encoding, which is not UTF-8 there."""

IMPORT = """
import importlib
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:  # an extra that is not installed
        if error.name in (*sys.modules, None) or error.name.startswith("glcic_jax"):
            raise
"""

RUN = "from glcic_jax.{}.__main__ import main; sys.exit(main(sys.argv[1:]))"


def hidden(code, *arguments):
    """Runs Python's code in a new process from which POSIX is hidden."""
    command = [sys.executable, "-X", "warn_default_encoding", "-c", f"{HIDE}\n{code}"]
    command += map(str, arguments)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture
def example(tmp_path):
    """A folder of one noisy picture and a folder of its mask."""
    picture = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    hole = np.zeros_like(picture)
    hole[8:12, 8:16] = 255
    for folder, pixels in (("data", picture), ("masks", hole)):
        (tmp_path / folder).mkdir()
        write_picture(tmp_path / folder / "é.png", pixels)
    return tmp_path


def test_every_module_is_imported():
    paths = [path.relative_to(ROOT) for path in (ROOT / "glcic_jax").rglob("*.py")]
    names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths]
    assert "glcic_jax.runtime.locks" in names
    hidden(IMPORT, *sorted(names))


def test_a_fill_and_an_outside_program_complete(example):
    program = example / "program.py"
    program.write_text("import shutil, sys; shutil.copy(sys.argv[1], sys.argv[3])", "utf-8")
    outside = f"copy=cmd:{sys.executable} {program} {{image}} {{mask}} {{output}}"
    flags = ["--data", example / "data", "--masks", example / "masks"]
    hidden(RUN.format("evaluate"), "--methods", "telea", outside, *flags, "--output", example / "r")
    results = json.loads((example / "r" / "results.json").read_text("utf-8"))
    assert set(results["scores"]) == {"telea", "copy"}


@pytest.mark.slow  # a new process compiles
def test_a_network_completes(example):
    network = write_plain_chain(example / "network")
    flags = ["--image", example / "data" / "é.png", "--mask", example / "masks" / "é.png"]
    output = example / "out.png"
    hidden(RUN.format("complete"), "--checkpoint", network, *flags, "--output", output)
    completed, picture = decode(output), decode(example / "data" / "é.png")
    changed = (completed != picture).any(axis=2)
    assert changed[8:12, 8:16].mean() > 0.5
    assert changed.sum() == changed[8:12, 8:16].sum()
