"""Config files: found by path and by name, imported wherever one stands, and their mistakes."""

import subprocess
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from glcic_jax.runtime.errors import UserError
from glcic_jax.settings.config_files import (
    read_config_file,
    shipped_names,
    split_address,
)

ROOT = Path(__file__).parents[2]
OWN = """
from configs import places2

def get_config(width="8"):
    config = places2.get_config()
    config.width = int(width)
    return config
"""


def test_a_name_stands_for_the_config_that_ships(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert read_config_file("places2").width == 64
    assert read_config_file("pconv_places2:256").data.crop == 256
    assert read_config_file(str(ROOT / "configs" / "reduced.py")).method == "glcic"
    assert shipped_names() == sorted(p.stem for p in (ROOT / "configs").glob("[!_]*.py"))


def test_a_file_of_ones_own_builds_on_those_that_ship(monkeypatch, tmp_path):
    (tmp_path / "configs").mkdir()  # which hides nothing
    (tmp_path / "configs" / "mine.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    assert read_config_file("configs/mine.py").width == 8
    assert read_config_file("configs/mine.py:16").width == 16
    (tmp_path / "configs" / "other.py").write_text(OWN.replace("places2", "mine"))
    assert read_config_file("configs/other.py:2").width == 2
    (tmp_path / "configs" / "_common.py").write_text("raise RuntimeError")
    assert read_config_file("reduced").width == 16  # finds its own siblings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def get_config():\n    return undefined\n", "line 2: NameError: name 'undefined'"),
        ("def get_config(:\n", "SyntaxError"),
        ("x = 1\n", "KeyError: 'get_config'"),
        ("def get_config():\n    return 3\n", "get_config returns no ConfigDict"),
        ("import no_such_module_here\n", "line 1: ModuleNotFoundError"),
    ],
)
def test_a_file_that_cannot_be_run_is_named_with_its_line(tmp_path, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_config_file(str(path))
    assert str(caught.value).startswith(f"{path}")
    assert message in str(caught.value)
    assert str(caught.value).endswith("mend the config file")


@pytest.mark.parametrize(
    ("address", "file", "argument"),
    [
        ("finetune:pretrained", "finetune", "pretrained"),
        ("configs/finetune.py:runs/a", "configs/finetune.py", "runs/a"),
        ("places2", "places2", None),
        ("places2:", "places2", ""),
        (r"C:\mine\finetune.py", r"C:\mine\finetune.py", None),
        (r"C:\mine\finetune.py:D:\runs\a", r"C:\mine\finetune.py", r"D:\runs\a"),
    ],
)
def test_the_colon_of_a_drive_begins_no_argument(address, file, argument):
    assert split_address(address, PureWindowsPath) == (file, argument)
    if not file.startswith("C:"):
        assert split_address(address, PurePosixPath) == (file, argument)


def test_what_is_not_there_is_named():
    with pytest.raises(UserError, match=r"configs/nope.py: no such file"):
        read_config_file("configs/nope.py")
    with pytest.raises(UserError, match=r"nope: no such config: name a file, or one of .*places2"):
        read_config_file("nope")
    with pytest.raises(UserError, match=r"_common: no such config"):
        read_config_file("_common")


@pytest.mark.slow
def test_the_configs_come_with_an_installed_package(tmp_path):
    """Installs the package into a folder, and reads a config from elsewhere."""
    copy, site = tmp_path / "copy", tmp_path / "site"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(copy)], check=True)
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site)]
    done = subprocess.run([*install, str(copy)], capture_output=True, text=True, check=False)
    if done.returncode and "No matching distribution found for setuptools" in done.stderr:
        pytest.skip("building needs setuptools from an index, which cannot be reached")
    assert done.returncode == 0, done.stderr
    code = (
        "from glcic_jax.settings.config_files import read_config_file, shipped_folder\n"
        "print(shipped_folder(), read_config_file('reduced').width)"
    )
    environment = {"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"}
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert out.stdout.split() == [str(site / "glcic_jax" / "configs"), "16"]
