"""Trains GLCIC for the comparison with Context Encoders (Iizuka et al. 2017, section 4.1.2).

    python -m glcic_jax.main --config configs/center128.py --workdir runs/center128 \
        --config.data.root=DIR

DIR holds 100,000 pictures of ImageNet. They are cut to 128x128 and always have the same hole: the
64x64 square in the middle.
Both discriminators are those for pictures half as large. Complete without --postprocess.
Its cost and result were not measured; docs/claims.md has it with every length a quarter.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config() -> ConfigDict:
    config = places2.get_config()
    config.data.root = "data/imagenet_100k"
    config.data.resize = (128, 192)
    config.data.crop = 128
    config.holes = ConfigDict({"kind": "center", "size": 64})
    config.local_patch = 64
    return config
