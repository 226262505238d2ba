"""Damaged checkpoints: training passes them over, completion refuses them."""

import json
import shutil

import jax
import pytest

from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.checkpoint_reader import read_about, restore_network
from tests.helpers.checkpoints import (
    assert_equal,
    flip_a_byte,
    network,
    remove_a_file,
    restore,
    save,
    state_at,
    truncate,
)


def remove_an_item(run, step):
    shutil.rmtree(run / f"checkpoints/{step}/completion.params")


def empty_the_description(run, step):
    for path in (run / f"checkpoints/{step}/about").iterdir():
        path.write_text("{}")


def alter_the_description(run, step):
    path = run / f"checkpoints/{step}/about/metadata"
    altered = path.read_text().replace("[0.1, 0.2, 0.3]", "[0.1, 0.6, 0.3]")
    assert altered != path.read_text()
    path.write_text(altered)


DAMAGES = [
    flip_a_byte, truncate, remove_an_item, remove_a_file, empty_the_description,
    alter_the_description,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_and_said(tmp_path, damage, caplog):
    save(tmp_path, [1, 2, 3])
    damage(tmp_path, 3)
    assert_equal(restore(tmp_path), state_at(2))
    assert "checkpoint 3" in caplog.text
    assert "damaged" in caplog.text
    assert save(tmp_path, [3]) == [1, 2, 3]  # training comes by again and saves it anew
    assert_equal(restore(tmp_path), state_at(3))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_refused_for_completion(tmp_path, damage):
    save(tmp_path, [1])
    damage(tmp_path, 1)
    like = jax.eval_shape(lambda: network((0, 0)))
    with pytest.raises(UserError, match="checkpoint of step 1 is damaged.*: train again"):
        restore_network(tmp_path, "completion", like)


def test_a_refusal_names_the_steps(tmp_path):
    save(tmp_path, [1, 2, 3])
    empty_the_description(tmp_path, 3)
    with pytest.raises(UserError, match=r"step 3 is damaged.*choose another step of \[1, 2\], or"):
        read_about(tmp_path)


def test_a_description_without_a_digest_of_its_own_is_read(tmp_path):
    """Reads a description such as the first checkpoints had."""
    save(tmp_path, [1])
    path = tmp_path / "checkpoints/1/about/metadata"
    about = json.loads(path.read_text())
    del about["digest"], about["score"]
    path.write_text(json.dumps(about))
    assert_equal(restore(tmp_path), state_at(1))


def test_if_all_are_damaged_the_run_is_not_started_over(tmp_path):
    save(tmp_path, [1, 2])
    for step in (1, 2):
        remove_an_item(tmp_path, step)
    with pytest.raises(UserError, match="all 2 checkpoints are damaged"):
        restore(tmp_path)
