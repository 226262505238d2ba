"""Trains by the recipe of Places2 with every length a quarter, for its experiments on a CPU.

    python -m glcic_jax.main --config configs/quarter.py --workdir runs/quarter \
        --config.data.root=DIR

Pictures, holes, the local discriminator's patches and the networks' widths are a quarter of the
paper's, losses and optimizer are the paper's. A training, in batches of 8, takes some 17 minutes of
one core; docs/claims.md has what it learns.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config() -> ConfigDict:
    config = places2.get_config()
    config.width = 16
    config.local_patch = 32
    config.batch_norm_scale = "ones"  # a short training gets further: docs/paper.md
    config.data.root = "data/pictures"
    config.data.held_out = 0.05
    config.data.resize = (64, 96)
    config.data.crop = 64
    config.data.batch_size = 8
    config.data.threads = 1
    config.holes.shortest = 24
    config.holes.longest = 32
    config.average_decay = 0.995  # Adadelta's last steps in batches of 8 are large ones
    config.phases.completion = 5_000
    config.phases.discriminator = 300
    config.phases.joint = 3_000
    config.every.log = 50
    config.every.images = 1_000
    config.every.evaluate = 1_000
    config.every.checkpoint = 500
    return config
