"""Every shipped config builds at full size, without arrays; some are checked against the paper."""

import importlib
import json
import math
import re
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from glcic_jax.data.transforms import check_sizes
from glcic_jax.masks.kinds import make_hole
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.settings.document import with_tables
from glcic_jax.train.step import one_phase
from glcic_jax.types import TrainState, phase_ends
from tests.helpers.methods import config_of, names, program_text

NAMES = names()  # finetune takes most from the run it starts from: tests/train/test_main.py
MEAN = (0.45, 0.44, 0.41)


ONE_OF_EACH_METHOD = {config_of(name).method: name for name in [*NAMES, "places2"]}.values()


@pytest.mark.parametrize("name", NAMES)
def test_config_builds(name):
    config = config_of(name)
    method = METHODS[config.method](config, MEAN)
    assert {phase.name: phase.steps for phase in method.phases} == config.phases.to_dict()


@pytest.mark.parametrize(
    "name",
    [
        name if name in ONE_OF_EACH_METHOD else pytest.param(name, marks=pytest.mark.slow)
        for name in NAMES
    ],
)
def test_config_traces_at_full_size(name):
    config = config_of(name)
    check_sizes(config.data.resize, config.data.crop)
    make_hole(config.holes, config.data.crop, config.data.crop)
    check_builds(program_text(name))


@cache
def check_builds(text):
    """Traces a config's last phase and its completion: once for those of the same programs."""
    config = ConfigDict(json.loads(text))
    method = METHODS[config.method](config, MEAN)
    crop, count = config.data.crop, config.data.batch_size
    batch = {
        name: jax.ShapeDtypeStruct((count, crop, crop, channels), jnp.uint8)
        for name, channels in (("image", 3), ("mask", 1), ("other_mask", 1))
    }
    state = jax.eval_shape(method.init, jax.random.key(0))
    last = [phase for phase in method.phases if phase.steps][-1]  # it moves all networks there are
    devices = jax.devices()[: math.gcd(count, len(jax.devices()))]
    mesh = make_mesh(devices, fsdp=2)  # every method's optimizers can be split
    after, metrics = jax.eval_shape(one_phase(mesh, last), state, batch)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert all(value.shape == () for value in metrics.values())
    size = (method.size, method.size) if method.size else (270, 203)
    image = jax.ShapeDtypeStruct((1, *size, 3), jnp.float32)
    mask = jax.ShapeDtypeStruct((1, *size, 1), jnp.float32)
    completed = jax.eval_shape(method.complete, state, image, mask, jax.random.key(0))
    assert completed.shape == image.shape
    assert isinstance(state, TrainState)


def test_places2_is_the_paper():
    config = config_of("places2")
    method = METHODS["glcic"](config, MEAN)
    assert phase_ends(method.phases) == (90_000, 100_000, 500_000)
    assert config.data.batch_size == 96
    assert config.data.batch_size // 4 == 24
    assert (config.adversarial.weight, config.optimizer.learning_rate) == (4e-4, 1.0)
    state = jax.eval_shape(method.init, jax.random.key(0))
    counts = {
        name: sum(leaf.size for leaf in jax.tree.leaves(network.params))
        for name, network in state.networks.items()
    }
    assert counts == {"completion": 6_072_131, "discriminator": 45_063_681}


def test_celeba_and_faces_have_the_smaller_discriminators():
    sizes = {}
    for name in ("celeba", "faces128", "center128"):
        method = METHODS["glcic"](config_of(name), MEAN)
        network = jax.eval_shape(method.init, jax.random.key(0)).networks["discriminator"]
        sizes[name] = sum(leaf.size for leaf in jax.tree.leaves(network.params))
    assert sizes == {"celeba": 39_557_121, "faces128": 31_953_409, "center128": 31_953_409}


@pytest.mark.parametrize("name", NAMES)
def test_config_names_its_own_command(name):
    module = importlib.import_module(f"configs.{name}")
    assert f"--config configs/{name}.py --workdir runs/{name}" in (module.__doc__ or "")


def test_freeform_holes_cover_a_fifth_to_three_tenths():
    hole = make_hole(config_of("places2_freeform").holes, 256, 256)
    shares = [hole(np.random.default_rng(i), 256, 256).mean() for i in range(20)]
    assert 0.2 <= min(shares) < max(shares) <= 0.3


def test_the_document_has_every_field():
    text = (Path(__file__).parents[2] / "docs" / "configs.md").read_text()
    assert with_tables(text) == text, "run python -m glcic_jax.settings.document docs/configs.md"
    assert set(re.findall(r"<!-- fields of (\w+) -->", text)) == {"every", *METHODS}
