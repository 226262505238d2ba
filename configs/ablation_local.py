"""Trains with the local discriminator alone: ablation (Iizuka et al. 2017, section 4.2).

    python -m glcic_jax.main --config configs/ablation_local.py --workdir runs/ablation_local \
        --config.data.root=DIR

Its cost and result were not measured; docs/claims.md has it with every length a quarter.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config() -> ConfigDict:
    config = places2.get_config()
    config.discriminators = ("local",)
    return config
