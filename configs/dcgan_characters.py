"""Completes characters of 64x64 pixels by a DCGAN and a latent search (Yeh et al. 2017).

    python -m glcic_jax.main --config configs/dcgan_characters.py --workdir runs/dcgan_characters \
        --config.data.root=DIR

DIR holds pictures of single characters, such as Chars74K's, which are not mirrored. Its cost and
result were not measured; docs/claims.md has a reduced run.
"""

from ml_collections import ConfigDict

from configs import dcgan_faces64


def get_config() -> ConfigDict:
    config = dcgan_faces64.get_config()
    config.data.root = "data/characters"
    config.data.min_edge = 16
    config.data.flip = False
    return config
