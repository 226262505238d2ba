"""Works through a batch in parts, one after the other, to save memory."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from glcic_jax.types import Batch


def over_parts(function: Any, stats: Any, batch: Batch, count: int) -> tuple[Any, Any]:
    """Calls `function(stats, part)` for one part of a batch after the other.

    Args:
      function: returns statistics, and values to average.
      stats: what it gets with the first part. Later ones get what it returned before.
      batch: a device's share.
      count: number of parts, which divides the share. With 1 the function is called once.

    Returns:
      The last statistics, and the mean of the values over the parts.
    """
    if count == 1:
        return function(stats, batch)
    parts = {name: x.reshape(count, -1, *x.shape[1:]) for name, x in batch.items()}
    first = jax.tree.map(lambda x: x[0], parts)
    shapes = jax.eval_shape(function, stats, first)[1]
    zeros = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)

    def add(carry, part):
        stats, values = function(carry[0], part)
        return (stats, jax.tree.map(lambda a, b: a + b / count, carry[1], values)), None

    return lax.scan(add, (stats, zeros), parts)[0]
