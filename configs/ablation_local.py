"""Ablation (Iizuka et al. 2017, section 4.2): the local discriminator alone.

    python -m glcic_jax.main --config configs/ablation_local.py --workdir runs/ablation_local \
        --config.data.root=DIR

Cost and result: not measured yet; with every length a quarter: docs/claims.md.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config() -> ConfigDict:
    config = places2.get_config()
    config.discriminators = ("local",)
    return config
