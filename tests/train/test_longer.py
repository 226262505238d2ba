"""Finished runs that are trained longer, on the same data; what config.json keeps of each start."""

import shutil

import numpy as np
import pytest

from glcic_jax.main import run
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import read_records, read_starts
from glcic_jax.weights.checkpoint_reader import read_about
from tests.helpers.runs import tiny, write_pictures

SHORT = {"phases__completion": 2, "every__log": 0, "every__images": 0, "every__evaluate": 0}


def checkpoint(workdir, step):
    """The arrays of a checkpoint, by the digests that were saved with them."""
    return read_about(workdir, step)[1]["items"]


@pytest.mark.slow
def test_a_finished_run_trained_longer_equals_one_that_was_as_long_from_the_start(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    write_pictures(pictures)
    run(tiny(pictures, phases__completion=4, every__checkpoint=0, every__images=0), tmp_path / "a")
    run(tiny(pictures, **SHORT), tmp_path / "b")
    assert sorted(p.name for p in (tmp_path / "b" / "samples").iterdir()) == ["00000002.png"]
    records = [(r["kind"], r["step"]) for r in read_records(tmp_path / "b")]
    assert records == [("train", 2), ("held_out", 2)]  # 0 = at the ends of phases alone

    # Another picture among them, and one less: refused, and nothing is written.
    other = tmp_path / "other"
    shutil.copytree(pictures, other)
    shutil.copy(other / "1.png", other / "one_more.png")
    before = (tmp_path / "b" / "config.json").read_bytes()
    longer = SHORT | {"phases__completion": 4}
    with pytest.raises(UserError, match="list of training pictures was .* and is .*--accept_data"):
        run(tiny(other, **longer), tmp_path / "b")
    assert (tmp_path / "b" / "config.json").read_bytes() == before

    # The same pictures, elsewhere: they go on, bit for bit.
    moved = tmp_path / "moved"
    pictures.rename(moved)
    run(tiny(moved, **longer), tmp_path / "b")
    assert checkpoint(tmp_path / "b", 4) == checkpoint(tmp_path / "a", 4)
    log = (tmp_path / "b" / "log.txt").read_text()
    assert "phases.completion was 2 and is 4" in log

    # Others after all.
    run(tiny(other, **longer | {"phases__completion": 5}), tmp_path / "b", accept_data=True)
    starts = read_starts(tmp_path / "b")
    assert [start["step"] for start in starts] == [0, 2, 4]
    assert ["accepted" in start for start in starts] == [False, False, True]
    assert starts[0]["data"] == starts[1]["data"] != starts[2]["data"]
    assert all(s["devices"].startswith("1 process, 4 x cpu") and s["packages"] for s in starts)
    assert "accepted: the list of training pictures was" in (tmp_path / "b/log.txt").read_text()
    assert np.isfinite(
        [r["loss/mse"] for r in read_records(tmp_path / "b") if "loss/mse" in r]
    ).all()
