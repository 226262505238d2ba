"""Lists the pictures of data sets as they are downloaded, and those to hold out."""

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from pathlib import Path

from glcic_jax.pictures.name_lists import NamesByLine, plain_name
from glcic_jax.pictures.storage import children, exists, join_names, pictures
from glcic_jax.prepare import cifar
from glcic_jax.prepare.entries import Entry, below, cut, entries_of, find, lines
from glcic_jax.runtime.errors import UserError

CELEBA_HELD_OUT = 2_599
"""Number of held-out pictures of CelebA's 202,599 (Iizuka et al. 2017, section 4.5)."""

FACADES_HELD_OUT = 56
"""Number of held-out pictures of the 606 facades (section 4.5 of the same paper)."""

IMAGENET_TRAIN = ("train", "ILSVRC/Data/CLS-LOC/train")
IMAGENET_VAL = ("val", "ILSVRC/Data/CLS-LOC/val")

TREES = {
    "places2": "data_large/a/abbey/00000001.jpg and val_large/Places365_val_00000001.jpg",
    "places2_256": "data_256/a/abbey/00000001.jpg and val_256/Places365_val_00000001.jpg",
    "imagenet": "train/n01440764/n01440764_10026.JPEG and val/ILSVRC2012_val_00000001.JPEG",
    "imagenet_100k": "list.txt beside ImageNet's train/ and val/",
    "celeba": "img_align_celeba/000001.jpg and list_eval_partition.txt",
    "facades": "base/cmp_b0001.jpg and extended/cmp_x0001.jpg",
    "paris_streetview": "paris_train_original/*.JPG and paris_eval_gt/001_im.png",
    "cifar10": "cifar-10-batches-py/data_batch_1 to data_batch_5 and test_batch",
    "chars74k": "English/Img/GoodImg/Bmp/Sample001/img001-00001.png",
}
"""Sketches of the downloads, for messages; docs/data.md lists where they come from."""

Layout = Callable[[str | Path], Iterable[Entry]]
"""Lists the pictures below a root: a folder, or remote storage such as gs://bucket/places2.

The pictures come in a fixed order, as they are found: millions of them are never held in memory
together. A UserError refuses a missing or empty part before the first picture comes.
"""


def folder(root: str | Path) -> Iterable[Entry]:
    """Lists all pictures below a folder."""
    return below(str(root), "", None)


def places2(root: str | Path) -> Iterable[Entry]:
    """Lists Places365-Challenge or -Standard, high resolution; the validation set is held out."""
    train = ("data_large", "data_large_challenge", "data_large_standard")
    return _two_folders(root, TREES["places2"], train, ("val_large",))


def places2_256(root: str | Path) -> Iterable[Entry]:
    """Lists the same at 256x256 pixels."""
    train = ("data_256", "data_256_challenge", "data_256_standard")
    return _two_folders(root, TREES["places2_256"], train, ("val_256",))


def imagenet(root: str | Path) -> Iterable[Entry]:
    """Lists ImageNet (ILSVRC 2012, classification); the validation set is held out."""
    return _two_folders(root, TREES["imagenet"], IMAGENET_TRAIN, IMAGENET_VAL)


def imagenet_100k(root: str | Path) -> Iterable[Entry]:
    """Lists ImageNet with only those training pictures that list.txt in the root names.

    A line is n01440764/n01440764_10026.JPEG, with or without the extension. Anything after a space,
    such as a label, is ignored.

    Raises:
      UserError: as in all layouts; or a listed picture is missing.
    """
    base = str(root)
    tree = TREES["imagenet_100k"]
    train, val = find(base, tree, *IMAGENET_TRAIN), find(base, tree, *IMAGENET_VAL)
    chosen: dict[str, set[str]] = {}
    for line in lines(base, find(base, tree, "list.txt")):
        kind, _, file = plain_name(line.split()[0]).rpartition("/")
        chosen.setdefault(kind, set()).add(file if "." in file else f"{file}.JPEG")
    names = []
    for kind in sorted(chosen):
        where = join_names(train, kind)
        _, there = children(base, where)
        if missing := sorted(chosen[kind].difference(there)):
            raise UserError(
                f"{base}: list.txt names {join_names(kind, missing[0])}, which is not in {train}"
            )
        names += [join_names(where, file) for file in there if file in chosen[kind]]
    return chain(entries_of(base, names, "train"), below(base, val, "held_out"))


def celeba(root: str | Path, *, held_out: int = CELEBA_HELD_OUT) -> Iterable[Entry]:
    """Lists CelebA as in the paper: the last `held_out` pictures of the official list are held out.

    The paper gives the numbers, 200,000 and 2,599, but no list. The last 2,599 are in the official
    test part; some of the people in them are in other pictures as well.

    Raises:
      UserError: as in all layouts; or the list and the pictures disagree.
    """
    base = str(root)
    names = [name for name, _ in _celeba_parts(base, TREES["celeba"])]
    train, last = cut(base, names, held_out)
    return chain(entries_of(base, train, "train"), entries_of(base, last, "held_out"))


def celeba_official(root: str | Path) -> Iterable[Entry]:
    """Lists CelebA by its official parts: test is held out, validation is left out.

    No person is in two parts.

    Raises:
      UserError: as in `celeba`.
    """
    base = str(root)
    parts = _celeba_parts(base, TREES["celeba"])
    train, test = ([name for name, part in parts if part == wanted] for wanted in ("0", "2"))
    return chain(entries_of(base, train, "train"), entries_of(base, test, "held_out"))


def facades(root: str | Path, *, held_out: int = FACADES_HELD_OUT) -> Iterable[Entry]:
    """Lists the photographs (.jpg) of CMP facades, base and extended, not their labels (.png).

    The paper gives the numbers, 550 and 56, but no list. Here the `held_out` pictures whose file
    names have the largest SHA-256 are held out.

    Raises:
      UserError: as in all layouts; or no photograph is left to train on.
    """
    base = str(root)
    folders = (
        find(base, TREES["facades"], "base", "CMP_facade_DB_base/base"),
        find(base, TREES["facades"], "extended", "CMP_facade_DB_extended/extended"),
    )
    names = [name for where in folders for name in pictures(base, where, frozenset({".jpg"}))]
    names.sort(key=lambda name: hashlib.sha256(Path(name).name.encode()).digest())
    train, last = cut(base, names, held_out)
    return chain(
        entries_of(base, sorted(train), "train"), entries_of(base, sorted(last), "held_out")
    )


def paris_streetview(root: str | Path) -> Iterable[Entry]:
    """Lists Paris StreetView (Pathak et al. 2016); its evaluation pictures are held out."""
    evaluation = ("paris_eval_gt", "paris_eval/paris_eval_gt")
    return _two_folders(root, TREES["paris_streetview"], ("paris_train_original",), evaluation)


def cifar10(root: str | Path) -> Iterable[Entry]:
    """Lists CIFAR-10, the version for Python: five batches to train on; the test batch is held out.

    No code in the batches is run (`cifar.load`). The pictures are read as PNG files.
    """
    base, where = str(root), "cifar-10-batches-py"
    where = where if exists(base, where) else ""
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    found = [find(base, TREES["cifar10"], join_names(where, name)) for name in names]
    return (
        Entry(
            f"{name}/{index:05}.png",
            "held_out" if name == found[-1] else "train",
            partial(cifar.png, base, name, index),
        )
        for name in found
        for index in range(len(cifar.load(base, name)))
    )


def chars74k(root: str | Path) -> Iterable[Entry]:
    """Lists Chars74K: the good English characters in natural images, without their masks."""
    base = str(root)
    names = ("English/Img/GoodImg/Bmp", "Img/GoodImg/Bmp", "GoodImg/Bmp")
    return below(base, find(base, TREES["chars74k"], *names), None)


def _two_folders(
    root: str | Path, tree: str, train: tuple[str, ...], held_out: tuple[str, ...]
) -> Iterable[Entry]:
    base = str(root)
    first, second = find(base, tree, *train), find(base, tree, *held_out)
    return chain(below(base, first, "train"), below(base, second, "held_out"))


def _celeba_parts(root: str, tree: str) -> list[tuple[str, str]]:
    """Returns names and official parts ("0" train, "1" validation, "2" test), in list order."""
    where = find(root, tree, "img_align_celeba", "Img/img_align_celeba")
    listed = find(root, tree, "list_eval_partition.txt", "Eval/list_eval_partition.txt")
    rows = [line.split() for line in lines(root, listed)]
    if bad := next((row for row in rows if len(row) != 2 or row[1] not in ("0", "1", "2")), None):
        raise UserError(
            f"{join_names(root, listed)}: {' '.join(bad)!r} is not a line NAME 0, 1 or 2"
        )
    there = {name for name in children(root, where)[1] if name.lower().endswith(".jpg")}
    known = NamesByLine(there)
    rows = [(next(iter(known.find(name)), name), part) for name, part in rows]
    if odd := sorted(there.symmetric_difference(name for name, _ in rows)):
        lacks = f"{where} has no {odd[0]}" if odd[0] not in there else f"{listed} lacks {odd[0]}"
        raise UserError(f"{root}: {lacks}: {len(rows)} names in the list, {len(there)} pictures")
    return [(f"{where}/{name}", part) for name, part in rows]


LAYOUTS: dict[str, Layout] = {
    "folder": folder,
    "places2": places2,
    "places2_256": places2_256,
    "imagenet": imagenet,
    "imagenet_100k": imagenet_100k,
    "celeba": celeba,
    "celeba_official": celeba_official,
    "facades": facades,
    "paris_streetview": paris_streetview,
    "cifar10": cifar10,
    "chars74k": chars74k,
}
