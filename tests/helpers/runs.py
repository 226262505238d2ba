"""Pictures and a config of runs that take seconds."""

import numpy as np
from PIL import Image

from tests.helpers.small import change, small_config


def write_pictures(folder):
    """Writes twelve pictures of 48x40 pixels and returns the folder."""
    rng = np.random.default_rng(0)
    for number in range(12):
        coarse = rng.integers(0, 256, (10, 12, 3), np.uint8)
        Image.fromarray(coarse.repeat(4, 0).repeat(4, 1)).save(folder / f"{number}.png")
    return folder


def tiny(pictures, **changes):
    """Returns a config that trains the completion network only, which compiles quickly."""
    config = small_config(discriminators=(), keep=10)
    config.data.update(root=str(pictures), held_out=0.25, held_out_examples=4, min_edge=16)
    config.width = 2
    config.data.batch_size = 4
    config.phases.update(completion=6, discriminator=0, joint=0)
    config.every.update(log=1, images=3, evaluate=3, checkpoint=2)
    return change(config, changes)
