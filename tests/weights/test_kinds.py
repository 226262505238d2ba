"""What is no network is refused in one line that explains what is there, and what to do."""

import pickle
import re
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save

from glcic_jax.convert.__main__ import SUFFIXES
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.address import open_trained
from glcic_jax.weights.exchange import SUFFIX
from glcic_jax.weights.kinds import FOR_OTHERS, RUN, is_weights, kind_of

DESCRIPTION = '{"format": "glcic_jax weights", "weights": "model.safetensors"}'


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Goes to a folder with `run` (steps 3 and 5), `one` (step 5) and `weights`, without arrays."""
    monkeypatch.chdir(tmp_path)
    for folder in ("run/checkpoints/3", "run/checkpoints/5", "one/checkpoints/5", "weights"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "run/config.json").write_text("{}")
    (tmp_path / "weights/config.json").write_text(DESCRIPTION)
    return tmp_path


def refusal(address, *args, **kwargs):
    with pytest.raises(UserError) as refused:
        open_trained(address, *args, **kwargs)
    (line,) = str(refused.value).splitlines()
    return line


# Versions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("one@last2", "the run holds one checkpoint, of step 5: name one@5, or train on with"),
        ("run@last3", "the run holds 2 checkpoints, of [3, 5]: name run@last2 at most, or train"),
        ("run@last0", "run@last0: a mean of no checkpoints: name at least last1"),
        ("run@Best", "run@Best: no such file or folder, and @Best is no version of run: write"),
        ("run@latest", "@latest is no version of run: write @STEP, @best or @last5"),
        ("pretrained@newest", "@newest is no version of pretrained"),
        ("nowhere@best", "nowhere: no such file or folder: give the --workdir of a training"),
    ],
)
def test_versions_that_a_run_does_not_have(place, address, line):
    assert line in refusal(address)


@pytest.mark.parametrize("address", ["pretrained", "weights"])
@pytest.mark.parametrize("version", ["best", "last2", "5"])
def test_networks_that_are_no_run_have_no_versions(place, address, version):
    line = refusal(f"{address}@{version}")
    assert line == f"{address} holds one network, not a run's checkpoints: leave @{version} out"
    assert (
        refusal(address, 5)
        == f"{address} holds one network, not a run's checkpoints: leave the step out"
    )
    assert (
        refusal(address, best=True)
        == f"{address} holds one network, not a run's checkpoints: leave best out"
    )


def test_a_folder_named_pretrained_goes_first_with_a_version_too(place):
    (place / "one").rename(place / "pretrained")
    assert "the run holds one checkpoint, of step 5: name pretrained@5" in refusal(
        "pretrained@last2"
    )


# Files -------------------------------------------------------------------------------------------

ZIP = b"PK\3\4 and no more"
ARRAYS = save({})
OWN = save({"layer1.conv.kernel": np.zeros((3, 3), np.float32)})

FILES = [
    ("net.onnx", b"\x08\x08", "an ONNX model, which other programs run and this one cannot read"),
    ("net.stablehlo", b"\4\0\0\0", "a StableHLO program, which other programs run"),
    ("net.ckpt", ZIP, "not a file of weights, or damaged: its end is missing: get it anew"),
    ("net.pth", b"\x80\2cut", "not a file of weights, or damaged: .* get it anew"),
    ("net.pt", b"", "the file is empty: get it anew"),
    ("net.pth", bytes(100), "not a known file of weights, or damaged at its beginning"),
    ("net.txt", b"Dear diary", "not a known file of weights, or damaged at its beginning"),
    ("net.safetensors", b"cut", "not a known file of weights, or damaged at its beginning"),
    ("net.safetensors", ARRAYS[:8] + b"{", "not a safetensors file, or damaged: .* get it anew"),
    ("net.safetensors", ARRAYS, "no config.json beside it describes it: copy that .* or convert"),
    ("net.safetensors", OWN, "weights of this program, but no config.json beside them describes"),
    ("net.t7", b"\3\0\0\0", "convert the file first: python -m glcic_jax.convert net.t7 FOLDER"),
    ("net.pth", pickle.dumps({}), "convert the file first: python .* net.pth FOLDER"),
]


@pytest.mark.parametrize(("name", "content", "line"), FILES)
def test_files_that_cannot_be_opened(place, name, content, line):
    (place / name).write_bytes(content)
    assert re.search(f"^{name}: (.*: )?{line}", refusal(name))


def test_an_archive_of_something_else(place):
    with zipfile.ZipFile("net.npz", "w") as archive:
        archive.writestr("a.npy", "")
    assert "damaged: it is a zip archive without PyTorch's data.pkl: get it" in refusal("net.npz")


def test_other_programs_files_have_no_versions(place):
    (place / "net.pth").write_bytes(ZIP)
    assert (
        refusal("net.pth@best")
        == "net.pth holds one network, not a run's checkpoints: leave @best out"
    )


def test_every_suffix_that_is_written_is_opened_converted_or_explained():
    assert {"", SUFFIX, ".pth", ".pt"} | FOR_OTHERS.keys() == set(SUFFIXES)


# Folders -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("run/checkpoints", "run/checkpoints is a part of a run folder: give run, or run@STEP"),
        ("run/checkpoints/5", "run/checkpoints/5 is a part of a run folder: give run, or"),
        ("run/config.json", "run/config.json is a part of run: give that folder"),
        ("weights/config.json", "weights/config.json is a part of weights: give that folder"),
        ("alone", "alone/model.safetensors: no config.json beside it describes it"),
        ("young", "young: no run folder with a checkpoint: this run has saved none yet"),
        ("empty", "empty: no run folder with a checkpoint; give the --workdir of a training"),
        ("./pretrained", "./pretrained: no such file or folder: give the --workdir of"),
        ("net.onnx", "net.onnx: no such file or folder"),
    ],
)
def test_folders_and_parts_of_folders(place, path, line):
    for folder in ("alone", "young", "empty"):
        (place / folder).mkdir()
    (place / "alone/model.safetensors").write_bytes(ARRAYS)
    (place / "young/metrics.jsonl").touch()
    assert line in refusal(path)


def test_a_run_may_have_the_name_of_a_file_of_weights(place):
    folder = (place / "run").rename(place / "run.safetensors")
    assert kind_of(folder, folder) == RUN
    assert not is_weights(folder)


def test_a_repository_without_weights_of_this_program_is_named_by_its_address(place):
    with pytest.raises(UserError, match="^hf://a/b: no network of this program is there"):
        kind_of("hf://a/b", place / "run")
