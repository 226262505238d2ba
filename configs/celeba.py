"""Trains on faces of CelebA, from a network of Places2 (Iizuka et al. 2017, section 4.5).

    python -m glcic_jax.main --config configs/celeba.py --workdir runs/celeba \
        --config.data.root=DIR

There is no phase 1: the completion network is that of `init_from`, with the mean pixel it was
trained with; the discriminator starts from scratch. DIR holds the aligned 178x218 pictures. As many
are held out as in the paper: 2,599 of 202,599.
Neither its cost nor its result was measured.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config() -> ConfigDict:
    config = places2.get_config()
    config.init_from = "runs/places2"
    config.data.root = "data/celeba"
    config.data.held_out = 2_599 / 202_599
    config.data.resize = (178, 178)
    config.data.crop = 160
    config.holes.shortest = 48
    config.holes.longest = 96
    config.local_patch = 96
    config.phases.completion = 0
    return config
