"""The best checkpoint by a metric of choice, and the mean of the latest ones."""

import jax
import numpy as np
import pytest

import glcic_jax
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.address import locate, open_trained
from glcic_jax.weights.best import badness
from glcic_jax.weights.checkpoint import Checkpoints
from glcic_jax.weights.checkpoint_reader import choose_steps, restore_network
from tests.helpers.checkpoints import ABOUT, flip_a_byte, network, state_at

SCORES = {
    1: {"l1": 0.3, "psnr": 20.0, "lpips": 0.1},
    2: {"l1": 0.2, "psnr": 19.0, "lpips": 0.3},
    3: {"l1": 0.4, "psnr": 25.0, "lpips": 0.2},
    4: {"l1": 0.5, "psnr": 18.0, "lpips": float("nan")},
    5: {},
}


def save(run, best="l1", keep=5, scores=SCORES):
    about = {**ABOUT, "config": {"method": "glcic", "best": best}}
    with Checkpoints(run, keep=keep, best=best) as checkpoints:
        for step, values in scores.items():
            named = {f"held_out/{name}": value for name, value in values.items()}
            checkpoints.save(step, state_at(step), about=about, metrics=named)
        checkpoints.wait()
        return checkpoints.steps()


@pytest.mark.parametrize(("best", "step"), [("l1", 2), ("psnr", 3), ("lpips", 1)])
def test_the_best_by_any_metric_is_kept_and_opened(tmp_path, best, step):
    assert save(tmp_path, best, keep=1) == [step, 5]
    opened = open_trained(f"{tmp_path}@best")
    assert opened.step == step
    assert open_trained(tmp_path, best=True).sha256 == opened.sha256
    assert opened.sha256 == open_trained(tmp_path, step).sha256 != open_trained(tmp_path).sha256


def test_checkpoints_of_older_versions_have_their_l1():
    assert badness({"score": 0.25}, "l1") == 0.25
    assert np.isnan(badness({"score": 0.25}, "psnr"))
    assert badness({"score": 0.25, "scores": {"held_out/psnr": 20.0}}, "psnr") == -20


def test_another_metric_may_be_chosen_later(tmp_path):
    save(tmp_path)
    with Checkpoints(tmp_path, keep=1, best="psnr") as checkpoints:
        checkpoints.save(6, state_at(6), about=ABOUT, metrics={})
        checkpoints.wait()
        assert checkpoints.steps() == [3, 6]


def test_the_mean_of_the_latest_checkpoints(tmp_path):
    save(tmp_path)
    opened = open_trained(f"{tmp_path}@last3")
    assert (opened.step, opened.averaged) == (5, (3, 4, 5))
    like = jax.eval_shape(lambda: network((0, 0)))
    found = opened.restore("completion", like)
    each = [restore_network(tmp_path, "completion", like, step) for step in (3, 4, 5)]
    jax.tree.map(
        lambda mean, *own: np.testing.assert_allclose(mean, sum(map(np.float64, own)) / 3, 1e-6),
        found,
        *each,
    )
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(found))
    assert open_trained(f"{tmp_path}@last1").sha256 == open_trained(tmp_path).sha256
    assert opened.sha256 not in {open_trained(tmp_path, s).sha256 for s in (3, 4, 5)}


def test_a_folder_of_the_name_goes_first(tmp_path):
    assert locate(tmp_path / "run@best") == (tmp_path / "run", "best")
    (tmp_path / "run@best").mkdir()
    assert locate(tmp_path / "run@best") == (tmp_path / "run@best", None)
    assert locate(tmp_path / "run@worst") == (tmp_path / "run@worst", None)


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="nowhere: no such file or folder"):
        open_trained(f"{tmp_path / 'nowhere'}@best")
    save(tmp_path, scores={1: {}, 2: {"psnr": 20.0}})
    with pytest.raises(UserError, match=r"no checkpoint of \[1, 2\] has a score l1"):
        open_trained(f"{tmp_path}@best")
    with pytest.raises(UserError, match=r"holds 2 checkpoints, of \[1, 2\]: name .*@last2 at most"):
        open_trained(f"{tmp_path}@last3")
    with pytest.raises(UserError, match="a mean of no checkpoints"):
        open_trained(f"{tmp_path}@last0")
    with pytest.raises(UserError, match="is step best, but step 1 is asked for: leave one out"):
        open_trained(f"{tmp_path}@best", 1)
    with pytest.raises(UserError, match="is step last2, but step best is asked for"):
        glcic_jax.load(f"{tmp_path}@last2", best=True)
    with pytest.raises(
        UserError, match="pretrained holds one network, not a run's checkpoints: leave best out"
    ):
        open_trained("pretrained", best=True)


def test_a_damaged_description_is_passed_over_and_named(tmp_path, caplog):
    save(tmp_path)
    (about,) = (tmp_path / "checkpoints" / "2" / "about").glob("metadata")
    about.write_text(about.read_text().replace("0.2", "0.1", 1))
    assert choose_steps(tmp_path, "best") == (1,)
    assert "step 2 is damaged" in caplog.text
    flip_a_byte(tmp_path, 1)
    with pytest.raises(UserError, match="step 1 is damaged"):
        open_trained(f"{tmp_path}@best").restore("completion", network((0, 0)))
