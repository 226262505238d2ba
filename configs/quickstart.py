"""Trains all phases on four bundled photographs in minutes of a CPU, to end ahead of Telea's fill.

    make quickstart

which is

    python -m experiments.first_picture runs/first_picture.png
    python -m glcic_jax.main --config configs/quickstart.py --workdir runs/quickstart
    python -m experiments.quickstart runs/quickstart

This is not the paper's recipe. Holes are filled smoothly first, and the network, which has
shortcuts, adds to that. It learns from many small holes, by mean absolute error, with Adam at a
falling rate. `configs/quickstart.py:paper` is the paper's recipe with as many updates, a quarter as
wide; it takes as long and ends far behind Telea: see docs/results.md.
"""

from ml_collections import ConfigDict

from configs import places2
from glcic_jax.runtime.errors import UserError

COMPLETION, DISCRIMINATOR, JOINT = 240, 30, 60
"""Updates of the phases."""


def get_config(recipe: str = "") -> ConfigDict:
    config = places2.get_config()
    if recipe not in ("", "paper"):
        raise UserError(f"configs/quickstart.py:{recipe}: choose paper, or nothing")
    config.width = 16
    config.local_patch = 32
    config.batch_norm_scale = "ones"  # a short training gets further: docs/paper.md
    config.data.source = "scikit_image"
    config.data.root = ""
    config.data.held_out = 0.3  # right-hand share of each photograph
    config.data.held_out_examples = 32
    config.data.resize = (96, 192)
    config.data.crop = 80  # wide enough for the taps of the dilated layers to meet pixels
    config.data.batch_size = 16
    config.data.flip = True
    config.data.threads = 2
    config.holes.shortest = 16
    config.holes.longest = 24
    config.average_decay = 0.95  # a run this short ends anywhere on its way; its average does not
    config.cpu_devices = 2  # one per core: half the batch each is faster than two threads on all
    config.phases.completion = COMPLETION
    config.phases.discriminator = DISCRIMINATOR
    config.phases.joint = JOINT
    config.every.log = 20
    config.every.images = 100
    config.every.evaluate = 50
    config.every.checkpoint = 100
    return config if recipe else _ours(config)


def _ours(config: ConfigDict) -> ConfigDict:
    """Replaces the paper's recipe by one that learns enough in minutes."""
    config.data.colours = True  # four photographs go further
    config.smooth_holes = True
    config.holes = ConfigDict(
        {"kind": "boxes", "fewest": 4, "most": 10, "shortest": 4, "longest": 20}
    )
    config.reconstruction = "l1"
    config.optimizer = ConfigDict(
        {"name": "adam", "learning_rate": 1e-3, "eps": 1e-10, "cosine": COMPLETION + JOINT}
    )
    config.adversarial.weight = 1e-4
    return config
