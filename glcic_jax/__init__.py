"""Completes images (inpainting) in JAX: GLCIC and related methods.

completer = glcic_jax.load("runs/quickstart")
completed = completer(image, mask)          # uint8 [h, w, 3] and [h, w] -> uint8 [h, w, 3]
"""

import sys
from typing import TYPE_CHECKING

from glcic_jax.runtime.version import VERSION as __version__

if TYPE_CHECKING:
    from glcic_jax.complete.completer import Completer
    from glcic_jax.complete.load import load

__all__ = ["Completer", "__version__", "load"]

if sys.argv[:1] == ["-m"]:  # python -m glcic_jax.COMMAND is about to import the command
    from glcic_jax.runtime.command_line import stop_in_one_line

    stop_in_one_line()


def __getattr__(name: str):
    """Imports JAX only once `load` or `Completer` is used, so that `--help` is instant."""
    if name in ("Completer", "load"):
        from glcic_jax.complete import load as inference

        return getattr(inference, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
