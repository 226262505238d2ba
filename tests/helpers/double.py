"""python -m glcic_jax.main in double precision, which is for tests alone.

    JAX_ENABLE_X64=1 python -m tests.helpers.double --config FILE --workdir DIR

In float32, two ways to add the same numbers may leave a ReLU's input on either side of 0, and then
the gradient jumps by more than rounding.
"""

import jax
import jax.numpy as jnp
import numpy as np

from glcic_jax import main
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.aside import leave
from glcic_jax.train.viewer import Viewer


def widened(build):
    """Returns a method's builder whose first state is float64, as is its arithmetic."""

    def double(config, mean_pixel):
        config = config.copy_and_resolve_references()
        method = build(config, mean_pixel)
        config.dtype = "float64"
        wide = build(config, mean_pixel)

        def init(key):
            state = method.init(key)
            return jax.tree.map(lambda a: a.astype(float) if a.dtype == jnp.float32 else a, state)

        return wide._replace(init=init)

    return double


def run_widened(run):
    """Returns the viewer's `_run` for pictures of one dtype: scores and grids have their own."""

    def double(viewer, state, image, mask):
        return run(viewer, state, np.asarray(image, float), np.asarray(mask, float))

    return double


if __name__ == "__main__":
    Viewer._run = run_widened(Viewer._run)
    METHODS["glcic"] = METHODS["glcic"]._replace(build=widened(METHODS["glcic"].build))
    leave(main.main())
