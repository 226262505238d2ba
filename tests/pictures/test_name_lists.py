"""Lists of pictures are read as every system writes them, in training and in preparing."""

import unicodedata

import cv2
import numpy as np
import pytest

from glcic_jax.data.sources import folder
from glcic_jax.pictures.name_lists import NamesByLine, list_lines
from glcic_jax.prepare.layouts import LAYOUTS, celeba
from glcic_jax.runtime.errors import UserError

CAFE, CAFE_MAC = (unicodedata.normalize(form, "Caf\u00e9") for form in ("NFC", "NFD"))

WRITINGS = {
    "UTF-8": lambda text: text.encode(),
    "UTF-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "Windows lines": lambda text: text.replace("\n", "\r\n").encode(),
    "Windows lines with a mark": lambda text: text.replace("\n", "\r\n").encode("utf-8-sig"),
    "UTF-16, small end first": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
    "UTF-16, big end first": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "UTF-16 with Windows lines": lambda text: text.replace("\n", "\r\n").encode("utf-16"),
    "lines of old Macs": lambda text: text.replace("\n", "\r").encode(),
    "blank lines and spaces": lambda text: text.replace("\n", " \n\n  \n").encode(),
    "no end of the last line": lambda text: text.removesuffix("\n").encode(),
    "backslashes": lambda text: text.replace("/", "\\").encode(),
    "find's way": lambda text: "".join(f"./{line}\n" for line in text.splitlines()).encode(),
    "dir's way": lambda text: "".join(
        f".\\{line.replace('/', chr(92))}\r\n" for line in text.splitlines()
    ).encode("utf-8-sig"),
    "a Mac's letters": lambda text: unicodedata.normalize("NFD", text).encode(),
}


def plant(root, *names):
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        data = cv2.imencode(".png", np.full((4, 6, 3), number, np.uint8))[1].tobytes()
        (root / name).write_bytes(data)
    return root


def held_out(root, listed):
    split = folder(str(root), held_out=str(listed), min_edge=1, max_bad_fraction=0)
    return split.held_out.names


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_training_holds_out_what_a_list_names(tmp_path, writing, form):
    name = unicodedata.normalize(form, f"{CAFE}/a 1.png")
    root = plant(tmp_path / "pictures", "sub/0.png", "sub/1.png", "deep/er/2.png", name)
    listed = tmp_path / "list.txt"
    listed.write_bytes(WRITINGS[writing](f"sub/1.png\n{CAFE}/a 1.png\ndeep/\n"))
    assert held_out(root, listed) == sorted(["sub/1.png", name, "deep/er/2.png"])


@pytest.mark.parametrize("writing", WRITINGS)
def test_celebas_partition_is_read(tmp_path, writing):
    names = [f"{number:06}.jpg" for number in range(1, 7)]
    plant(tmp_path, *(f"img_align_celeba/{name}" for name in names))
    rows = "".join(f"{name} {2 if name > names[3] else 0}\n" for name in names)
    (tmp_path / "list_eval_partition.txt").write_bytes(WRITINGS[writing](rows))
    for layout in (lambda root: celeba(root, held_out=2), LAYOUTS["celeba_official"]):
        entries = list(layout(tmp_path))
        assert [e.name.rpartition("/")[2] for e in entries if e.split == "train"] == names[:4]
        assert [e.name.rpartition("/")[2] for e in entries if e.split == "held_out"] == names[4:]


@pytest.mark.parametrize("writing", WRITINGS)
def test_a_list_of_imagenet_is_read(tmp_path, writing):
    plant(tmp_path, "train/n01/n01_1.JPEG", "train/n02/n02_2.JPEG", "val/v_1.JPEG")
    (tmp_path / "list.txt").write_bytes(WRITINGS[writing]("n02/n02_2.JPEG 7\nn01/n01_1 3\n"))
    entries = list(LAYOUTS["imagenet_100k"](tmp_path))
    assert [e.name for e in entries] == [
        "train/n01/n01_1.JPEG",
        "train/n02/n02_2.JPEG",
        "val/v_1.JPEG",
    ]


@pytest.mark.parametrize("writing", WRITINGS)
def test_a_name_that_no_picture_has_is_named(tmp_path, writing):
    root = plant(tmp_path / "pictures", "sub/0.png", "sub/1.png")
    listed = tmp_path / "list.txt"
    listed.write_bytes(WRITINGS[writing]("sub/1.png\nsub/99.png\n"))
    with pytest.raises(UserError, match=r"list\.txt: .*99\.png is not a picture below data\.root"):
        held_out(root, listed)


def test_names_with_a_backslash_of_their_own_go_first(tmp_path):
    root = plant(tmp_path / "pictures", "a\\b.png", "a/b.png", "c\\d.png", "e.png")
    listed = tmp_path / "list.txt"
    listed.write_text("a\\b.png\nc\\d.png\n")
    assert held_out(root, listed) == ["a\\b.png", "c\\d.png"]


def test_two_names_that_only_unicode_tells_apart(tmp_path):
    names = NamesByLine([f"{CAFE}.png", f"{CAFE_MAC}.png", "b.png"])
    assert names.find(f"{CAFE}.png") == [f"{CAFE}.png"]
    assert names.find(f"{CAFE_MAC}.png") == [f"{CAFE_MAC}.png"]
    with pytest.raises(UserError, match="is the name of 2 files in Unicode: rename one"):
        names.find(f"./{CAFE}.png")
    root = plant(tmp_path / "pictures", f"{CAFE}.png", f"{CAFE_MAC}.png", "b.png")
    (tmp_path / "list.txt").write_text(f"./{CAFE}.png\n")
    with pytest.raises(UserError, match=r"list\.txt: \./Caf.\.png is the name of 2 files"):
        held_out(root, tmp_path / "list.txt")


@pytest.mark.parametrize(
    "data",
    [
        "Caf\u00e9.png\n".encode("cp1252"),
        "a.png\n".encode("utf-16-le"),  # no mark
        "a.png\n".encode("utf-32"),
        b"\xff\xfea",
        b"\xff\xfe",
        b"\x89PNG\r\n\x1a\n\0\0",
    ],
)
def test_what_is_no_such_text_is_refused_in_a_line(tmp_path, data):
    root = plant(tmp_path / "pictures", "a.png", "b.png")
    (tmp_path / "list.txt").write_bytes(data)
    with pytest.raises(UserError, match=r"list\.txt: not a list of names: not UTF-8") as refusal:
        held_out(root, tmp_path / "list.txt")
    assert "\n" not in str(refusal.value)


def test_only_ends_of_lines_part_lines():
    assert list_lines("a\u2028b.png\nc\x85d.png\r\n".encode(), "") == ["a\u2028b.png", "c\x85d.png"]
