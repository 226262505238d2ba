"""Finds out what kind of network lies at a place, and explains why there is none."""

from collections.abc import Iterable
from pathlib import Path

from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import CHECKPOINTS, METRICS_FILE, saved_steps
from glcic_jax.runtime.tensor_files import read_safetensors, read_tensors
from glcic_jax.weights.description import CONFIG, is_described
from glcic_jax.weights.exchange import SUFFIX, is_file_name
from glcic_jax.weights.hub import SCHEME
from glcic_jax.weights.pretrained import NAME

RUN, EXCHANGE = "run", "exchange"
"""The kinds that are opened as they are: a run folder, and what `write_exchange` wrote."""

TORCH7, TORCH, SAFETENSORS = "torch7", "torch", "safetensors"
"""The kinds of other programs' files, which `glcic_jax.convert` reads."""

KERNEL = ".kernel"
"""What names of kernels end with in this program's files; in PyTorch's they are weights."""

FOR_OTHERS = {".onnx": "an ONNX model", ".stablehlo": "a StableHLO program"}
"""What `glcic_jax.convert` writes for other programs alone, by the suffix of its files."""


def is_weights(path: Path) -> bool:
    """Returns whether a path holds converted weights, by its suffix or its description."""
    return is_file_name(path) or is_described(path)


def kind_of(address: str | Path, path: Path) -> str:
    """Returns the kind of network that lies at a place; the first bytes of a file show it.

    Args:
      address: as the user wrote it, for messages.
      path: its place on this machine, from `locate`.

    Returns:
      RUN, EXCHANGE, TORCH7, TORCH or SAFETENSORS. A file of weights that is missing or damaged has
      the kind that its name and its surroundings promise.

    Raises:
      UserError: nothing is there, or no network; the line explains what is there instead.
    """
    if str(address).startswith(SCHEME) and not is_described(path):
        raise UserError(
            f"{address}: no network of this program is there, of which glcic_jax.convert writes "
            f"{CONFIG} and a {SUFFIX} file: download its file of weights and convert that"
        )
    if path.is_dir():
        if is_described(path):
            return EXCHANGE
        if saved_steps(path):
            return RUN
        raise _no_network_in(path)
    if path.suffix == SUFFIX and (is_described(path.parent) or not path.exists()):
        return EXCHANGE
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except FileNotFoundError as error:
        raise _nothing_at(address, path) from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    if what := FOR_OTHERS.get(path.suffix):
        raise UserError(
            f"{path}: {what}, which other programs run and this one cannot read: give the run or "
            "the weights that it was made of"
        )
    if start[8:] == b"{":
        return SAFETENSORS
    if start[:2] == b"PK" or start[:1] == b"\x80":  # a zip archive, or a pickle
        return TORCH
    if start[:4] in (b"\3\0\0\0", b"\4\0\0\0"):  # a table or an object
        return TORCH7
    raise _no_weights_in(path)


def unconverted(path: Path, kind: str) -> UserError:
    """Returns the refusal of another program's file where a network is to be opened.

    Args:
      path: the file.
      kind: TORCH7, TORCH or SAFETENSORS.

    Raises:
      UserError: the file is damaged, so that converting it would fail.
    """
    if kind == SAFETENSORS:
        refuse_own(path, read_safetensors(path))
    elif kind == TORCH:
        read_tensors(path)
    if path.suffix == SUFFIX:
        return _undescribed(path)
    return UserError(
        f"{path}: no run folder and no weights of this program: convert the file first: "
        f"python -m glcic_jax.convert {path} FOLDER"
    )


def refuse_own(path: Path, names: Iterable[str]) -> None:
    """Refuses a file of tensors that this program wrote where another program's is expected.

    Args:
      path: the file, which no description lies beside.
      names: of its tensors.

    Raises:
      UserError: the names are this program's.
    """
    if any(name.endswith(KERNEL) for name in names):
        raise UserError(
            f"{path}: weights of this program, but no {CONFIG} beside them describes them: copy "
            "that of their folder too"
        )


def _undescribed(file: Path) -> UserError:
    return UserError(
        f"{file}: no {CONFIG} beside it describes it: copy that of its folder too, or convert the "
        f"file first, if another program wrote it: python -m glcic_jax.convert {file} FOLDER"
    )


def _nothing_at(address: str | Path, path: Path) -> UserError:
    """Explains a place where nothing is: a version that is none, or a wrong name."""
    stem, at, version = str(path).rpartition("@")
    if at and (stem == NAME or Path(stem).exists()):
        return UserError(
            f"{address}: no such file or folder, and @{version} is no version of {stem}: write "
            "@STEP, @best or @last5 behind a run folder"
        )
    shown = address if Path(address) == path else path  # "./pretrained" is not "pretrained"
    return UserError(
        f"{shown}: no such file or folder: give the --workdir of a training, converted weights, "
        f"hf://OWNER/NAME or {NAME}"
    )


def _no_network_in(folder: Path) -> UserError:
    """Explains a folder that is neither a run with a checkpoint nor converted weights."""
    if whole := _whole(folder):
        return UserError(f"{folder} is a part of a run folder: give {whole}, or {whole}@STEP")
    files = sorted(folder.glob(f"*{SUFFIX}"))
    if len(files) == 1:
        return _undescribed(files[0])
    if (folder / METRICS_FILE).exists():
        return UserError(
            f"{folder}: no run folder with a checkpoint: this run has saved none yet; let it train "
            "on to the first"
        )
    return UserError(f"{folder}: no run folder with a checkpoint; give the --workdir of a training")


def _no_weights_in(file: Path) -> UserError:
    """Explains a file that does not begin as a file of weights does."""
    if whole := _whole(file):
        return UserError(f"{file} is a part of {whole}: give that folder")
    if not file.stat().st_size:
        return UserError(f"{file}: the file is empty: get it anew")
    return UserError(
        f"{file}: not a known file of weights, or damaged at its beginning: python -m "
        "glcic_jax.convert --help lists those that are; if it is one, get it anew"
    )


def _whole(path: Path) -> Path | None:
    """Returns the folder of the run or of the weights that a path is a part of; None = of none."""
    for folder in path.parents:
        if path.relative_to(folder).parts[0] in (CHECKPOINTS, CONFIG) and (
            saved_steps(folder) or is_described(folder)
        ):
            return folder
    return None
