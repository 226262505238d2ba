import logging
import pickle

import numpy as np
import pytest
from PIL import Image

from glcic_jax.data.shards import shards
from glcic_jax.data.sources import folder, scikit_image
from glcic_jax.runtime.errors import UserError

LIMITS = {"min_edge": 8, "max_bad_fraction": 0.3}


@pytest.fixture
def pictures(tmp_path):
    """Writes ten pictures in two folders; number n is filled with the value n."""
    root = tmp_path / "pictures"
    for number in range(10):
        path = root / ("a", "b/c")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((12, 16, 3), number, np.uint8)).save(path)
    (root / "readme.txt").write_text("no picture")
    return root


def values(source):
    return [int(source[i].max()) for i in range(len(source))]


def test_folder_is_read_recursively_in_the_order_of_names(pictures):
    split = folder(str(pictures), held_out=0.2, **LIMITS)
    together = sorted(split.train.names + split.held_out.names)
    assert together == [f"a/{n}.png" for n in (0, 2, 4, 6, 8)] + [
        f"b/c/{n}.png" for n in (1, 3, 5, 7, 9)
    ]
    assert split.train.names == sorted(split.train.names)
    assert (len(split.train), len(split.held_out)) == (8, 2)
    assert sorted(values(split.train) + values(split.held_out)) == list(range(10))


def test_a_share_holds_out_exactly_so_many_and_always_the_same(pictures):
    first, second = (folder(str(pictures), held_out=0.3, **LIMITS) for _ in range(2))
    assert first.held_out.names == second.held_out.names
    assert len(first.held_out) == 3
    assert first.held_out.names != sorted(first.train.names + first.held_out.names)[:3]


def test_held_out_by_list_with_folders(pictures, tmp_path):
    chosen = tmp_path / "list.txt"
    chosen.write_text("a/2.png\n\nb/\n")
    split = folder(str(pictures), held_out=str(chosen), **LIMITS)
    assert split.held_out.names == ["a/2.png", *(f"b/c/{n}.png" for n in (1, 3, 5, 7, 9))]
    assert not set(split.train.names) & set(split.held_out.names)


def test_a_source_of_the_other_kind_is_named(pictures, tmp_path):
    (pictures / "index.json").write_text("{}")  # of anything
    with pytest.raises(UserError, match="pictures: files of pictures, not shards: set data.source"):
        shards(str(pictures), **LIMITS)
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    (prepared / "train-00000-of-00001.array_record").touch()
    with pytest.raises(UserError, match="prepared: shards, not files of pictures: set data.source"):
        folder(str(prepared), held_out=0.2, **LIMITS)
    (prepared / "a.png").touch()  # then they are what is asked for
    with pytest.raises(UserError, match="1 pictures leave 0 to train on"):
        folder(str(prepared), held_out=0.2, **LIMITS)


@pytest.mark.parametrize(
    ("line", "message"), [("a/99.png", "a/99.png is not a picture"), ("x/", "x/ is not a picture")]
)
def test_a_list_that_matches_nothing_is_refused(pictures, tmp_path, line, message):
    (tmp_path / "list.txt").write_text(line)
    with pytest.raises(UserError, match=message):
        folder(str(pictures), held_out=str(tmp_path / "list.txt"), **LIMITS)


def test_missing_empty_and_used_up_folders_are_refused(tmp_path, pictures):
    with pytest.raises(UserError, match="no such folder; set data.root"):
        folder(str(tmp_path / "nowhere"), held_out=0.1, **LIMITS)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no pictures"):
        folder(str(tmp_path / "empty"), held_out=0.1, **LIMITS)
    with pytest.raises(UserError, match="leave 0 to train on"):
        folder(str(pictures), held_out=1.0, **LIMITS)
    with pytest.raises(UserError, match="0 held out"):
        folder(str(pictures), held_out=0.0, **LIMITS)


def test_bad_pictures_are_replaced_alike_every_time_and_named_once(pictures, caplog):
    split = folder(str(pictures), held_out=0.2, **LIMITS)
    good = values(split.train)
    (pictures / split.train.names[3]).write_bytes(b"broken")
    Image.new("RGB", (200, 7)).save(pictures / split.train.names[4])  # too small
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert values(split.train) == good[:3] + [good[5]] * 3 + good[6:]
    assert sum("skipped" in message for message in caplog.messages) == 2
    assert any("200x7 pixels, below data.min_edge" in message for message in caplog.messages)


def test_the_last_picture_is_replaced_by_the_first(pictures):
    split = folder(str(pictures), held_out=0.2, **LIMITS)
    (pictures / split.train.names[-1]).write_bytes(b"broken")
    assert values(split.train)[-1] == values(split.train)[0]


def test_too_many_bad_pictures_stop_the_run(pictures):
    split = folder(str(pictures), held_out=0.2, min_edge=8, max_bad_fraction=0.3)
    for name in split.train.names[:3]:
        (pictures / name).write_bytes(b"broken")
    with pytest.raises(UserError, match="at least 3 of 8 pictures are unreadable or too small"):
        values(split.train)


def test_a_source_travels_to_worker_processes(pictures):
    split = folder(str(pictures), held_out=0.2, **LIMITS)
    copy = pickle.loads(pickle.dumps(split.train))
    assert values(copy) == values(split.train)


def test_links_in_a_circle_do_not_hang(pictures):
    (pictures / "a" / "loop").symlink_to(pictures)
    split = folder(str(pictures), held_out=0.2, **LIMITS)
    assert len(split.train) + len(split.held_out) == 10


def test_bundled_photographs_are_split_without_overlap():
    from skimage import data

    split = scikit_image(held_out=0.25)
    assert len(split.train) == len(split.held_out) == 4
    for index, whole in enumerate((data.astronaut(), data.chelsea(), data.coffee(), data.rocket())):
        joined = np.concatenate([split.train[index], split.held_out[index]], axis=1)
        np.testing.assert_array_equal(joined, whole)
        assert split.held_out[index].shape[1] == round(0.25 * whole.shape[1])
