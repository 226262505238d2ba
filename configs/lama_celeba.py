"""Trains LaMa on faces of CelebA-HQ (Suvorov et al., WACV 2022), at 256 pixels.

    python -m glcic_jax.main --config configs/lama_celeba.py --workdir runs/lama_celeba \
        --config.data.root=DIR --config.perceptual=encoder_epoch_20.pth

DIR holds the pictures of CelebA-HQ at 256 pixels. Losses, holes and network are those of
configs/lama_places2.py.
Neither its cost nor its result was measured.
"""

from ml_collections import ConfigDict

from configs import lama_places2


def get_config() -> ConfigDict:
    config = lama_places2.get_config()
    config.data.root = "data/celeba_hq"
    config.data.held_out = 0.07  # 2,000 of 30,000 pictures
    config.data.resize = (256, 256)
    return config
