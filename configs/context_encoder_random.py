"""Trains Context Encoders on holes anywhere in 128x128 pictures (Pathak et al. 2016, section 5.1).

    python -m glcic_jax.main \
        --config configs/context_encoder_random.py --workdir runs/context_encoder_random \
        --config.data.root=DIR

Holes are the release's: smooth noise over 20 to 30 % of the picture. The whole picture is
predicted, and judged. Its cost and result were not measured; docs/results.md has a reduced run.
"""

from ml_collections import ConfigDict

from configs import context_encoder_center


def get_config() -> ConfigDict:
    config = context_encoder_center.get_config()
    config.form = "random"
    config.overlap = 0
    config.known_weight = 1.0
    config.holes = ConfigDict(
        {"kind": "noise", "smallest_share": 0.2, "largest_share": 0.3, "cell": 17}
    )
    return config
