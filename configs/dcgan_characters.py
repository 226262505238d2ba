"""Characters of 64x64 pixels (Chars74K) by a DCGAN and a latent search (Yeh et al. 2017).

    python -m glcic_jax.main --config configs/dcgan_characters.py --workdir runs/dcgan_characters \
        --config.data.root=DIR

DIR holds pictures of single characters, which are not mirrored. Cost and result: not measured yet;
reduced: docs/claims.md.
"""

from ml_collections import ConfigDict

from configs import dcgan_faces64


def get_config() -> ConfigDict:
    config = dcgan_faces64.get_config()
    config.data.root = "data/characters"
    config.data.min_edge = 16
    config.data.flip = False
    return config
