"""Trains GLCIC with a quarter of the width and smaller crops, on a CPU and any folder of pictures.

    python -m glcic_jax.main --config configs/reduced.py --workdir runs/reduced \
        --config.data.root=DIR

Crops of 96 pixels, holes of 24 to 36. docs/results.md and docs/zoo.md describe runs on CPUs.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config() -> ConfigDict:
    config = places2.get_config()
    config.width = 16
    config.local_patch = 48
    config.batch_norm_scale = "ones"  # a short training gets further: docs/paper.md
    config.data.root = "data/pictures"
    config.data.held_out = 0.05
    config.data.held_out_examples = 40
    config.data.resize = (96, 144)
    config.data.crop = 96
    config.data.batch_size = 8
    config.data.threads = 2
    config.holes.shortest = 24
    config.holes.longest = 36
    config.cpu_devices = 2
    config.phases.completion = 1_200
    config.phases.discriminator = 100
    config.phases.joint = 900
    config.every.log = 20
    config.every.images = 100
    config.every.evaluate = 100
    config.every.checkpoint = 100
    return config
