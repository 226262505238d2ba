"""Exports completion as a StableHLO program, which runs in JAX or elsewhere without our code."""

from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import export

from glcic_jax.types import Image, Mask
from glcic_jax.weights.trained import Weights, cast_tensors

PLATFORMS = ("cpu", "cuda", "tpu")


def to_stablehlo(weights: Weights, dtype: str = "float32") -> bytes:
    """Exports (image, mask) -> completed for any number of pictures of any size.

    Arguments and result are those of `make_complete_fn`: float32 [b, h, w, 3] in [0, 1] and
    [b, h, w, 1] with 1 = hole. `jax.export.deserialize(bytearray(data)).call(image, mask)` runs it.

    Args:
      weights: the network; its tensors become constants of the program.
      dtype: the dtype in which these are stored, a key of DTYPES; arithmetic is float32.

    Returns:
      The bytes of the file.

    Raises:
      UserError: a value is too large for float16.
    """
    tensors = cast_tensors(weights.tensors, dtype)

    @jax.jit
    def complete(image: Image, mask: Mask) -> Image:
        restored = {name: jnp.asarray(t).astype(jnp.float32) for name, t in tensors.items()}
        method, state = replace(weights, tensors=restored).completing()
        return method.complete(state, image, mask, jax.random.key(0))

    image, mask = (jax.ShapeDtypeStruct((1, 1, 1, c), jnp.float32) for c in (3, 1))
    sizes = export.symbolic_args_specs((image, mask), ("b, h, w, 3", "b, h, w, 1"))
    return bytes(export.export(complete, platforms=PLATFORMS)(*sizes).serialize())
