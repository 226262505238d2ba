"""Every layout on a miniature of its download."""

import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from glcic_jax.prepare import cifar
from glcic_jax.prepare.layouts import LAYOUTS, celeba, celeba_official, facades
from glcic_jax.runtime.errors import UserError

rng = np.random.default_rng(0)


def plant(root, *names):
    """Writes pictures of one colour each, every file with another content."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.full((4, 6, 3), number, np.uint8)
        path.write_bytes(cv2.imencode(path.suffix.lower(), image)[1].tobytes())
    return root


def plant_cifar(root, *, protocol=2, pictures=3):
    root.mkdir(parents=True, exist_ok=True)
    planes = rng.integers(0, 256, (6, pictures, 3, 32, 32), np.uint8)
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    for name, part in zip(names, planes, strict=True):
        batch = {b"data": part.reshape(pictures, -1), b"labels": [0] * pictures}
        (root / name).write_bytes(pickle.dumps(batch, protocol=protocol))
    return planes.transpose(0, 1, 3, 4, 2)


VAL = [f"Places365_val_0000000{number}.jpg" for number in (1, 2)]

MINIATURES = {
    "folder": (["a/1.jpg", "a/1.png", "b/c/2.JPEG", "ü/東京.webp"], []),
    "places2": (
        ["data_large/a/abbey/00000001.jpg", "data_large/s/swimming_pool/indoor/00000001.jpg"],
        [f"val_large/{name}" for name in VAL],
    ),
    "places2_256": (["data_256/a/abbey/00000001.jpg"], [f"val_256/{name}" for name in VAL]),
    "imagenet": (
        ["train/n01440764/n01440764_18.JPEG", "train/n01443537/n01443537_2.JPEG"],
        ["val/ILSVRC2012_val_00000001.JPEG"],
    ),
    "paris_streetview": (
        ["paris_train_original/48.842502_2.344968_90_-004.JPG"],
        ["paris_eval_gt/001_im.png"],
    ),
    "chars74k": (["English/Img/GoodImg/Bmp/Sample001/img001-00001.png"], []),
}
"""Pictures to train on, or of no part yet, and held out. The other layouts have their own tests."""

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


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("folder", ["", "cifar-10-batches-py"])
def test_cifar_comes_out_as_it_went_in(tmp_path, protocol, folder):
    pictures = plant_cifar(tmp_path / folder, protocol=protocol)
    entries = list(LAYOUTS["cifar10"](tmp_path))
    assert [e.split for e in entries] == ["train"] * 15 + ["held_out"] * 3
    assert len({e.name for e in entries}) == 18
    for entry, image in zip(entries, pictures.reshape(-1, 32, 32, 3), strict=True):
        data = np.frombuffer(pickle.loads(pickle.dumps(entry)).read(), np.uint8)
        np.testing.assert_array_equal(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1], image)


class Hostile:
    def __init__(self, flag):
        self.flag = flag

    def __reduce__(self):
        return os.mkdir, (str(self.flag),)


@pytest.mark.parametrize("where", [lambda evil: evil, lambda evil: {b"data": evil}])
def test_a_hostile_batch_is_refused_and_runs_nothing(tmp_path, where):
    plant_cifar(tmp_path)
    flag = tmp_path / "it ran"
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(where(Hostile(flag)), protocol=2))
    with pytest.raises(
        UserError, match="not a batch of CIFAR-10: it asks for posix.mkdir"
    ) as refusal:
        list(LAYOUTS["cifar10"](tmp_path))
    assert "\n" not in str(refusal.value)
    assert not flag.exists()


def swap(batch, old, new):
    assert old in batch
    return batch.replace(old, new)


@pytest.mark.parametrize(
    "damage",
    [
        lambda batch: b"",
        lambda batch: batch[: len(batch) // 2],
        lambda batch: b"\x89PNG" + batch,
        lambda batch: pickle.dumps({b"labels": [1]}),
        lambda batch: pickle.dumps({b"data": np.zeros((2, 3072), np.float32)}, protocol=2),
        lambda batch: pickle.dumps({b"data": np.zeros(100, np.uint8)}, protocol=2),
        lambda batch: swap(batch, b"ndarray", b"loadtxt"),
    ],
)
def test_a_damaged_batch_is_refused_in_one_line(tmp_path, damage):
    plant_cifar(tmp_path)
    path = tmp_path / "data_batch_3"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="data_batch_3: not a batch of CIFAR-10: .") as refusal:
        cifar.load(str(tmp_path), path.name)
    assert "\n" not in str(refusal.value)


def test_one_batch_too_few_is_refused(tmp_path):
    plant_cifar(tmp_path)
    (tmp_path / "data_batch_4").unlink()
    with pytest.raises(UserError, match="no data_batch_4 here; found data_batch_1, "):
        LAYOUTS["cifar10"](tmp_path)


def test_the_python_2_form_of_the_original_is_read(tmp_path):
    """Reads files such as those on the site: Python 2 wrote them, with byte strings for text."""
    planes = rng.integers(0, 256, (2, 3072), np.uint8)
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ%bJ%bK\x00tb" % (
        (b"\xff" * 4,) * 2
    )
    pixels = b"T" + planes.nbytes.to_bytes(4, "little") + planes.tobytes()
    state = b"(K\x01K\x02M\x00\x0c\x86" + kind + b"\x89" + pixels + b"tb"
    written = b"\x80\x02}(U\x06labels]U\x04data" + array + state + b"u."
    np.testing.assert_array_equal(pickle.loads(written, encoding="bytes")[b"data"], planes)
    (tmp_path / "batch").write_bytes(written)
    images = cifar.load(str(tmp_path), "batch")
    np.testing.assert_array_equal(images, planes.reshape(2, 3, 32, 32).transpose(0, 2, 3, 1))
