"""The precision that networks work in."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from glcic_jax.runtime.errors import UserError

PRECISIONS = ("float32", "bfloat16")


def precision(dtype: str) -> np.dtype:
    """Returns the dtype that a config asks for.

    Where JAX works in double precision (`jax.enable_x64`) it may be float64. That is for checks:
    what differs there beyond 1e-10 differs for another reason than rounding.

    Args:
      dtype: as in the config.

    Raises:
      UserError: it is not a precision that networks can work in.
    """
    doubled = dtype == "float64" and jax.dtypes.canonicalize_dtype(float) == np.float64
    if dtype not in PRECISIONS and not doubled:
        raise UserError(f'dtype is "{dtype}": choose {" or ".join(PRECISIONS)}')
    return jnp.dtype(dtype)


def widened(x: Array) -> Array:
    """Returns bfloat16 as float32, and what is float32 or wider as it is."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
