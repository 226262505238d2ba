"""Steps and completions lowered for GPUs and TPUs, without any: no form for CPUs alone slips in."""

import json
import re

import jax
import jax.numpy as jnp
import pytest
from ml_collections import ConfigDict

from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.train.step import one_phase
from tests.helpers.methods import names, program_text

MEAN = (0.45, 0.44, 0.41)
PLATFORMS = ("cuda", "tpu")

CALLS = re.compile(r"Sharding|SPMD\w+Shape|annotate_device_placement")
"""Custom calls that every platform has."""

TEXTS = {program_text(name): name for name in names()}
"""A config for each program: others differ from it in data, holes and numbers of updates."""


def check(traced):
    """Checks the programs of both platforms. A primitive that one lacks raises an error."""
    for platform in PLATFORMS:
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        own = [
            call for call in re.findall(r"custom_call @(\w+)", text) if not CALLS.fullmatch(call)
        ]
        assert not own, platform
        assert "stablehlo.convolution" in text, platform


def opened(text):
    """Returns a config, its method and the method's state without arrays."""
    config = ConfigDict(json.loads(text))
    method = METHODS[config.method](config, MEAN)
    return config, method, jax.eval_shape(method.init, jax.random.key(0))


def test_a_form_for_cpus_alone_is_found():
    with pytest.raises(NotImplementedError, match="cuda"):
        check(jax.jit(jax.lax.linalg.schur).trace(jnp.eye(3)))
    with pytest.raises(AssertionError, match="cuda"):
        check(jax.jit(jnp.matmul).trace(jnp.eye(3), jnp.eye(3)))


@pytest.mark.slow  # seconds each
@pytest.mark.parametrize("text", TEXTS, ids=TEXTS.values())
def test_each_phase_of_a_config(text):
    config, method, state = opened(text)
    crop, count = config.data.crop, config.data.batch_size
    batch = {
        name: jax.ShapeDtypeStruct((count, crop, crop, channels), jnp.uint8)
        for name, channels in (("image", 3), ("mask", 1), ("other_mask", 1))
    }
    mesh = make_mesh(jax.devices()[:1])
    for phase in method.phases:
        if phase.steps:
            check(one_phase(mesh, phase).trace(state, batch))


@pytest.mark.slow
@pytest.mark.parametrize("text", TEXTS, ids=TEXTS.values())
def test_the_completion_of_a_config(text, monkeypatch):
    # JAX lowers what calls the host back for devices that are there alone; ours only logs.
    monkeypatch.setattr(jax.debug, "callback", lambda *_: None)
    _, method, state = opened(text)
    size = (method.size, method.size) if method.size else (270, 203)
    image, mask = (jax.ShapeDtypeStruct((1, *size, channels), jnp.float32) for channels in (3, 1))
    key = jax.eval_shape(lambda: jax.random.key(0))
    check(jax.jit(method.complete).trace(state, image, mask, key))
    if method.generate is not None:
        keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), 2))
        check(jax.jit(method.generate).trace(state, keys))
