"""Decides the precision that networks compute in."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from glcic_jax.runtime.errors import UserError

PRECISIONS = ("float32", "bfloat16")
"""The dtypes that a config may ask for."""


def precision(dtype: str) -> np.dtype:
    """Returns the dtype that a config asks for.

    Where JAX works in double precision (`jax.enable_x64`) it may be float64. That is for checks:
    results that differ there by more than 1e-10 differ for another reason than rounding.

    Args:
      dtype: as in the config.

    Raises:
      UserError: networks cannot compute in this precision.
    """
    doubled = dtype == "float64" and jax.dtypes.canonicalize_dtype(float) == np.float64
    if dtype not in PRECISIONS and not doubled:
        raise UserError(f'dtype is "{dtype}": choose {" or ".join(PRECISIONS)}')
    return jnp.dtype(dtype)


def widened(x: Array) -> Array:
    """Returns bfloat16 as float32, and wider floats as they are."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
