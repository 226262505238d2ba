"""A small config of every method, made from the configs that ship: new methods are found by it."""

import importlib
from pathlib import Path

from configs import _common
from glcic_jax.methods.by_name import METHODS

CONFIGS = Path(__file__).parents[2] / "configs"
SMALL = {
    "width": 4,
    "discriminator_width": 4,
    "blocks": 1,
    "bottleneck": 8,
    "latent": 8,
    "latent_steps": 3,
    "preview_steps": 2,
    "starts": 2,
    "batch_size": 4,
    "threads": 2,
    "held_out_examples": 4,
    "min_edge": 16,
}
"""Fields that are lowered, wherever in a config they stand."""


def names():
    """The shipped configs that start from nothing."""
    return sorted(path.stem for path in CONFIGS.glob("[!_]*.py") if path.stem != "finetune")


def config_of(name):
    return importlib.import_module(f"configs.{name}").get_config()


def program_text(name):
    """Returns what a shipped config's programs depend on, as text: the same for the same ones."""
    config = config_of(name)
    for phase in config.phases:
        config.phases[phase] = min(config.phases[phase], 1)
    del config.holes, config.every, config.init_from
    for field in set(_common.training("").data) - {"crop", "batch_size"}:
        del config.data[field]
    return config.to_json(sort_keys=True)


def small_config_of(method):
    """Shrinks that of the method's configs which has the smallest crops; one update a phase."""
    config = min(
        (c for c in map(config_of, names()) if c.method == method), key=lambda c: c.data.crop
    )
    config.init_from = ""
    for name, count in config.phases.items():
        config.phases[name] = min(count, 1)
    for node in (config, config.data, config.get("completion", {})):
        node.update({name: min(node[name], SMALL[name]) for name in SMALL.keys() & set(node)})
    return config


def every_method():
    """The names in METHODS; tests that add one of their own take it away again."""
    return sorted(METHODS)
