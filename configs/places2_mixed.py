"""Trains on holes of several kinds, not the paper's: rectangles, strokes, blobs and borders.

    python -m glcic_jax.main --config configs/places2_mixed.py --workdir runs/places2_mixed \
        --config.data.root=DIR

The network is to fill whatever a user marks. Each hole is of one kind, which is drawn by the
weights. The command line may set them: --config.holes.outpaint.weight=0.0 leaves the borders out.
Neither its cost nor its result was measured.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config() -> ConfigDict:
    config = places2.get_config()
    config.holes = ConfigDict(
        {
            "kind": "mix",
            "box": {"weight": 0.3, "shortest": 96, "longest": 128},
            "irregular": {
                "weight": 0.4,
                "smallest_share": 0.01,
                "largest_share": 0.6,
                "margin": 0,
            },
            "noise": {"weight": 0.2, "smallest_share": 0.2, "largest_share": 0.3, "cell": 32},
            "outpaint": {"weight": 0.1, "sides": 2, "narrowest": 16, "widest": 64},
        }
    )
    return config
