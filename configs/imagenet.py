"""Trains GLCIC on ImageNet (Iizuka et al. 2017, section 4.1): as on Places2, with other pictures.

    python -m glcic_jax.main --config configs/imagenet.py --workdir runs/imagenet \
        --config.data.root=DIR

DIR holds ImageNet's 1.28 million training pictures, in its folders by class.
Neither its cost nor its result was measured.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config() -> ConfigDict:
    config = places2.get_config()
    config.data.root = "data/imagenet"
    return config
