"""Trains on CMP facades, from a network of Places2 (Iizuka et al. 2017, section 4.5).

    python -m glcic_jax.main --config configs/facades.py --workdir runs/facades \
        --config.data.root=DIR

There is no phase 1: the completion network is that of `init_from`, with the mean pixel it was
trained with; the discriminator starts from scratch. DIR holds the 606 photographs; 56 of them are
held out.
Its cost and result were not measured; docs/results.md has a reduced run from a reduced start.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config() -> ConfigDict:
    config = places2.get_config()
    config.init_from = "runs/places2"
    config.data.root = "data/facades"
    config.data.held_out = 56 / 606
    config.data.held_out_examples = 56
    config.phases.completion = 0
    return config
