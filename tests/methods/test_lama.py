"""LaMa's losses, its discriminator's patches, what it refuses, and what the house does with it."""

import csv

import jax
import numpy as np
import pytest

import glcic_jax
from configs import lama_faces64, lama_places2
from glcic_jax.convert.pytorch_lama import from_state_dict
from glcic_jax.methods.by_name import METHODS
from glcic_jax.methods.lama.discriminator import Discriminator
from glcic_jax.methods.lama.losses import (
    feature_matching_loss,
    known_loss,
    nearest,
    patches_loss,
    receptive_field_loss,
)
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.checkpoint import Checkpoints
from glcic_jax.weights.exchange import write_exchange
from tests.helpers.lama_port import STATE
from tests.helpers.pictures import file_of, photograph
from tests.helpers.ports import convert
from tests.helpers.reports import evaluate
from tests.helpers.small import MEAN

rng = np.random.default_rng(0)


def tiny(**changes):
    config = lama_faces64.get_config()
    config.update(width=2, blocks=1, discriminator_width=2, **changes)
    config.data.crop = 16
    return config


def test_the_error_counts_where_pixels_are_known():
    output, target = (rng.random((2, 8, 8, 3)).astype(np.float32) for _ in range(2))
    mask = (rng.random((2, 8, 8, 1)) > 0.5).astype(np.float32)
    expected = ((1 - mask) * np.abs(output - target)).mean()
    np.testing.assert_allclose(known_loss(output, target, mask), expected, rtol=1e-5)
    assert known_loss(np.where(mask > 0, 9, target), target, mask) == 0


def test_known_patches_of_completions_count_as_real():
    real, fake = (rng.normal(size=(1, 2, 2, 1)).astype(np.float32) for _ in range(2))
    mask = np.zeros((1, 8, 8, 1), np.float32)
    mask[:, :4, :4] = 1  # the first of four patches
    soft = np.logaddexp(0, fake * np.where(np.arange(4) == 0, 1, -1).reshape(1, 2, 2, 1))
    expected = np.logaddexp(0, -real).mean() + soft.mean()
    np.testing.assert_allclose(patches_loss(real, fake, mask), expected, rtol=1e-5)
    assert nearest(mask, (3, 5)).shape == (1, 3, 5, 1)
    np.testing.assert_array_equal(nearest(mask, (3, 5))[0, :, 0, 0], mask[0, [0, 2, 5], 0, 0])


def test_features_are_compared_by_mean_squares():
    ours, theirs = ([rng.random((1, n, n, 2)) for n in (4, 2)] for _ in range(2))
    squares = [np.square(a - b).mean() for a, b in zip(ours, theirs, strict=True)]
    np.testing.assert_allclose(feature_matching_loss(ours, theirs), np.mean(squares), rtol=1e-5)
    np.testing.assert_allclose(receptive_field_loss(ours, theirs), np.sum(squares), rtol=1e-5)


def test_patches_have_the_release_s_sizes():
    """Four layers of stride 2 and padding 2, then two of stride 1: 129, 65, 33, 17, 18 and 19."""
    module = Discriminator(train=False)
    image = jax.ShapeDtypeStruct((1, 256, 256, 3), np.float32)
    shapes, variables = jax.eval_shape(module.init_with_output, jax.random.key(0), image)
    logits, features = shapes
    assert logits.shape == (1, 19, 19, 1)
    assert [f.shape[1] for f in features] == [129, 65, 33, 17, 18]
    assert [f.shape[3] for f in features] == [64, 128, 256, 512, 512]
    assert variables["params"]["layer1"]["kernel"].shape == (4, 4, 3, 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 1}, "width is 1: choose 2 or more"),
        ({"average_decay": 1.0}, "average_decay is 1.0: choose 0, or a share below 1"),
        ({"perceptual_network": "vgg19"}, "choose resnet50 or vgg16"),
        ({"data": {"crop": 60}}, "data.crop is 60: LaMa trains on multiples of 8 pixels"),
        ({"weights": {"known": -1.0}}, "weights.known is -1.0"),
    ],
)
def test_contradictions_are_refused(change, message):
    config = tiny()
    config.update(change)
    with pytest.raises(UserError, match=message):
        METHODS["lama"](config, MEAN)


def test_the_losses_that_are_on_are_named(tmp_path):
    method = METHODS["lama"](lama_places2.get_config("big"), MEAN)
    assert "perceptual is off, as config.perceptual names no weights" in method.note
    assert "loss/perceptual" not in method.phases[0].metrics
    with pytest.raises(UserError, match='lama_places2.py:small: choose "big"'):
        lama_places2.get_config("small")
    for network in ("resnet50", "vgg16"):
        file = tmp_path / f"{network}.npz"
        config = tiny(perceptual=str(file), perceptual_network=network)
        method = METHODS["lama"](config, MEAN)
        assert "30 perceptual" in method.note
        with pytest.raises(UserError, match=f"{network}.npz: No such file"):
            method.prepare()
        file.write_bytes(b"PK")
        with pytest.raises(UserError, match="not a file of weights, or damaged"):
            method.prepare()


@pytest.mark.slow
def test_a_run_and_its_converted_weights_complete_alike(tmp_path):
    config = tiny()
    method = METHODS["lama"](config, MEAN)
    with Checkpoints(tmp_path / "run", keep=1) as checkpoints:
        about = {"config": config.to_dict(), "mean_pixel": MEAN}
        checkpoints.save(3, method.init(jax.random.key(0)), about=about, metrics={})
    assert convert(tmp_path / "run", tmp_path / "out") == 0
    image = rng.integers(0, 256, (21, 30, 3), np.uint8)
    mask = np.zeros((21, 30), bool)
    mask[5:12, 8:20] = True
    ours, converted = (glcic_jax.load(tmp_path / name, texture=False) for name in ("run", "out"))
    completed = ours(image, mask)
    assert not np.array_equal(completed, image)
    np.testing.assert_array_equal(converted(image, mask), completed)
    assert converted.step == 3


@pytest.fixture
def published(tmp_path):
    """Writes a network in the authors' layout, converted, and a picture with its mask."""
    image, mask = photograph(3, 48, 72), np.zeros((48, 72), np.uint8)
    mask[10:30, 20:44] = 255
    write_exchange(from_state_dict(STATE, "best.ckpt"), tmp_path / "net")
    for folder, array in (("data", image), ("masks", mask)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(file_of(array))
    return str(tmp_path / "net"), image, mask


WAYS = {"plain": {}, "blended": {"postprocess": True}, "textured": {"texture": True}}


@pytest.mark.slow
def test_it_is_blended_textured_and_evaluated(published, tmp_path):
    net, image, mask = published
    completer = glcic_jax.load(net)
    ours = {name: completer(image, mask, **way) for name, way in WAYS.items()}
    for completed in ours.values():
        np.testing.assert_array_equal(completed[mask == 0], image[mask == 0])
    assert len({completed.tobytes() for completed in ours.values()}) == len(WAYS)
    rows = [f"plain={net}", f"blended={net}+postprocess", f"textured={net}+texture"]
    assert evaluate(tmp_path, rows) == 0
    with (tmp_path / "report/per_picture.csv").open() as file:
        scores = {line["method"]: float(line["l1"]) for line in csv.DictReader(file)}
    for name, completed in ours.items():
        error = np.abs(completed / 255 - image / 255).mean()
        np.testing.assert_allclose(scores[name], error, rtol=1e-4)


@pytest.mark.slow
def test_the_page_has_it_complete(published):
    pytest.importorskip("starlette")
    from tests.helpers.web import complete, pixels_of, serving

    net, image, mask = published
    completer, files = glcic_jax.load(net), {"image": file_of(image), "mask": file_of(mask)}
    with serving(specs=[f"lama={net}"]) as (port, _):
        for way in WAYS.values():
            asked = dict.fromkeys(way, "1")
            response, png = complete(port, method="lama", **files, **asked)
            assert response.status == 200
            np.testing.assert_array_equal(pixels_of(png), completer(image, mask, **way))
