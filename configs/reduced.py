"""GLCIC at half the size and a third of the width, for a CPU or a small GPU and any folder.

    python -m glcic_jax.main --config configs/reduced.py --workdir runs/reduced \
        --config.data.root=DIR

Pictures of 128 pixels, holes of 32 to 48. Runs on a CPU of 2 cores are in docs/results.md.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config() -> ConfigDict:
    config = places2.get_config()
    config.width = 24
    config.local_patch = 64
    config.data.root = "data/pictures"
    config.data.held_out = 0.05
    config.data.held_out_examples = 32
    config.data.resize = (128, 192)
    config.data.crop = 128
    config.data.batch_size = 8
    config.data.threads = 2
    config.holes.shortest = 32
    config.holes.longest = 48
    config.phases.completion = 800
    config.phases.discriminator = 100
    config.phases.joint = 700
    config.every.log = 10
    config.every.images = 100
    config.every.evaluate = 100
    config.every.checkpoint = 100
    return config
