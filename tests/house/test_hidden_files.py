"""Every command that lists pictures passes over the files that systems hide among them."""

from pathlib import Path

import numpy as np
import pytest

from glcic_jax.complete.pairing import find_pictures
from glcic_jax.data.sources import SOURCES
from glcic_jax.evaluate.examples import Examples
from glcic_jax.masks.kinds import MaskFiles
from glcic_jax.pictures.decode import write_picture
from glcic_jax.prepare.layouts import LAYOUTS
from glcic_jax.user_study.pictures import Pictures

LIMITS = {"min_edge": 1, "max_bad_fraction": 0.0}


def trained_on(folder):
    split = SOURCES["folder"](str(folder), held_out=0.5, **LIMITS)
    return {Path(part.name(i)).name for part in split[:2] for i in range(len(part))}


def shown(folder):
    order = Pictures(folder, folder.parent / "completed").order("ann", 0)
    return {picture.name for picture in order if picture.truth == "real"}


LISTINGS = {
    "train": trained_on,
    "prepare": lambda folder: {entry.name for entry in LAYOUTS["folder"](folder)},
    "masks": lambda folder: set(MaskFiles(folder=str(folder), flip=False).names),
    "complete": lambda folder: {path.name for path in find_pictures(folder) or ()},
    "evaluate": lambda folder: set(Examples(folder, "center").names),
    "evaluate, masks": lambda folder: {path.name for path in Examples(folder, str(folder))._files},
    "user_study": shown,
}


@pytest.fixture
def folder(tmp_path):
    """Two pictures, what macOS leaves beside one of them, and a hidden folder of thumbnails."""
    picture = np.zeros((16, 16, 3), np.uint8)
    for name in ("real/0.png", "real/1.png", "real/.thumbs/2.png", "completed/3.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_picture(path, picture)
    for name in ("real/._0.png", "completed/._3.png"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    return tmp_path / "real"


@pytest.mark.parametrize("command", LISTINGS)
def test_names_that_begin_with_a_dot_are_passed_over(folder, command):
    assert LISTINGS[command](folder) == {"0.png", "1.png"}
