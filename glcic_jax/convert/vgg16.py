"""Cuts torchvision's VGG16 down to what partial convolution's losses need: 7 MB of 528."""

from pathlib import Path

from safetensors.numpy import save

from glcic_jax.convert.pytorch_layout import to_torch
from glcic_jax.layers.vgg16 import NAMES, read_vgg16
from glcic_jax.runtime.disk import write_file
from glcic_jax.runtime.errors import UserError


def shorten(source: Path, output: Path) -> str:
    """Writes features.0 to features.14 of VGG16, float32, under torchvision's names.

    Args:
      source: the file of VGG16, as `read_vgg16` takes it.
      output: the .safetensors file to write.

    Returns:
      A description of what was written.

    Raises:
      UserError: `source` cannot be read or is another network; `output` has another extension or
        cannot be written.
    """
    if output.suffix != ".safetensors":
        raise UserError(f"{output}: VGG16 is written as NAME.safetensors")
    tensors = {}
    for name, (kernel, bias) in zip(NAMES, read_vgg16(source), strict=True):
        tensors |= {f"features.{name}.weight": kernel, f"features.{name}.bias": bias}
    data = save(to_torch(tensors, {name: name for name in tensors}))
    write_file(output, data)
    return f"{output}, {len(data) / 2**20:.1f} MiB"
