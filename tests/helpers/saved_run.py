"""A run folder with a network that was barely trained."""

from glcic_jax.methods.by_name import METHODS
from glcic_jax.train.step import init_key
from glcic_jax.weights.checkpoint import Checkpoints
from tests.helpers.small import MEAN, small_config


def save_run(run, **about):
    """Saves step 3 of a small GLCIC whose config is changed by `about`, and returns `run`."""
    config = small_config(width=4, discriminators=(), phases__discriminator=0, phases__joint=0)
    method = METHODS["glcic"](config, MEAN)
    described = {"config": config.to_dict() | about, "mean_pixel": MEAN}
    with Checkpoints(run, keep=2) as checkpoints:
        checkpoints.save(3, method.init(init_key(0)), about=described, metrics={})
    return run
