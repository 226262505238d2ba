"""The kind of device that a command is asked to compute on."""

import jax
import pytest

from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.process import choose_device


def test_a_gpu_that_is_not_there_is_refused():
    if jax.default_backend() == "gpu":
        pytest.skip("there is one")
    before = jax.config.jax_platforms  # pyright: ignore[reportAttributeAccessIssue]
    try:
        with pytest.raises(UserError, match="JAX finds no GPU here"):
            choose_device("gpu")
        choose_device("cpu")
        choose_device(None)
    finally:
        jax.config.update("jax_platforms", before)
