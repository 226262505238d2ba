"""Faces at 128x128, not the paper's: small holes, half-size discriminators, no phase 2.

    python -m glcic_jax.main --config configs/faces128.py --workdir runs/faces128 \
        --config.data.root=DIR

DIR holds any pictures of faces; they need not be aligned.
Cost and result: not measured yet.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config() -> ConfigDict:
    config = places2.get_config()
    config.data.root = "data/faces"
    config.data.resize = (128, 128)
    config.data.crop = 128
    config.holes.shortest = 24
    config.holes.longest = 48
    config.local_patch = 64
    config.phases.discriminator = 0
    return config
