"""The config of the tests' runs of several processes, and a method that compiles in a second.

    python -m tests.helpers.tiny --config tests/helpers/tiny.py --workdir DIR

is python -m glcic_jax.main that knows this method.
"""

import os
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
from jax.sharding import NamedSharding, PartitionSpec

from glcic_jax import main
from glcic_jax.data import pipeline
from glcic_jax.data.ahead import read_ahead
from glcic_jax.methods.by_name import METHODS
from glcic_jax.metrics import held_out
from glcic_jax.metrics.held_out import HeldOutScores
from glcic_jax.metrics.perceptual import Loaded, MissingError
from glcic_jax.runtime import distributed
from glcic_jax.runtime.aside import leave
from glcic_jax.runtime.devices import DATA, split_over_fsdp
from glcic_jax.types import Method, NetworkState, Phase, TrainState
from tests.helpers.small import small_config

OPTIMIZER = split_over_fsdp(optax.adadelta(1.0))


def get_config(method="toy"):
    config = small_config(discriminators=(), keep=10, method=method)
    config.data.update(held_out=0.25, held_out_examples=6, min_edge=16, batch_size=8)
    config.cpu_devices = 2
    config.phases.update(completion=6, discriminator=0, joint=0)
    config.every.update(log=1, images=3, evaluate=3, checkpoint=2)
    return config


def fill(params, image, mask):
    colours = jax.nn.sigmoid(
        jax.nn.tanh(image @ params["wide"]) @ params["kernel"] + params["bias"]
    )
    return mask * colours + (1 - mask) * image


def toy(config, mean_pixel):
    """Colours of a hole from those that it hides; two matrices."""

    def init(key):
        wide, kernel = jax.random.normal(key, (2, 3, 8))
        params = {"wide": wide, "kernel": kernel.T, "bias": jnp.zeros(3)}
        network = NetworkState(params, {}, OPTIMIZER.init(params))
        return TrainState(jnp.zeros((), jnp.int32), {"completion": network})

    def update(state, batch, key):
        network = state.networks["completion"]

        def loss(params):
            noise = 0.01 * jax.random.normal(key, batch["image"].shape[1:])
            output = fill(params, batch["image"] + noise, batch["mask"])
            return jax.lax.pmean(jnp.mean((output - batch["image"]) ** 2), DATA)

        mse, gradients = jax.value_and_grad(loss)(network.params)
        moves, opt_state = OPTIMIZER.update(gradients, network.opt_state, network.params)
        params = optax.apply_updates(network.params, moves)
        moved = network.replace(params=params, opt_state=opt_state)
        metrics = {"loss/mse": mse, "grad_norm": optax.tree.norm(gradients)}
        return state.replace(networks={"completion": moved}), metrics

    def complete(state, image, mask, key):
        return fill(state.networks["completion"].params, image, mask)

    def previews(state, image, mask, key):
        return {"completed": complete(state, image, mask, key)}

    networks = ("completion",)
    metrics = ("loss/mse", "grad_norm")
    phase = Phase("completion", config.phases.completion, update, metrics, moves=networks)
    return Method(init, (phase,), complete, previews, networks)


def slow_saves(wait):
    """Orbax's options, by which a save calls `wait` when all but its last part is done."""
    slow = ocp.AsyncOptions(post_finalization_callback=wait)
    return partial(ocp.CheckpointManagerOptions, async_options=slow)


def compile_for_ever(*arguments):
    """Prints that it began."""
    print("compiling for ever", flush=True)
    time.sleep(1000)


def hurried(patience, batches, count, check):
    """`read_ahead`, of whose patience only the first batch has what it needs."""
    yield next(batches)
    times = {"silent_seconds": patience / 3, "patience": patience}
    yield from read_ahead(batches, count, check=check, **times)


def late(measure, seconds):
    """`measure`, which takes longer the first time, as where its programs are to be compiled."""
    once = iter([seconds])

    def measured(*arguments):
        time.sleep(next(once, 0))
        return measure(*arguments)

    return measured


def difference(first, second, mask):
    return jnp.abs(first - second).mean((1, 2, 3))


def colours(pictures):
    return pictures[:, ::16, ::16].reshape(len(pictures), -1)


def made_up(network):
    """Loads a network on its devices that compares, or sees, colours: it has no weights."""

    def load(mesh):
        placed = jax.jit(network, out_shardings=NamedSharding(mesh, PartitionSpec()))
        return Loaded(lambda *pictures: np.asarray(placed(*pictures)), None)

    return load


def lacking(mesh):
    raise MissingError("pip install the_package")


def run(config, workdir, accept_data=False):
    """main.run, slowed down so that the tests can break it, or breaking by itself."""
    pause = float(os.environ.get("TINY_PAUSE", "0"))
    fails_at = os.environ.get("TINY_FAILS", "")
    if "TINY_SAVING" in os.environ:
        saving = float(os.environ["TINY_SAVING"])
        ocp.CheckpointManagerOptions = slow_saves(partial(time.sleep, saving))
    if "TINY_PATIENCE" in os.environ:
        pipeline.read_ahead = partial(hurried, float(os.environ["TINY_PATIENCE"]))
    if os.environ.get("TINY_COMPILING") == str(jax.process_index()):
        distributed._compiled = compile_for_ever
    if "TINY_NETWORKS" in os.environ:  # of the processes that have them
        has = str(jax.process_index()) in os.environ["TINY_NETWORKS"]
        held_out.PERCEPTUAL = {"lpips": made_up(difference) if has else lacking}
        held_out.FEATURES = {"efflite0": made_up(colours) if has else lacking}
    late_one, _, seconds = os.environ.get("TINY_SCORING", "").partition(":")
    if late_one == str(jax.process_index()):
        HeldOutScores.__call__ = late(HeldOutScores.__call__, float(seconds))
    make_dataset = main.make_dataset

    def slow_dataset(*arguments, **named):
        dataset = make_dataset(*arguments, **named)

        def batches(step, check):
            for number, batch in enumerate(dataset.batches(step, check), start=step + 1):
                if f"{jax.process_index()}:{number}" == fails_at:
                    raise RuntimeError("the test's own")
                time.sleep(pause)
                yield batch

        return dataset._replace(batches=batches)

    main.make_dataset = slow_dataset
    main.run(config, workdir, accept_data)


if __name__ == "__main__":
    METHODS["toy"] = METHODS["glcic"]._replace(build=toy)
    leave(main.main(run))
