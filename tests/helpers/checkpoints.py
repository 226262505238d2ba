"""Checkpoints of two small networks, and ways to damage them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from glcic_jax.types import NetworkState, TrainState
from glcic_jax.weights.checkpoint import Checkpoints

ABOUT = {"config": {"method": "glcic"}, "mean_pixel": [0.1, 0.2, 0.3]}


def network(seed, width=6):
    """Returns a network of one random layer, with its statistics and Adadelta after one update."""
    rng = np.random.default_rng(seed)
    params = {"layer": {"kernel": jnp.asarray(rng.normal(size=(3, width)), jnp.float32)}}
    optimizer = optax.adadelta(1.0)
    opt_state = optimizer.init(params)
    _, opt_state = optimizer.update(params, opt_state, params)
    stats = {"norm": {"mean": jnp.asarray(rng.normal(size=width), jnp.float32)}}
    return NetworkState(params, stats, opt_state)


def state_at(step, width=6):
    """Returns a state of two networks that only this step has."""
    networks = {name: network((step, i), width) for i, name in enumerate(("completion", "other"))}
    return TrainState(jnp.asarray(step, jnp.int32), networks)


def save(run, steps, metrics=None, **options):
    """Saves the states of the steps and returns the steps that are kept."""
    with Checkpoints(run, **({"keep": 3} | options)) as checkpoints:
        for step in steps:
            scores = {} if metrics is None else {"held_out/l1": metrics[step]}
            checkpoints.save(step, state_at(step), about=ABOUT, metrics=scores)
        checkpoints.wait()
        return checkpoints.steps()


def restore(run, like=None):
    """Returns the state of the latest intact checkpoint, or None without one."""
    with Checkpoints(run, keep=3) as checkpoints:
        return checkpoints.restore_latest(state_at(0) if like is None else like)


def assert_equal(ours, theirs):
    """Compares two trees: the same structure, the same arrays bit for bit."""
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def data_files(run, step):
    """Lists the files that hold the parameters of a checkpoint."""
    files = [p for p in (run / f"checkpoints/{step}").rglob("*") if p.is_file()]
    return sorted(p for p in files if p.parent.name == "d" and "params" in str(p))


def flip_a_byte(run, step):
    """Flips a byte in the middle of each file that holds arrays."""
    for path in data_files(run, step):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x40
        path.write_bytes(bytes(data))


def truncate(run, step):
    """Cuts the last 20 bytes off each file that holds arrays."""
    for path in data_files(run, step):
        path.write_bytes(path.read_bytes()[:-20])


def remove_a_file(run, step):
    """Removes one of the files that hold arrays."""
    data_files(run, step)[0].unlink()
