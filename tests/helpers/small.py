"""A GLCIC small enough for tests: 32-pixel pictures, 16-pixel patches, eight per batch."""

from copy import deepcopy

import jax
import numpy as np

from configs import places2
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.devices import make_mesh, place, shard
from glcic_jax.train.step import init_key, make_train_step

MEAN = (0.45, 0.44, 0.41)


def small_config(**changes):
    config = places2.get_config()
    config.width = 4
    config.local_patch = 16
    config.data.update(crop=32, resize=(32, 48), batch_size=8, threads=2)
    config.holes.update(shortest=6, longest=12)
    config.phases.update(completion=2, discriminator=2, joint=2)
    return change(config, changes)


def change(config, changes):
    """Sets fields by names such as phases__joint."""
    for name, value in changes.items():
        *path, last = name.split("__")
        node = config
        for part in path:
            node = node[part]
        node[last] = value
    return config


def make_batch(index: int, size: int = 8, crop: int = 32):
    """Smooth pictures with a box each, other ones for every index."""
    rng = np.random.default_rng((7, index))
    coarse = rng.integers(0, 256, (size, 4, 4, 3), dtype=np.uint8)
    image = coarse.repeat(crop // 4, axis=1).repeat(crop // 4, axis=2)
    masks = np.zeros((2, size, crop, crop, 1), np.uint8)
    for mask in masks.reshape(-1, crop, crop, 1):
        height, width = rng.integers(6, 13, 2)
        top, left = rng.integers(0, crop - height), rng.integers(0, crop - width)
        mask[top : top + height, left : left + width] = 1
    return {"image": image, "mask": masks[0], "other_mask": masks[1]}


def first_state(config):
    """Returns the state before the first step, float64 if the config's dtype is.

    Its values are those of float32 either way.
    """
    double = config.dtype == "float64"
    drawn = change(deepcopy(config), {"dtype": "float32"} if double else {})
    state = jax.device_get(METHODS[config.method](drawn, MEAN).init(init_key(config.seed)))
    wide = np.float64 if double else np.float32
    return jax.tree.map(lambda a: a.astype(wide) if a.dtype == np.float32 else a, state)


def stepper(config, devices: int = 1, fsdp: int = 1, traced_phase: bool | None = None):
    """Returns the training step on CPU devices: (state, batch) -> (state, metrics), numpy arrays.

    All of it works in double precision if the config's dtype is float64. Only so can gradients be
    compared closely. In float32, two ways to add the same numbers may leave a ReLU's input on
    either side of 0, and then the gradient jumps by up to 1e-4 of its size.
    """
    double = config.dtype == "float64"
    with jax.enable_x64(double):
        mesh = make_mesh(jax.devices()[:devices], fsdp)
        method, key = METHODS[config.method](config, MEAN), jax.random.key(1)
        step_fn = make_train_step(method, mesh, key, traced_phase=traced_phase)

    def step(state, batch):
        with jax.enable_x64(double):
            return jax.device_get(step_fn(place(mesh, state), shard(mesh, batch)))

    return step


def run_steps(config, steps: int, devices: int = 1):
    """Returns the states (before the first step and after each) and the metrics of a run."""
    step = stepper(config, devices)
    states, metrics = [first_state(config)], []
    for index in range(steps):
        state, values = step(states[-1], make_batch(index))
        states.append(state)
        metrics.append(values)
    return states, metrics


def assert_same_network(ours, theirs):
    """Compares what two programs of double precision made of one network and one batch, by Adam.

    Adam makes a small step even of a gradient that is 0 but for rounding, as that of a bias before
    batch norm: about 1e-11.
    """
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12),
        (ours.batch_stats, ours.opt_state),
        (theirs.batch_stats, theirs.opt_state),
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-9),
        ours.params,
        theirs.params,
    )
