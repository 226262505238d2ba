"""Trains by the reconstruction loss alone: ablation (Iizuka et al. 2017, section 4.2).

    python -m glcic_jax.main --config configs/ablation_mse.py --workdir runs/ablation_mse \
        --config.data.root=DIR

The completion network gets as many updates as in places2.py, all of them by eq. (2).
Its cost and result were not measured; docs/claims.md has it with every length a quarter.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config() -> ConfigDict:
    config = places2.get_config()
    config.discriminators = ()
    config.phases.completion = 490_000
    config.phases.discriminator = 0
    config.phases.joint = 0
    return config
