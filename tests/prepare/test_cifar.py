"""The batches of CIFAR-10: read whole, refused if damaged, and never run."""

import os
import pickle

import cv2
import numpy as np
import pytest

from glcic_jax.prepare import cifar
from glcic_jax.prepare.layouts import LAYOUTS
from glcic_jax.runtime.errors import UserError
from tests.helpers.downloads import plant_cifar


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
    planes = np.random.default_rng(0).integers(0, 256, (2, 3072), np.uint8)
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
