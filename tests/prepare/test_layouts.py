"""Every layout on a miniature of its download."""

import pickle
from pathlib import Path

import pytest

from glcic_jax.prepare.layouts import LAYOUTS, celeba, celeba_official, facades
from glcic_jax.runtime.errors import UserError
from tests.helpers.downloads import MINIATURES, plant

OPEN = {"folder", "chars74k"}


@pytest.mark.parametrize("name", MINIATURES)
def test_a_download_is_listed_whole_and_split_as_it_says(tmp_path, name):
    train, held_out = MINIATURES[name]
    plant(tmp_path, *train, *held_out)
    (tmp_path / "readme.txt").write_text("no picture")
    if name == "chars74k":
        plant(tmp_path, "English/Img/GoodImg/Msk/Sample001/img001-00001.png")
    entries = list(LAYOUTS[name](tmp_path))
    assert [e.name for e in entries if e.split in ("train", None)] == sorted(train)
    assert [e.name for e in entries if e.split == "held_out"] == sorted(held_out)
    assert {e.split for e in entries} <= ({None} if name in OPEN else {"train", "held_out"})
    for entry in entries:
        copy = pickle.loads(pickle.dumps(entry))
        assert copy.read() == (tmp_path / entry.name).read_bytes()


@pytest.mark.parametrize("name", sorted(MINIATURES.keys() - {"folder"}))
def test_a_missing_part_is_refused_by_name(tmp_path, name):
    train, held_out = MINIATURES[name]
    for missing in filter(None, (train, held_out)):
        root = tmp_path / missing[0].split("/")[0]
        plant(root, *({*train, *held_out} - {*missing}), "other/1.png")
        with pytest.raises(UserError) as refusal:
            LAYOUTS[name](root)
        message = str(refusal.value)
        assert "\n" not in message
        assert message.startswith(f"{root}: no {missing[0].split('/')[0]}")
        assert "found " in message
        assert "other/" in message
        assert "expected" in message


@pytest.mark.parametrize("name", LAYOUTS)
def test_no_folder_and_an_empty_one_are_refused(tmp_path, name):
    with pytest.raises(UserError, match="nowhere"):
        LAYOUTS[name](tmp_path / "nowhere")
    with pytest.raises(UserError, match="found nothing"):
        LAYOUTS[name](tmp_path)


def test_archives_within_the_download_are_named(tmp_path):
    plant(tmp_path, *MINIATURES["imagenet"][1])
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "n01440764.tar").write_bytes(b"")
    with pytest.raises(UserError, match=r"no pictures below this folder; found n01440764\.tar"):
        LAYOUTS["imagenet"](tmp_path)


def test_two_versions_at_once_are_refused(tmp_path):
    plant(tmp_path, "data_large/a/b/1.jpg", "data_large_standard/a/b/1.jpg", "val_large/1.jpg")
    with pytest.raises(UserError, match="both data_large and data_large_standard here"):
        LAYOUTS["places2"](tmp_path)


def test_imagenet_as_the_archive_has_it(tmp_path):
    base = "ILSVRC/Data/CLS-LOC"
    plant(tmp_path, *(f"{base}/{name}" for names in MINIATURES["imagenet"] for name in names))
    assert [e.split for e in LAYOUTS["imagenet"](tmp_path)] == ["train", "train", "held_out"]


def test_a_list_chooses_from_imagenet(tmp_path):
    names = [f"{kind}/{kind}_{n}.JPEG" for kind in ("n01", "n02", "n03") for n in (1, 2)]
    plant(tmp_path, *(f"train/{name}" for name in names), "val/ILSVRC2012_val_00000001.JPEG")
    (tmp_path / "list.txt").write_text("n03/n03_2 2\n\n./n01/n01_1.JPEG\nn03/n03_1 2\nn03/n03_1\n")
    entries = list(LAYOUTS["imagenet_100k"](tmp_path))
    assert [(e.name, e.split) for e in entries] == [
        *((f"train/{names[n]}", "train") for n in (0, 4, 5)),
        ("val/ILSVRC2012_val_00000001.JPEG", "held_out"),
    ]
    assert entries[1].read() == (tmp_path / "train" / names[4]).read_bytes()
    (tmp_path / "list.txt").write_text("n01/n01_7")
    with pytest.raises(UserError, match=r"names n01/n01_7\.JPEG, which is not in train"):
        LAYOUTS["imagenet_100k"](tmp_path)
    (tmp_path / "list.txt").unlink()
    with pytest.raises(UserError, match=r"no list\.txt here; found train/, val/; expected list"):
        LAYOUTS["imagenet_100k"](tmp_path)


@pytest.fixture(params=["", "Img/"])
def faces(tmp_path, request):
    """Writes ten pictures; the official parts are 6, 2 and 2."""
    plant(tmp_path, *(f"{request.param}img_align_celeba/{n:06}.jpg" for n in range(1, 11)))
    rows = [f"{n:06}.jpg {(n > 6) + (n > 8)}" for n in range(1, 11)]
    listed = tmp_path / ("Eval" if request.param else "") / "list_eval_partition.txt"
    listed.parent.mkdir(exist_ok=True)
    listed.write_text("\n".join(rows) + "\n")
    return tmp_path, listed


def numbers(entries, split):
    return [int(Path(e.name).stem) for e in entries if e.split == split]


def test_celeba_holds_out_the_last_of_the_list(faces):
    entries = list(celeba(faces[0], held_out=3))
    assert numbers(entries, "train") == list(range(1, 8))
    assert numbers(entries, "held_out") == [8, 9, 10]
    assert entries[0].read()
    with pytest.raises(UserError, match="2599 pictures are to be held out of only 10"):
        celeba(faces[0])


def test_celebas_official_parts_leave_the_validation_set_out(faces):
    entries = list(celeba_official(faces[0]))
    assert numbers(entries, "train") == [1, 2, 3, 4, 5, 6]
    assert numbers(entries, "held_out") == [9, 10]


def test_a_list_and_pictures_of_celeba_that_disagree_are_refused(faces):
    root, listed = faces
    rows = listed.read_text()
    listed.write_text(rows + "000011.jpg 2\n")
    with pytest.raises(UserError, match=r"has no 000011\.jpg: 11 names in the list, 10 pictures"):
        celeba(root)
    listed.write_text(rows[: rows.index("000010")])
    with pytest.raises(UserError, match=r"lacks 000010\.jpg"):
        celeba(root)
    listed.write_text(rows.replace("000003.jpg 0", "000003.jpg"))
    with pytest.raises(UserError, match=r"'000003\.jpg' is not a line NAME 0, 1 or 2"):
        celeba(root)
    listed.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="not UTF-8"):
        celeba(root)
    listed.unlink()
    with pytest.raises(UserError, match=r"no list_eval_partition\.txt"):
        celeba(root)


def test_facades_are_the_photographs_without_their_labels(tmp_path):
    base = [f"base/cmp_b000{n}.jpg" for n in range(1, 7)]
    extended = [f"extended/cmp_x000{n}.jpg" for n in range(1, 5)]
    labels = [name.replace(".jpg", ".png") for name in (*base, *extended)]
    plant(tmp_path, *base, *extended, *labels)
    (tmp_path / "base" / "cmp_b0001.xml").write_text("<object/>")
    entries = list(facades(tmp_path, held_out=3))
    assert sorted(e.name for e in entries) == base + extended
    held_out = {e.name for e in entries if e.split == "held_out"}
    assert len(held_out) == 3
    plant(tmp_path, "extended/cmp_x0009.jpg")  # a newcomer changes places with one at the most
    assert len(held_out & {e.name for e in facades(tmp_path, held_out=3) if e.split != "train"}) > 1
    with pytest.raises(UserError, match="56 pictures are to be held out of only 11"):
        LAYOUTS["facades"](tmp_path)
