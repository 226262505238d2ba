"""The size of programs, on which the time of compiling them depends."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest

from configs import places2
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.train import step
from glcic_jax.train.step import init_key, make_train_step
from glcic_jax.types import phase_ends
from tests.helpers.small import MEAN

LINES = {"completion": 8100, "discriminator": 6300, "joint": 14750}
"""Lines of StableHLO that a step of each phase may have: a twentieth more than it had when this was
written. A CPU compiles one in about a millisecond."""

TILED_LINES = 3070
"""The same of the program that completes pictures of any size. It leaves out tiles that no hole
depends on, for which it takes an eighth more lines and a quarter fewer operations once compiled."""


def glcic():
    config = places2.get_config()
    config.data.crop, config.local_patch = 64, 32
    return METHODS["glcic"](config, MEAN)


def lines(lowered):
    return lowered.as_text().count("\n")


@pytest.mark.parametrize(
    "index", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
)
def test_a_training_step_stays_small(index, monkeypatch):
    """Lowers the very program that training compiles on a CPU; it holds one phase alone."""
    monkeypatch.setattr(
        step,
        "compiled_together",
        lambda function, check, static: partial(function.lower, static=static),
    )
    method = glcic()
    state = jax.eval_shape(method.init, init_key(0))
    state = state.replace(step=jnp.asarray(phase_ends(method.phases)[index] - 1))
    batch = {
        name: jax.ShapeDtypeStruct((8, 64, 64, channels), jnp.uint8)
        for name, channels in (("image", 3), ("mask", 1), ("other_mask", 1))
    }
    mesh = make_mesh(jax.devices()[:1])
    lowered = make_train_step(method, mesh, jax.random.key(0))(state, batch)
    assert lines(lowered) <= LINES[method.phases[index].name], lines(lowered)


def test_the_program_for_pictures_of_any_size_stays_small():
    method = glcic()
    within = method.complete_within
    assert within is not None
    state = jax.eval_shape(method.init, init_key(0))
    picture, mask = (
        jax.ShapeDtypeStruct((1, 512, 512, channels), jnp.float32) for channels in (3, 1)
    )
    edge = jax.ShapeDtypeStruct((), jnp.int32)
    lowered = jax.jit(
        lambda state, picture, mask, height, width: within(
            state, picture, mask, jax.random.key(0), (height, width)
        )
    ).lower(state, picture, mask, edge, edge)
    assert lines(lowered) <= TILED_LINES, lines(lowered)
