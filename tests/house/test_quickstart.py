"""`make quickstart`, part by part: its two recipes, its first picture, its table and pictures."""

import numpy as np
import pytest
from ml_collections import ConfigDict

from configs import places2, quickstart
from experiments import first_picture
from experiments import quickstart as shown
from glcic_jax import main
from glcic_jax.pictures.decode import decode
from glcic_jax.runtime.errors import UserError
from glcic_jax.settings.check import check, with_defaults


def test_one_recipe_is_the_papers_and_both_take_as_many_updates_on_the_same_pictures():
    paper, ours, whole = (
        quickstart.get_config("paper"),
        quickstart.get_config(),
        places2.get_config(),
    )
    for name in ("smooth_holes", "reconstruction", "perceptual", "adversarial", "discriminators"):
        assert paper[name] == whole[name], name
    assert paper.optimizer.to_dict() == whole.optimizer.to_dict()
    assert {k: v for k, v in paper.holes.items() if k in shown.SCORED_HOLES} == shown.SCORED_HOLES
    assert ours.data.to_dict() == paper.data.to_dict() | {"colours": True}
    assert ours.phases.to_dict() == paper.phases.to_dict()
    assert ours.seed == paper.seed
    assert ours.optimizer.cosine == ours.phases.completion + ours.phases.joint
    assert ours.smooth_holes and all(count > 0 for count in ours.phases.values())


@pytest.mark.parametrize("recipe", ["", "paper"])
def test_both_recipes_are_whole_configs(recipe):
    check(ConfigDict(with_defaults(quickstart.get_config(recipe).to_dict())))


def test_other_recipes_are_refused():
    with pytest.raises(UserError, match="quickstart.py:pretrained: choose paper, or nothing"):
        quickstart.get_config("pretrained")


def test_the_first_picture_shows_what_is_removed(tmp_path, monkeypatch, capsys):
    def completer(photograph, mask):
        return np.where(mask[..., None] > 0, np.uint8(7), photograph)

    monkeypatch.setattr(first_picture, "load", lambda: completer)
    path = tmp_path / "new" / "first.png"
    assert first_picture.main([str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    photograph, mask = first_picture.photograph_and_mask()
    height, width = mask.shape
    assert 0.01 < mask.mean() < 0.1
    picture = decode(path)[22 : 22 + height]
    before, marked, after = (picture[:, i * (width + 4) :][:, :width] for i in range(3))
    np.testing.assert_array_equal(before, photograph)
    np.testing.assert_array_equal(marked[mask == 0], photograph[mask == 0])
    np.testing.assert_array_equal(after, completer(photograph, mask))
    assert (marked[mask > 0] == 255).all()


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["", "paper"])
def test_a_short_run_ends_in_a_table_and_pictures(recipe, tmp_path, capsys):
    """Starts ahead of Telea, since a smooth fill is; the paper's recipe cannot catch up so fast."""
    config = quickstart.get_config(recipe)
    config.width, config.data.batch_size = 4, 8
    config.phases.update(completion=4, discriminator=1, joint=1)
    config.every.update(log=2, images=4, evaluate=4, checkpoint=4)
    main.run(config, tmp_path / "run")
    capsys.readouterr()
    assert shown.main([str(tmp_path / "run")]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[-3:] == ["L1", "PSNR", "SSIM"]
    scores = {
        row[:36].strip(): np.array(row[36:].split(), float) for row in rows if row[:1] not in "hac"
    }
    telea, last = scores["telea"], scores["ours after joint (6 updates)"]
    np.testing.assert_allclose(telea, [0.0201, 35.66, 0.822], atol=0.006)
    ahead = (last - telea) * (-1, 1, 1) > 0
    assert ahead.all() if not recipe else not ahead.any()
    folder = tmp_path / "run" / "completed"
    assert {path.name for path in folder.iterdir()} == {
        *("photograph.png", "mask.png", "completed.png", "comparison.png", "held_out.png")
    }
    photograph, mask = first_picture.photograph_and_mask()
    completed = decode(folder / "completed.png")
    np.testing.assert_array_equal(completed[mask == 0], photograph[mask == 0])
