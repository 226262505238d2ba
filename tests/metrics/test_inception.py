"""FID's network against pytorch-fid's, and the command's columns that come from it."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file
from scipy.linalg import sqrtm
from scipy.optimize import minimize

from glcic_jax.evaluate.__main__ import main
from glcic_jax.metrics import bootstrap, distances, perceptual
from glcic_jax.metrics.feature_cache import FeatureCache
from glcic_jax.metrics.networks import inception
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.runtime.errors import UserError

GOLDEN = np.load(Path(__file__).parents[1] / "golden/inception.npz")  # by golden/make_inception.py
WIDTH = 128
rng = np.random.default_rng(0)


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Writes a file of the network, one sixteenth as wide."""
    monkeypatch.setattr(inception, "FEATURE_COUNT", WIDTH)
    tensors = {n.removeprefix("state/"): GOLDEN[n] for n in GOLDEN if n.startswith("state/")}
    tensors["fc.weight"] = np.zeros((1008, WIDTH), np.float16)
    path = tmp_path / "narrow.safetensors"
    save_file(tensors, path)
    return path, tensors


@pytest.mark.slow  # compiles all of it
@pytest.mark.reference
def test_features_are_pytorch_fids(weights):
    features = perceptual.inception_v3(make_mesh(jax.devices()[:2]), weights[0]).function
    small = GOLDEN["small"].astype(np.float32) / 255
    large = small.repeat(10, axis=1).repeat(10, axis=2)
    expected = [GOLDEN[f"features/{name}"][0] for name in ("small", "large")]
    # OpenCV places the pixels that it scales to 1e-5 of a pixel.
    np.testing.assert_allclose(features(small)[0], expected[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(features(large)[0], expected[1], rtol=1e-3, atol=1e-3)
    assert np.abs(expected[0] - expected[1]).max() > 0.05


def test_means_leave_out_what_lies_beyond_the_border():
    x = rng.random((2, 5, 6, 3), np.float32)
    expected = [
        [x[:, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2].mean(axis=(1, 2)) for j in range(6)]
        for i in range(5)
    ]
    found = inception._mean_pool(x)
    np.testing.assert_allclose(found, np.array(expected).transpose(2, 0, 1, 3), rtol=1e-6)


def test_other_networks_are_refused(weights, tmp_path):
    path, tensors = weights
    mesh = make_mesh(jax.devices()[:1])
    with pytest.raises(perceptual.MissingError, match=r"--inception FILE: pt_inception-2015"):
        perceptual.inception_v3(mesh, None)
    kernel = "Mixed_6c.branch7x7_2.conv.weight"
    for changed in ({"fc.weight": tensors["fc.weight"][:1000].copy()}, {kernel: np.ones((1, 1))}):
        save_file(tensors | changed, path)
        with pytest.raises(UserError, match="weights of another network"):
            perceptual.inception_v3(mesh, path)
    with pytest.raises(UserError, match="No such file"):
        perceptual.inception_v3(mesh, tmp_path / "none.pth")


# Scores ------------------------------------------------------------------------------------------


def test_the_separating_plane_is_the_best_one():
    truth = rng.normal(0, 1, (60, 4))
    completed = truth + rng.normal(0.4, 0.5, (60, 4))
    x, labels = np.concatenate([truth, completed]), np.repeat([1.0, -1.0], 60)

    def objective(w):
        return w @ w / 2 + np.square(np.maximum(0, 1 - labels * (x @ w[:4] + w[4]))).sum()

    best = minimize(objective, np.zeros(5), tol=1e-12).x
    values = x @ best[:4] + best[4]
    np.testing.assert_allclose(distances._separate(x, labels), values, atol=1e-4)
    found = distances.fooled(completed, truth)
    assert found.paired == (values[60:] > values[:60]).mean()
    assert found.unpaired == ((values > 0) != (labels > 0)).mean()
    assert 0 < found.paired < found.unpaired < 0.5


def test_completions_like_the_truth_fool_half_and_what_is_far_nobody():
    x, y = rng.normal(0, 1, (2, 4000, 3))
    np.testing.assert_allclose(distances.fooled(x, y), 0.5, atol=0.03)
    assert distances.fooled(x, x).unpaired == 0.5
    assert distances.fooled(x + 50, y) == (0, 0)


def test_frechet_distance_of_fewer_pictures_than_features():
    x, y = rng.random((9, 20)), rng.random((9, 20)) + 0.1
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    apart = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    expected = apart + np.trace(first + second) - 2 * np.trace(sqrtm(first @ second)).real
    np.testing.assert_allclose(distances.frechet_distance(x, y), expected, rtol=1e-6)


def test_a_kernel_in_parts_is_the_whole_one(monkeypatch):
    x, y = rng.random((2, 50, 6))
    whole = distances.kernel_distance(x, y)
    monkeypatch.setattr(bootstrap, "BLOCK", 7 * 50)
    np.testing.assert_allclose(distances.kernel_distance(x, y), whole)


# The cache ---------------------------------------------------------------------------------------


def test_only_new_pictures_of_the_same_network_are_computed(tmp_path):
    seen = []

    def network(pictures):
        seen.extend(pictures.shape[:1])
        return pictures.mean(axis=(1, 2))

    pictures = rng.random((5, 4, 4, 3), np.float32)
    for about, count in (({"weights": "a"}, 3), ({"weights": "a"}, 5), ({"weights": "b"}, 5)):
        cache = FeatureCache(network, tmp_path, about)
        np.testing.assert_array_equal(cache(pictures[:count]), network(pictures[:count]))
        cache.save()
    assert seen[::2] == [3, 2, 5]
    assert len(list(tmp_path.iterdir())) == 2
    cache.path.write_bytes(cache.path.read_bytes()[:-50])
    with pytest.raises(UserError, match="damaged"):
        FeatureCache(network, tmp_path, {"weights": "b"})


# The command -------------------------------------------------------------------------------------


def test_the_command_has_the_columns_and_repeats_itself(weights, tmp_path, capsys, monkeypatch):
    def sampled(weights, image):
        return image[:, 10::19, 10::38, 0].reshape(len(image), WIDTH)  # compiles in no time

    monkeypatch.setattr(inception, "inception_v3", sampled)
    (tmp_path / "data").mkdir()
    for index in range(3):
        picture = rng.integers(0, 256, (6, 6, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
        Image.fromarray(picture).save(tmp_path / f"data/{index}.png")

    def evaluate(*more):
        flags = ["--data", tmp_path / "data", "--masks", "center", "--output", tmp_path / "report"]
        skip = ["--skip", "lpips", "st_lpips", "efflite0"]
        assert main([str(f) for f in ["--methods", "mean", "telea", *flags, *skip, *more]]) == 0
        return (tmp_path / "report/results.json").read_bytes()

    assert "not computed: inception: FID, KID" in (evaluate(), capsys.readouterr().out)[1]
    options = ["--inception", weights[0], "--feature_cache", tmp_path / "cache"]
    first = evaluate(*options)
    printed = capsys.readouterr().out
    assert "inception: 0 of 3 pictures' features from" in printed
    assert "not of full rank" in printed
    assert "narrow.safetensors is not pt_inception-2015-12-05-6726825d.pth" in printed
    assert evaluate(*options) == first
    assert "inception: 3 of 3 pictures' features from" in capsys.readouterr().out
    results = json.loads(first)
    assert len(results["notes"]) == 4  # one on MS-SSIM, which needs larger pictures
    for scores in results["scores"].values():
        assert scores["fid"]["value"] > 0
        assert scores["kid"]["low"] <= scores["kid"]["value"]
        assert scores["p_ids"]["value"] == scores["u_ids"]["value"] == 0
    manifest = json.loads((tmp_path / "report/manifest.json").read_text())
    assert len(manifest["weights"]["inception"]) == 64
    assert "not of full rank" in (tmp_path / "report/index.html").read_text()
