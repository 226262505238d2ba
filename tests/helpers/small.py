"""A GLCIC small enough for tests: 32-pixel pictures, 16-pixel patches, eight per batch."""

import jax
import numpy as np

from configs import places2
from glcic_jax.methods import METHODS
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


def run_steps(config, steps: int, devices: int = 1, keep=jax.device_get, fsdp: int = 1):
    """States (before the first step and after each) and metrics of a run on CPU devices."""
    method = METHODS[config.method](config, MEAN)
    mesh = make_mesh(jax.devices()[:devices], fsdp)
    step_fn = make_train_step(method, mesh, jax.random.key(1))
    state = place(mesh, method.init(init_key(config.seed)))
    states, metrics = [keep(state)], []
    for index in range(steps):
        state, values = step_fn(state, shard(mesh, make_batch(index)))
        states.append(keep(state))
        metrics.append(jax.device_get(values))
    return states, metrics
