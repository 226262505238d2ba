"""The provenance of a start: the clone's commit, versions and the command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import glcic_jax
from glcic_jax.runtime.provenance import commit, describe_start, machine


def git(root, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run(["git", "-C", root, *identity, *arguments], check=True, capture_output=True)


def test_a_start_names_program_versions_command_devices_and_data():
    start = describe_start(6, "1 process, 4 x cpu", {"mean pixel": "(0.1, 0.2, 0.3)"})
    assert json.loads(json.dumps(start)) == start
    assert (start["step"], start["version"]) == (6, glcic_jax.__version__)
    assert start["packages"].keys() >= {"jax", "flax", "optax", "numpy"}
    assert start["command"] == [Path(sys.executable).name, *sys.orig_argv[1:]]
    assert start["devices"] == "1 process, 4 x cpu"
    assert start["data"] == {"mean pixel": "(0.1, 0.2, 0.3)"}
    assert start["machine"] == machine()
    assert start["time"].endswith("+00:00")


def test_the_machine_is_that_of_linux_or_what_python_knows(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n")
    assert machine(tmp_path / "cpuinfo") == "4 x Some CPU @ 2 GHz"
    assert machine(tmp_path / "absent").startswith("4 x ")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2})
    assert machine(tmp_path / "cpuinfo") == "1 of 4 x Some CPU @ 2 GHz"


def test_the_commit_is_that_of_the_clone_and_names_changes(tmp_path):
    assert commit(tmp_path) == ""  # no clone
    git(tmp_path, "init")
    assert commit(tmp_path) == ""  # no commit yet
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-m", "a")
    clean = commit(tmp_path)
    assert len(clean) == 40
    (tmp_path / "new").write_text("untracked files do not count")
    assert commit(tmp_path) == clean
    (tmp_path / "a").write_text("2")
    assert commit(tmp_path) == f"{clean}+changes"
    (tmp_path / "inside").mkdir()
    assert commit(tmp_path / "inside") == ""  # an installed package inside somebody's clone
