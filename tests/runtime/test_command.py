"""Tests of the command `glcic`, as it is installed."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from glcic_jax.__main__ import COMMANDS
from glcic_jax.complete.__main__ import main as complete
from glcic_jax.convert.__main__ import main as convert
from glcic_jax.evaluate.__main__ import main as evaluate
from glcic_jax.main import make_parser
from glcic_jax.masks.__main__ import main as masks
from glcic_jax.prepare.__main__ import main as prepare
from glcic_jax.runtime.launchers import FLAGS, Cluster
from glcic_jax.runtime.version import VERSION

ROOT = Path(__file__).parents[2]
ENTRY = "import sys; from glcic_jax.__main__ import main; sys.exit(main())"


def glcic(*arguments):
    """Runs the function that the installed script calls, from the project's folder."""
    command = [sys.executable, "-c", ENTRY, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_it_lists_its_commands():
    listed = glcic("--help")
    module = subprocess.run(
        [sys.executable, "-m", "glcic_jax"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert module.stdout == listed.stdout
    assert listed.returncode == 0
    assert all(f"\n  {name} " in listed.stdout for name in COMMANDS)
    assert glcic().stdout == listed.stdout


def test_an_unknown_command_is_refused_in_one_line():
    refused = glcic("paint")
    assert refused.returncode == 2
    assert refused.stderr == f'error: glcic has no command "paint": choose {", ".join(COMMANDS)}\n'


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example_in_its_help(name):
    folder = ROOT / "glcic_jax" / COMMANDS[name][0]
    path = folder / "__main__.py" if folder.is_dir() else folder.with_suffix(".py")
    module = ast.parse(path.read_text())
    assert f"python -m glcic_jax.{COMMANDS[name][0]} " in (ast.get_docstring(module) or "")


def by_module(module, *arguments):
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_help_calls_a_command_as_the_user_did():
    shown = glcic("complete", "--help").stdout
    assert shown.startswith("usage: glcic complete [-h]")
    assert "\nglcic complete --image" in shown
    assert "python -m" not in shown
    shown = by_module("glcic_jax.complete", "--help").stdout
    assert shown.startswith("usage: python -m glcic_jax.complete [-h]")
    assert "\npython -m glcic_jax.complete --image" in shown
    refused = glcic("masks", "--kinds").stderr
    assert refused.startswith("usage: glcic masks ")
    assert "\nglcic masks: error: " in refused


def test_help_calls_an_experiment_by_its_own_name_and_explains_flags_of_several_processes():
    usage = make_parser("about", "experiments.ablation").format_usage()
    assert usage.startswith("usage: python -m experiments.ablation ")
    shown = " ".join(make_parser().format_help().split())
    assert "--process_id I which of them this is, from 0 on" in shown
    assert tuple(FLAGS) == Cluster._fields


def test_the_version_is_printed():
    line = f"glcic_jax {VERSION}\n"
    assert glcic("--version").stdout == glcic("masks", "--version").stdout == line
    assert by_module("glcic_jax", "--version").stdout == line
    assert by_module("glcic_jax.complete", "--version").stdout == line


def test_a_command_gets_its_arguments_and_gives_its_exit_code():
    refused = glcic(
        "complete", "--checkpoint", "x", "--image", "no", "--mask", "no", "--output", "o"
    )
    assert refused.returncode == 2
    assert refused.stderr == "error: no: no such file or folder\n"


LONG = "a" * 300
"""A name that no disk takes."""


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (complete, ["--image", LONG, "--mask", "m", "--output", "o"]),
        (complete, ["--image", __file__, "--mask", LONG, "--output", "o"]),
        (complete, ["--image", __file__, "--mask", __file__, "--output", LONG]),
        (convert, [LONG, "o"]),
        (convert, ["pretrained", LONG]),
        (evaluate, ["--methods", LONG, "--data", ".", "--masks", "box", "--output", "o"]),
        (evaluate, ["--methods", "mean", "--data", LONG, "--masks", "box", "--output", "o"]),
        (evaluate, ["--methods", "mean", "--data", ".", "--masks", "box", "--output", LONG]),
        (masks, ["--kind", "box", "--size", "8", "--count", "1", "--output", LONG]),
        (prepare, ["--source", LONG, "--output", "o"]),
    ],
)
def test_a_name_that_no_disk_takes_gets_one_line(command, arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert list(tmp_path.iterdir()) == []


def test_a_dash_in_a_name_may_stand_for_an_underscore():
    refused = glcic("compare-runs", "runs/none")
    message = "error: give 2 to 8 run folders, not 1; glcic report takes any number\n"
    assert (refused.returncode, refused.stderr) == (2, message)


def test_training_finds_configs_that_import_each_other(tmp_path):
    refused = glcic("train", "--config", "configs/facades.py", "--workdir", str(tmp_path / "run"))
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: init_from: runs/places2: no such file or folder")


def test_the_project_names_the_command_and_every_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"glcic": "glcic_jax.__main__:main"}
    dynamic = project["tool"]["setuptools"]["dynamic"]["optional-dependencies"]
    files = {path.stem.partition("-")[2] for path in ROOT.glob("requirements-*.txt")}
    assert set(dynamic) == files - {"run", "cuda", "release"}
    assert "py.typed" in project["tool"]["setuptools"]["package-data"]["glcic_jax"]
    assert (ROOT / "glcic_jax" / "py.typed").is_file()


def test_the_citation_is_of_this_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools_scm"]["fallback_version"] == VERSION
    lines = (ROOT / "CITATION.cff").read_text().splitlines()
    assert f"version: {VERSION}" in lines
    assert "license: MIT" in lines
