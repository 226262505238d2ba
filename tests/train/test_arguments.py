"""The command's arguments: mistakes in one line, missing flags, and types."""

import sys
from pathlib import Path

import pytest

from glcic_jax.main import main, parse
from tests.helpers.runs import write_pictures

CONFIG = str(Path(__file__).parents[2] / "configs/places2.py")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config.data.batch=32"], "--config.data.batch: the config has no such field; the "
         "nearest is --config.data.batch_size"),
        (["--config.data.batch_size=many"], "config.data.batch_size"),
        (["--config.seed=x"], "config.seed"),
        (["extra"], '"extra" is not a flag'),
        (["--confg=x"], '"--confg=x" is not a flag'),
        (["--config.data.root=/no/such/folder"], "/no/such/folder: no such folder"),
        (["--config.data.batch_size=6"], "a batch of 6 does not divide over 4 devices"),
        (["--config.holes.longest=300"], "holes of up to 300 pixels do not fit 256x256 pixels"),
        (["--config.data.crop=300"], "a crop of 300 pixels does not fit"),
        (["--config.local_patch=300"], "local_patch of 300 pixels does not fit a crop of 256"),
        (["--config.method=gan"], 'method is "gan": choose glcic'),
        (["--config.init_from=/no/run"], "init_from: /no/run: no such file or folder"),
    ],
)  # fmt: skip
def test_mistakes_get_one_line_and_exit_code_2(
    arguments, message, tmp_path, pictures, capsys, monkeypatch
):
    workdir = tmp_path / "run"
    base = ["main", "--config", CONFIG, "--workdir", str(workdir)]
    if not any("data.root" in argument for argument in arguments):
        base.append(f"--config.data.root={pictures}")
    monkeypatch.setattr(sys, "argv", base + arguments)
    assert main() == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert len(error.splitlines()) == 1
    assert not workdir.exists()


@pytest.mark.parametrize("arguments", [[], ["--config", CONFIG], ["--workdir", "x"]])
def test_missing_flags_are_named(arguments, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["main", *arguments])
    assert main() == 2
    assert "write --config FILE --workdir DIR" in capsys.readouterr().err


def test_a_missing_config_file_is_named(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["main", "--config", "configs/nope.py", "--workdir", "x"])
    assert main() == 2
    assert "configs/nope.py" in capsys.readouterr().err


def test_overrides_keep_their_types(monkeypatch):
    overrides = ["data.batch_size=32", "data.resize=(128,192)", "optimizer.learning_rate=1"]
    argv = ["main", "--config", CONFIG, "--workdir", "runs/x"]
    monkeypatch.setattr(sys, "argv", argv + [f"--config.{text}" for text in overrides])
    config, workdir, *_ = parse()
    assert (config.data.batch_size, tuple(config.data.resize)) == (32, (128, 192))
    assert isinstance(config.optimizer.learning_rate, float)
    assert workdir == Path("runs/x")
