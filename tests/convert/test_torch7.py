"""The reader of Torch7 files: what it reads, and what it makes of files made to break it."""

import struct
import time
import tracemalloc

import numpy as np
import pytest

from glcic_jax.convert.torch7 import Torch7Object, read_torch7
from glcic_jax.runtime.errors import UserError
from tests.helpers.ports import Torch7Writer, torch7_bytes, torch7_model


def read(tmp_path, data):
    path = tmp_path / "file.t7"
    path.write_bytes(data)
    return read_torch7(path)


def test_values_tables_and_objects(tmp_path):
    value = {"a": 1.5, 2: True, "t": {"x": None, "y": "text"}, "o": ("nn.ReLU", {"inplace": False})}
    assert read(tmp_path, torch7_bytes(value)) == {
        "a": 1.5, 2.0: True, "t": {"x": None, "y": "text"},
        "o": Torch7Object("nn.ReLU", {"inplace": False}),
    }  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_tensors(tmp_path, dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    back = read(tmp_path, torch7_bytes(array))
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, array)
    np.testing.assert_array_equal(read(tmp_path, torch7_bytes(np.asfortranarray(array).T)), array.T)


def tensor_file(shape, strides, offset, stored=b"\0" * 24, count=6, dimensions=None):
    writer = Torch7Writer()
    writer.object("torch.FloatTensor")
    writer.put("i", len(shape) if dimensions is None else dimensions)
    writer.put(f"{2 * len(shape)}q", *shape, *strides)
    writer.put("q", offset)
    writer.object("torch.FloatStorage")
    writer.put("q", count)
    return bytes(writer.data) + stored


def test_a_tensor_may_be_a_part_of_its_storage(tmp_path):
    stored = np.arange(6, dtype="<f4").tobytes()
    back = read(tmp_path, tensor_file([2, 2], [3, 1], 2, stored))
    np.testing.assert_array_equal(back, [[1, 2], [4, 5]])


def test_what_was_met_before_is_the_same_again(tmp_path):
    writer = Torch7Writer()
    writer.numbered(3)
    writer.put("i", 2)
    writer.write("tensor")
    writer.tensor(np.ones(3, np.float32))
    writer.write("itself")
    writer.put("ii", 3, 1)
    value = read(tmp_path, bytes(writer.data))
    assert value["itself"] is value


def test_functions_are_passed_over(tmp_path):
    writer = Torch7Writer()
    writer.numbered(3)
    writer.put("i", 2)
    writer.write("function")
    writer.numbered(8)
    writer.text("bytecode")
    writer.write({})
    writer.write("next")
    writer.write(1)
    assert read(tmp_path, bytes(writer.data)) == {"function": None, "next": 1.0}


TABLE = struct.pack("<iii", 3, 1, 2**31 - 1)
HOSTILE = {
    "empty": b"",
    "text": b"4\n1\n3\nV 1\n13\nnn.Sequential\n",
    "a tensor of a quintillion": tensor_file([2**60], [1], 1),
    "of as many dimensions": tensor_file([], [], 1, dimensions=2**31 - 1),
    "of negative size": tensor_file([-1], [1], 1),
    "one number for millions": tensor_file([1000, 1000], [0, 0], 1),
    "beyond its storage": tensor_file([6], [1], 2),
    "before its storage": tensor_file([6], [1], 0),
    "overflowing strides": tensor_file([3], [2**62], 1),
    "a storage of a quintillion": tensor_file([6], [1], 1, count=2**60),
    "a storage of negative size": tensor_file([6], [1], 1, count=-1),
    "a text of two gigabytes": struct.pack("<ii", 2, 2**31 - 1),
    "a text of negative size": struct.pack("<ii", 2, -5),
    "a table of two billion": TABLE,
    "a table within tables without end": b"".join(
        struct.pack("<iiiid", 3, number, 1, 1, 0.0) for number in range(50_000)
    ),
    "a hundred thousand values": TABLE + struct.pack("<idi", 1, 0.0, 0) * 60_000,
    "a table as a key": struct.pack("<iiiiii", 3, 1, 1, 3, 2, 0),
    "more after the end": struct.pack("<ii", 0, 0),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_files_made_to_break_the_reader_get_one_line(tmp_path, data):
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=r"file\.t7: ") as caught:
            read(tmp_path, data)
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)


def test_damage_anywhere_is_refused_or_read_in_bounds(tmp_path):
    """Cuts a file short, changes bytes, or replaces numbers by extreme ones."""
    model = torch7_model()
    model["model"][1]["modules"] = dict(list(model["model"][1]["modules"].items())[:9])
    whole = torch7_bytes(model)
    rng = np.random.default_rng(0)
    extremes = [struct.pack("<i", n) for n in (-(2**31), -1, 0, 1, 2**31 - 1)]
    refused, start = 0, time.monotonic()
    for trial in range(600):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            place = int(rng.integers(len(data) - 4))
            if trial % 3 == 0:
                data[place] = rng.integers(256)
            elif trial % 3 == 1:
                data[place : place + 4] = extremes[rng.integers(len(extremes))]
            else:
                del data[place:]
                break
        try:
            read(tmp_path, bytes(data))
        except UserError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 200
    assert time.monotonic() - start < 60


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match="cannot read it: .*No such file"):
        read_torch7(tmp_path / "none.t7")
