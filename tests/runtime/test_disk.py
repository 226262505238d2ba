"""Folders that are whole or not there."""

import pytest

from glcic_jax.runtime.disk import whole_folder


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_folder_appears_once_it_is_whole(tmp_path):
    with whole_folder(tmp_path / "a/b") as folder:
        (folder / "file").write_text("new")
        assert folder.parent == tmp_path / "a"
        assert not (tmp_path / "a/b").exists()
    assert contents(tmp_path) == {"a/b/file": "new"}
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_an_older_folder_gives_way_only_where_that_is_asked_for(tmp_path):
    (tmp_path / "b").mkdir()
    with whole_folder(tmp_path / "b") as folder:  # an empty one is no loss
        (folder / "file").write_text("old")
    with pytest.raises(OSError, match="not empty"), whole_folder(tmp_path / "b") as folder:
        (folder / "file").write_text("new")
    assert contents(tmp_path) == {"b/file": "old"}
    with whole_folder(tmp_path / "b", replace=True) as folder:
        (folder / "other").write_text("new")
    assert contents(tmp_path) == {"b/other": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_was_there_stays_if_the_writing_fails(tmp_path, error):
    (tmp_path / "b").mkdir()
    (tmp_path / "b/file").write_text("old")
    with pytest.raises(error), whole_folder(tmp_path / "b", replace=True) as folder:
        (folder / "file").write_text("new")
        raise error
    assert contents(tmp_path) == {"b/file": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
