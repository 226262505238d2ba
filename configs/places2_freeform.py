"""Trains on free-form holes: the setting of the authors' model of 2020, not the paper's.

    python -m glcic_jax.main --config configs/places2_freeform.py --workdir runs/places2_freeform \
        --config.data.root=DIR

Holes are blobs that cover 20 to 30 % of the picture: coarse noise, enlarged and thresholded. In
table 1 of Xie et al. 2019 (LBAM), GLCIC is behind PatchMatch on irregular holes.
Its cost and result were not measured; docs/claims.md has such holes at a quarter of the lengths.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config() -> ConfigDict:
    config = places2.get_config()
    config.holes = ConfigDict(
        {"kind": "noise", "smallest_share": 0.2, "largest_share": 0.3, "cell": 32}
    )
    return config
