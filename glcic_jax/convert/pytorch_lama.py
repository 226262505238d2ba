"""Converts the networks of LaMa's authors (github.com/advimman/lama) and of those who pass them on.

Files differ in how they hold the generator of Fourier convolutions, and not in its names: the
authors' checkpoints (models/best.ckpt) hold it beside a discriminator and losses, with the config
of the run; TorchScript archives (big-lama.pt) hold it in the module that their program wrapped.
Other generators of the same authors, without Fourier convolutions, are refused.

Ours joins kernels that read the same input, and puts the real parts of all frequencies before the
imaginary ones, which alternate there.
"""

from pathlib import Path

import numpy as np

from glcic_jax.convert.pytorch_layout import NORM_PARTS, from_torch, shape_text, to_torch
from glcic_jax.methods.lama.sizes import HALVINGS, channels, local_channels
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.lama import LamaWeights, generator_shapes
from glcic_jax.weights.trained import Tensors

TITLE = "advimman/lama"

FIRST = "model.1.ffc.convl2l.weight"
"""Name, in the generator, of a tensor that only such networks have."""

REGULAR = "model.1.weight"
"""The same in the authors' networks without Fourier convolutions, such as lama-regular."""

PREFIXES = ("generator.", "model.generator.", "")
"""What precedes the generator's names in a checkpoint, in an archive, and in a file of it alone."""

BESIDE = ("discriminator.", "loss_", "val_evaluator.", "test_evaluator.", "generator_average.")
"""What names of other parts of a checkpoint begin with. They are left out."""


def prefix_of(state: Tensors) -> str | None:
    """Returns what precedes the generator's names; None if there is no such generator."""
    return next((prefix for prefix in PREFIXES if prefix + FIRST in state), None)


def from_state_dict(state: Tensors, source: str) -> LamaWeights:
    """Returns the network of a state dict.

    Args:
      state: arrays by name; `prefix_of` finds the generator.
      source: the file, for messages.

    Raises:
      UserError: it is another network, or holds values that are not finite.
    """
    prefix = prefix_of(state)
    assert prefix is not None
    outer = prefix.removesuffix("generator.")
    own = {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if not name.removeprefix(outer).startswith(BESIDE)
    }
    width = len(own[FIRST]) if own[FIRST].ndim else 0
    blocks = sum(f"model.{n}.conv1.ffc.convl2l.weight" in own for n in range(1000))
    if width < 2 or not blocks:
        raise UserError(
            f"{source}: {FIRST} is {shape_text(own[FIRST].shape)}, expected Wx4x7x7, and "
            f"model.{HALVINGS + 2}.conv1 to be there"
        )
    names, network = _names(blocks), f"LaMa of width {width} and {blocks} blocks"
    apart = from_torch(own, names, _shapes_apart(width, blocks), network, source)
    return LamaWeights(
        tensors=_joined(apart, generator_shapes(width, blocks)),
        mean_pixel=(0.0, 0.0, 0.0),
        source=f"{Path(source).name} ({TITLE})",
    )


def to_state_dict(weights: LamaWeights) -> tuple[str, Tensors]:
    """Converts the other way: returns the program's title, and arrays by a checkpoint's names."""
    apart = _apart(weights.tensors)
    state = to_torch(apart, _names(weights.blocks))
    return TITLE, {f"generator.{name}": tensor for name, tensor in state.items()}


# Names ------------------------------------------------------------------------------------------


def _names(blocks: int) -> dict[str, str]:
    """Returns our names by theirs.

    The parts of a tensor of ours are "+0", for the local output, and "+1", for the global one.
    """
    names = {"model.1.ffc.convl2l.weight": "stem.kernel"} | _norm("model.1.bn_l", "stem_norm")
    for level in range(1, HALVINGS + 1):
        theirs, ours, last = f"model.{level + 1}", f"down{level}", level == HALVINGS
        names |= _outputs(f"{theirs}.ffc", f"{ours}.kernel", last)
        names |= _norms(theirs, f"{ours}_norm", last)
    for block in range(1, blocks + 1):
        for number, part in ((1, "first"), (2, "second")):
            theirs, ours = f"model.{HALVINGS + 1 + block}.conv{number}", f"block{block}_{part}"
            names |= _outputs(f"{theirs}.ffc", f"{ours}.from_local.kernel", True)
            names |= _norms(theirs, f"{ours}.norm", True)
            names[f"{theirs}.ffc.convg2l.weight"] = f"{ours}.global_to_local.kernel"
            spectral = f"{theirs}.ffc.convg2g"
            names[f"{spectral}.conv1.0.weight"] = f"{ours}.spectral.enter.kernel"
            names |= _norm(f"{spectral}.conv1.1", f"{ours}.spectral.enter_norm")
            names[f"{spectral}.fu.conv_layer.weight"] = f"{ours}.spectral.fourier.kernel"
            names |= _norm(f"{spectral}.fu.bn", f"{ours}.spectral.fourier_norm")
            names[f"{spectral}.conv2.weight"] = f"{ours}.spectral.leave.kernel"
    first = HALVINGS + blocks + 3
    for level in range(1, HALVINGS + 1):
        index = first + 3 * (level - 1)
        names |= _biased(f"model.{index}", f"up{level}")
        names |= _norm(f"model.{index + 1}", f"up{level}_norm")
    return names | _biased(f"model.{first + 3 * HALVINGS + 1}", "output")


def _biased(theirs: str, ours: str) -> dict[str, str]:
    return {f"{theirs}.weight": f"{ours}.kernel", f"{theirs}.bias": f"{ours}.bias"}


def _outputs(theirs: str, ours: str, both: bool) -> dict[str, str]:
    """Returns the names of kernels that read the local input."""
    if not both:
        return {f"{theirs}.convl2l.weight": ours}
    return {f"{theirs}.convl2l.weight": f"{ours}+0", f"{theirs}.convl2g.weight": f"{ours}+1"}


def _norm(theirs: str, ours: str, part: str = "") -> dict[str, str]:
    return {f"{theirs}.{their}": f"{ours}.{own}{part}" for own, their in NORM_PARTS.items()}


def _norms(theirs: str, ours: str, both: bool) -> dict[str, str]:
    if not both:
        return _norm(f"{theirs}.bn_l", ours)
    return _norm(f"{theirs}.bn_l", ours, "+0") | _norm(f"{theirs}.bn_g", ours, "+1")


# Tensors ----------------------------------------------------------------------------------------


def _shapes_apart(width: int, blocks: int) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of our tensors by the names that `_names` has for them."""
    shapes, apart = generator_shapes(width, blocks), {}
    local = local_channels(channels(width)[-1])
    for name in _names(blocks).values():
        whole, _, part = name.partition("+")
        *rest, last = shapes[whole]
        apart[name] = (*rest, {"": last, "0": local, "1": last - local}[part])
    return apart


def _joined(apart: Tensors, shapes: dict[str, tuple[int, ...]]) -> Tensors:
    """Returns our tensors from their parts, real frequencies first."""
    tensors = {}
    for name in shapes:
        parts = [apart[key] for key in (name, f"{name}+0", f"{name}+1") if key in apart]
        joined = np.concatenate(parts, axis=-1)
        tensors[name] = _split(joined) if ".fourier" in name else joined
    return tensors


def _apart(tensors: Tensors) -> Tensors:
    """Undoes `_joined`."""
    parts = {}
    local = local_channels(tensors[f"down{HALVINGS}.kernel"].shape[-1])
    for name, tensor in tensors.items():
        whole = _alternating(tensor) if ".fourier" in name else tensor
        parts |= {name: whole, f"{name}+0": whole[..., :local], f"{name}+1": whole[..., local:]}
    return parts


def _split(tensor: np.ndarray) -> np.ndarray:
    """Puts real parts before imaginary ones, which alternate, in a kernel or a vector."""
    axes = (2, 3) if tensor.ndim == 4 else (0,)
    for axis in axes:
        order = np.arange(tensor.shape[axis]).reshape(-1, 2).T.reshape(-1)
        tensor = np.take(tensor, order, axis)
    return np.ascontiguousarray(tensor)


def _alternating(tensor: np.ndarray) -> np.ndarray:
    """Undoes `_split`."""
    axes = (2, 3) if tensor.ndim == 4 else (0,)
    for axis in axes:
        order = np.arange(tensor.shape[axis]).reshape(2, -1).T.reshape(-1)
        tensor = np.take(tensor, order, axis)
    return np.ascontiguousarray(tensor)
