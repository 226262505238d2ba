"""The wheel in an empty environment outside the clone: what it installs, imports and does."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

from glcic_jax.pictures.decode import decode, write_picture
from glcic_jax.runtime.extras import EXTRAS, TRAIN
from tests.helpers.pictures import photograph

ROOT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "glcic_jax", "configs")

OWN = {"jax", "numpy", "opencv-python-headless", "pillow", "jaxtyping", "tqdm", "safetensors",
       "flatbuffers"}  # fmt: skip
"""The packages of requirements-run.txt."""

BROUGHT = {"jaxlib", "scipy", "ml-dtypes", "opt-einsum", "wadler-lindig"}
"""Those that JAX and jaxtyping bring along."""

MOST_MIB = 850
"""790 with JAX 0.10.2, of which JAX takes 600, with SciPy and NumPy, and OpenCV 150."""

ASK = """
import json, sys
from importlib import metadata
import glcic_jax
import numpy as np

mask = np.zeros((40, 50), bool)
mask[10:20, 10:20] = True
glcic_jax.load()(np.full((40, 50, 3), 99, np.uint8), mask)
names = [d.metadata["Name"].lower().replace("_", "-") for d in metadata.distributions()]
print(json.dumps({"distributions": names, "modules": list(sys.modules), "at": glcic_jax.__file__}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The bin folder of an empty environment with the wheel of the sources without their git."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    sources.mkdir()
    for name in (*SOURCES, *(path.name for path in ROOT.glob("requirements*.txt"))):
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, sources / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, sources / name)
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    programs = environment / ("Scripts" if sys.platform == "win32" else "bin")
    pip = (programs / "python", "-m", "pip", "--quiet", "--disable-pip-version-check")
    subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, sources], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", wheel], check=True)
    shutil.rmtree(sources)
    return programs


def run(program, *arguments, cwd):
    """Runs a program of the environment where no clone is in sight."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        [program, *map(str, arguments)],
        cwd=cwd, env=kept, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow  # installs from the package index
def test_a_photograph_is_completed(installed, tmp_path):
    picture = photograph(0, 96, 80)
    write_picture(tmp_path / "photo.png", picture)
    words = ("complete", "--image", "photo.png", "--box", "20,30,24,20", "--output", "out.png")
    done = run(installed / "glcic", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    changed = (decode(tmp_path / "out.png") != picture).any(axis=2)
    assert changed[30:50, 20:44].mean() > 0.5
    assert changed.sum() == changed[30:50, 20:44].sum()


@pytest.mark.slow
def test_no_more_is_installed_and_imported_than_that_needs(installed, tmp_path):
    done = run(installed / "python", "-c", ASK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert Path(found["at"]).is_relative_to(installed.parent)
    assert set(found["distributions"]) - {"pip", "setuptools"} == {"glcic-jax"} | OWN | BROUGHT
    imported = {name.partition(".")[0] for name in found["modules"]}
    assert not imported & {module for module, extra in EXTRAS.items() if extra == TRAIN}
    assert not imported & {"scipy", "tqdm"}
    size = sum(path.stat().st_size for path in installed.parent.rglob("*") if path.is_file())
    assert size / 2**20 < MOST_MIB


@pytest.mark.slow
def test_both_names_of_the_command_have_its_version_and_its_refusals(installed, tmp_path):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools_scm"]
    commands = ((installed / "glcic",), (installed / "python", "-m", "glcic_jax"))
    for command in commands:
        done = run(*command, "--version", cwd=tmp_path)
        assert done.stdout == f"glcic_jax {version['fallback_version']}\n"
        done = run(*command, "train", "--config", "places2", "--workdir", "run", cwd=tmp_path)
        (line,) = done.stderr.splitlines()
        assert done.returncode == 2
        assert 'pip install "glcic_jax[train]"' in line
    assert not list(tmp_path.iterdir())
