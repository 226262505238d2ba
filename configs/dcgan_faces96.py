"""Completes faces of 96x96 pixels as `dcgan_faces64` does those of 64x64, starting from 6x6.

    python -m glcic_jax.main --config configs/dcgan_faces96.py --workdir runs/dcgan_faces96 \
        --config.data.root=DIR

DIR holds faces in the middle of square pictures. Its cost and result were not measured;
docs/claims.md has a reduced run.
"""

from ml_collections import ConfigDict

from configs import dcgan_faces64


def get_config() -> ConfigDict:
    config = dcgan_faces64.get_config()
    config.data.root = "data/faces"
    config.data.resize = (96, 96)
    config.data.crop = 96
    config.holes.size = 48
    return config
