"""Builds the method to copy: a U-Net trained by L1. CONTRIBUTING.md, "Add a method", has the steps.

Replace this text: name the paper, and list where the method differs from it, and why.
"""

from typing import Any

from ml_collections import ConfigDict

from glcic_jax.layers.precision import precision
from glcic_jax.methods.checks import check_least
from glcic_jax.methods.completion import completion_from
from glcic_jax.methods.optimizers import optimizer_of
from glcic_jax.methods.template.network import UNet
from glcic_jax.methods.template.updates import METRICS, Template
from glcic_jax.types import Method, Phase


def build(config: Any, mean_pixel: tuple[float, float, float]) -> Method:
    """Builds the method from `config`, which has the fields of configs/template.py.

    Args:
      config: a ConfigDict, or a dict of the same fields.
      mean_pixel: mean of the training pictures, RGB in [0, 1].

    Raises:
      UserError: a network without channels, or an unknown dtype.
    """
    config = ConfigDict(config)
    # Replace: refuse settings that cannot work, in one line that names the field (checks.py).
    check_least("width", config.width, 1)
    # Replace: the class of updates.py, with values out of the config. Only this file reads configs.
    template = Template(
        network=UNet(config.width, precision(config.dtype)),
        optimizer=optimizer_of("adam", **config.optimizer),
        mean_pixel=mean_pixel,
    )
    return Method(
        init=template.init,
        # Replace: one Phase for each stretch of training. Its name is a field of config.phases.
        phases=(Phase("l1", config.phases.l1, template.update, METRICS, moves=("completion",)),),
        complete=completion_from(template.previews),
        previews=template.previews,
        # Replace: the names of the networks that completing needs. Only these are converted.
        networks=("completion",),
        # Add what else `Method` in types.py offers: reach, size, prepare, note and more.
    )
