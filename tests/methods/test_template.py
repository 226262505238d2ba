"""The template works as it is, so a copy of it starts from a method that trains."""

import jax
import numpy as np
import pytest
from PIL import Image

import glcic_jax
from configs import template
from glcic_jax.main import run
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import read_records
from tests.helpers.small import MEAN, run_steps


def tiny(**data):
    config = template.get_config()
    config.width = 4
    config.data.update(crop=32, resize=(32, 40), batch_size=4, threads=2, min_edge=16, **data)
    config.holes.update(shortest=6, longest=12)
    config.phases.l1 = 3
    config.every.update(log=1, images=3, evaluate=3, checkpoint=3)
    return config


@pytest.mark.slow
def test_the_template_trains_loads_and_completes(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(6):
        coarse = rng.integers(0, 256, (10, 12, 3), np.uint8)
        Image.fromarray(coarse.repeat(4, 0).repeat(4, 1)).save(tmp_path / f"pictures/{number}.png")
    config = tiny(root=str(tmp_path / "pictures"), held_out=0.3, held_out_examples=4)
    run(config, tmp_path / "run")
    steps = [r["step"] for r in read_records(tmp_path / "run") if r["kind"] == "train"]
    assert steps == [1, 2, 3]

    completer = glcic_jax.load(tmp_path / "run")
    image = rng.integers(0, 256, (45, 50, 3), np.uint8)
    mask = np.zeros((45, 50), bool)
    mask[10:30, 20:50] = True
    completed = completer(image, mask)
    np.testing.assert_array_equal(completed[~mask], image[~mask])
    other = np.where(mask[..., None], 255 - image, image)
    np.testing.assert_array_equal(completer(other, mask), completed)
    assert (completed[mask] != image[mask]).any()


@pytest.mark.slow
def test_device_count_changes_nothing():
    config = tiny()
    config.dtype = "float64"
    (one, one_metrics), (four, four_metrics) = (run_steps(config, 2, devices=n) for n in (1, 4))
    for ours, theirs in zip(one_metrics, four_metrics, strict=True):
        for name in ours:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-10, err_msg=name)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12),
        one[-1].networks["completion"].params,
        four[-1].networks["completion"].params,
    )


def test_a_network_without_channels_is_refused():
    config = tiny()
    config.width = 0
    with pytest.raises(UserError, match="width is 0: choose 1 or more"):
        METHODS["template"](config, MEAN)
