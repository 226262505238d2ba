"""No command sees a file or folder whose name begins with a dot, such as macOS's `._a.png`."""

import importlib
import re
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

import glcic_jax
from experiments import limits
from glcic_jax.complete.pairing import plan
from glcic_jax.data.mixture import named_sets
from glcic_jax.data.sources import SOURCES, Files
from glcic_jax.evaluate.examples import Examples
from glcic_jax.masks.files import MaskFiles
from glcic_jax.prepare.layouts import LAYOUTS
from glcic_jax.runtime.errors import UserError
from glcic_jax.user_study.pictures import Pictures
from tests.helpers.downloads import MINIATURES, plant, plant_cifar

NAMES = ("a.png", "b.png", "deep/c.png", "deep/d.png")


def save(path, *, of_masks):
    """Writes a picture, or a mask: a hole in the middle."""
    image = np.zeros((8, 8, 3), np.uint8)
    image[2:6, 2:6] = 255 if of_masks else 99
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Goes to a folder with `pictures`, `masks` and `completed` of the same names."""
    monkeypatch.chdir(tmp_path)
    for folder in ("pictures", "masks", "completed"):
        for name in NAMES:
            save(tmp_path / folder / name, of_masks=folder == "masks")
    return tmp_path


def hide(root):
    """Adds to every folder a damaged file, a good one and a folder, all with a dot in front."""
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for folder in folders:
        for path in [path for path in folder.iterdir() if path.is_file()]:
            (folder / f"._{path.name}").write_bytes(b"\0\5\x16\7 of macOS")
        for name in (".e.png", ".thumbs/a.png", ".thumbs/b.png", ".thumbs/more/a.jpg"):
            save(folder / name, of_masks="masks" in folder.parts)


def trained_on():
    split = SOURCES["folder"]("pictures", held_out=0.5, min_edge=1, max_bad_fraction=0)
    return [sorted(part.names) for part in split[:2]]


def evaluated(masks):
    examples = Examples(Path("pictures"), masks, by_order=masks == "masks/deep")
    return [(e.name, e.mask.tolist()) for e in (examples[i] for i in range(len(examples)))]


def completed(image, mask):
    jobs, failures = plan(Path(image), Path(mask), Path("out"))
    return jobs, failures


def rated():
    pictures = Pictures(Path("pictures"), Path("completed"))
    return pictures.counts, sorted(pictures.order("rater", 0))


def held_out_set():
    files = named_sets(["own=pictures"], min_edge=1, max_bad_fraction=0.0)["own"]
    assert isinstance(files, Files)
    return files.names


def masks_of_files():
    return MaskFiles(folder="masks", flip=False).names


def measured(monkeypatch):
    """Returns the pictures that the experiment on limits reads."""
    read = []
    monkeypatch.setattr(limits, "decode", lambda path: read.append(str(path)) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        limits.measure(None, Path("pictures"), 8, [2])  # pyright: ignore[reportArgumentType]
    return read


COMMANDS = {
    "train on a folder": trained_on,
    "score a held-out set": held_out_set,
    "evaluate --data, --masks of the same names": lambda: evaluated("masks"),
    "evaluate --data, --masks of a kind": lambda: evaluated("center"),
    "evaluate --masks of other names": lambda: evaluated("masks/deep"),
    "complete a folder": lambda: completed("pictures", "masks"),
    "complete a pattern": lambda: completed("pictures/*.png", "masks"),
    "complete a pattern of folders": lambda: completed("pic*/*.png", "masks/a.png"),
    "complete a pattern of all folders": lambda: completed("pictures/**/*.png", "masks/a.png"),
    "prepare a folder": lambda: [entry.name for entry in LAYOUTS["folder"]("pictures")],
    "rate pictures": rated,
    "draw masks from files": masks_of_files,
    "measure limits": measured,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_pass_over_names_that_begin_with_a_dot(here, command, monkeypatch):
    def listed():
        work = COMMANDS[command]
        return work(monkeypatch) if work is measured else work()

    before = listed()
    assert before
    hide(here)
    assert listed() == before


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_pass_over_names_that_begin_with_a_dot(tmp_path, name):
    root, layout = tmp_path / "root", LAYOUTS[name]
    if name in ("celeba", "facades"):
        layout = partial(layout, held_out=4)  # thousands by default
    if name in MINIATURES:
        plant(root, *(file for part in MINIATURES[name] for file in part))
    elif name == "imagenet_100k":
        plant(root, *(file for part in MINIATURES["imagenet"] for file in part))
        (root / "list.txt").write_text("n01440764/n01440764_18\n")
    elif name.startswith("celeba"):
        plant(root, *(f"img_align_celeba/{number:06}.jpg" for number in range(9)))
        lines = [f"{number:06}.jpg {0 if number < 5 else 2}\n" for number in range(9)]
        (root / "list_eval_partition.txt").write_text("".join(lines))
    elif name == "facades":
        plant(root, *(f"{k}/cmp_{k[0]}{n:04}.jpg" for k in ("base", "extended") for n in range(9)))
    else:
        plant_cifar(root / "cifar-10-batches-py")
    before = [entry[:2] for entry in layout(root)]
    assert before
    hide(root)
    assert [entry[:2] for entry in layout(root)] == before


def test_folders_with_nothing_else_are_empty(tmp_path):
    save(tmp_path / "pictures/._a.png", of_masks=False)
    save(tmp_path / "pictures/.thumbs/b.png", of_masks=False)
    for work in (
        lambda: SOURCES["folder"](
            str(tmp_path / "pictures"), held_out=0.5, min_edge=1, max_bad_fraction=0
        ),
        lambda: Examples(tmp_path / "pictures", "center"),
        lambda: plan(tmp_path / "pictures", tmp_path, tmp_path / "out"),
        lambda: MaskFiles(folder=str(tmp_path / "pictures"), flip=False),
        lambda: Pictures(tmp_path / "pictures", tmp_path),
        lambda: list(LAYOUTS["folder"](tmp_path / "pictures")),
    ):
        with pytest.raises(UserError, match="no (pictures|masks)"):
            work()


# Whoever lists pictures anew is found here -------------------------------------------------------

LISTS = re.compile(r"\b(iterdir|glob|iglob|rglob|walk|scandir|listdir)\(")

OTHERS = {
    "evaluate.manifest": "the package's own files",
    "generate.__main__": "what its output folder holds",
    "settings.config_files": "the package's own configs",
    "data.shards": "whether a folder holds shards",
    "demo.server": "the page's own files",
    "evaluate.report": "whether an output folder is empty",
    "masks.__main__": "whether an output folder is empty",
    "pictures.storage": "the one listing of pictures",
    "prepare.run": "whether an output folder is empty, and what a killed run left in it",
    "runtime.compiled": "the user's cache of compiled programs",
    "runtime.process": "the processes that this one started",
    "runtime.programs": "the package's own sources",
    "runtime.run_folder": "a run's checkpoints",
    "runtime.sample_grids": "a run's sample grids",
    "train.seeds": "the runs of one seed",
    "train.side_by_side": "whether the run of a seed has begun",
    "weights.kinds": "files of weights in a folder",
}
"""The modules that list names, and which."""


def test_pictures_are_listed_in_one_place():
    package = Path(glcic_jax.__file__).parent
    found = {
        ".".join(path.relative_to(package).with_suffix("").parts)
        for path in package.rglob("*.py")
        if LISTS.search(path.read_text())
    }
    assert found == set(OTHERS)


def test_modules_that_list_pictures_are_tried_above():
    """Finds the modules that call `pictures`, `pictures_below` or `children`."""
    package = Path(glcic_jax.__file__).parent
    names = re.compile(r"\b(pictures|pictures_below|children)\(")
    found = set()
    for path in package.rglob("*.py"):
        module = ".".join(path.relative_to(package.parent).with_suffix("").parts)
        if "storage import" in path.read_text() and names.search(path.read_text()):
            importlib.import_module(module)
            found.add(module.removeprefix("glcic_jax."))
    tried = {
        "data.sources",
        "evaluate.examples",
        "complete.pairing",
        "user_study.pictures",
    }
    assert found == tried | {
        "data.shards",  # asks only whether there is any
        "masks.files",
        "pictures.patterns",
        "prepare.entries",
        "prepare.layouts",
    }
