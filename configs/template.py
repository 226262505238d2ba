"""Trains the method to copy, a U-Net that learns by L1 alone and is not a paper's.

    python -m glcic_jax.main --config configs/template.py --workdir runs/template \
        --config.data.root=DIR

Copy this config too. DIR holds any pictures. docs/zoo.md has a short run; a whole one has not been
made yet.
"""

from ml_collections import ConfigDict

from configs import _common


def get_config() -> ConfigDict:
    config = _common.training("template")
    config.data.resize = (64, 96)  # shortest edge, pixels, drawn uniformly
    config.data.crop = 64  # pixels
    config.data.batch_size = 16
    config.holes = ConfigDict({"kind": "box", "shortest": 16, "longest": 32})  # pixels

    config.width = 32  # channels at full size
    config.phases.l1 = 20_000  # updates

    config.optimizer = ConfigDict()  # Adam (Kingma and Ba 2015)
    config.optimizer.learning_rate = 1e-3
    config.optimizer.b1 = 0.9
    config.optimizer.b2 = 0.999
    return config
