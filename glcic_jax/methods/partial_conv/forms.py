"""Lists the forms of the network: the paper's, and that of an earlier project."""

from collections.abc import Callable
from typing import Any, NamedTuple

from glcic_jax.methods.partial_conv.form_names import PAIRED, PAPER
from glcic_jax.methods.partial_conv.network import PartialUNet, reach
from glcic_jax.methods.partial_conv.paired_network import PairedUNet, paired_reach


class Form(NamedTuple):
    """Describes a form of the network.

    Attributes:
      network: makes the module from `train`, `levels`, `width`, `axis_name` and `dtype`.
      reach: returns how many pixels around a pixel its completion depends on, given the levels.
      centred: whether the module's input and output are differences to the mean pixel; otherwise
        they are RGB in [0, 1].
    """

    network: Callable[..., Any]
    reach: Callable[[int], int]
    centred: bool


FORMS = {
    PAPER: Form(PartialUNet, reach, centred=True),
    PAIRED: Form(PairedUNet, paired_reach, centred=False),
}
"""The forms by the name that config.form gives them."""
