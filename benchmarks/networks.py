"""Makes the networks that complete in the races, ours and their exports.

A network is named by the width of a plain GLCIC network, such as "16", whose weights are random, or
by a folder of weights.
"""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.ours import MEAN, full_width_method
from glcic_jax.complete.any_size import make_any_size
from glcic_jax.complete.completer import Completer, completing_state, make_complete_fn
from glcic_jax.complete.load import load
from glcic_jax.types import Method, TrainState
from glcic_jax.weights.address import open_trained
from glcic_jax.weights.glcic import CompletionWeights, fold
from glcic_jax.weights.trained import flatten_variables


def completer(network: str, dtype: str = "float32") -> Completer:
    """Makes the completer that `glcic_jax.load` would, without copies of texture.

    `dtype` is that of a random network's arithmetic.
    """
    if not network.isdigit():
        return load(network, texture=False)
    method, state = _random(network, dtype)
    return Completer(
        make_complete_fn(method, state),
        MEAN,
        0,
        method.reach,
        any_size=make_any_size(method, completing_state(method, state)),
    )


def export_onnx(network: str, folder: Path) -> str:
    """Writes the ONNX model, batch norm folded into the convolutions, and returns its path.

    Raises:
      UserError: the package onnx is not installed.
    """
    from glcic_jax.convert.onnx import to_onnx

    path = folder / "network.onnx"
    path.write_bytes(to_onnx(fold(_weights(network))))
    return str(path)


def export_state(network: str, folder: Path) -> str:
    """Writes the arrays of the state dict that tests/helpers/smooth_pytorch.py takes, as .npz.

    The network is one that adds to smooth fills; its batch norm is folded into the convolutions.
    """
    from glcic_jax.convert.pytorch_smooth import to_state_dict

    arrays: dict[str, Any] = dict(to_state_dict(fold(_weights(network)))[1])
    path = folder / "network.npz"
    np.savez(path, **arrays)
    return str(path)


def _weights(network: str) -> CompletionWeights:
    if not network.isdigit():
        weights = open_trained(network).weights
        assert isinstance(weights, CompletionWeights), f"{network} is no folder of GLCIC's weights"
        return weights
    state = _random(network, "float32")[1].networks["completion"]
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    tensors = {name: np.asarray(array) for name, array in flatten_variables(variables).items()}
    return CompletionWeights(tensors=tensors, mean_pixel=MEAN)


def _random(width: str, dtype: str) -> tuple[Method, TrainState]:
    phases = {"discriminator": 0, "joint": 0}
    method = full_width_method(256, dtype, width=int(width), discriminators=(), phases=phases)
    return method, method.init(jax.random.key(0))
