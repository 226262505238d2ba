"""The network that ships with this package: photographs, at a quarter of the paper's width.

    python -m glcic_jax.main --config configs/pretrained.py --workdir runs/pretrained \
        --config.data.root=DIR

Not the paper's recipe, so that an hour of a CPU suffices: holes are filled smoothly first and the
network, which has shortcuts, adds to that; Adam moves it, a moving average completes. Holes are
large boxes, many small ones, from which it learns to continue edges, and strokes.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config() -> ConfigDict:
    config = places2.get_config()
    config.data.root = "data/photographs"
    config.data.resize = (144, 299)
    config.data.crop = 128
    config.data.flip = True
    config.data.batch_size = 8
    config.data.threads = 2
    config.holes = ConfigDict(
        {
            "kind": "mix",
            "box": {"kind": "box", "weight": 0.35, "shortest": 24, "longest": 72},
            "boxes": {
                "kind": "boxes",
                "weight": 0.35,
                "fewest": 4,
                "most": 16,
                "shortest": 6,
                "longest": 32,
            },
            "strokes": {
                "kind": "irregular",
                "weight": 0.3,
                "smallest_share": 0.1,
                "largest_share": 0.3,
                "margin": 0,
            },
        }
    )
    config.width = 16
    config.smooth_holes = True
    config.local_patch = 64
    config.optimizer = ConfigDict({"name": "adam", "learning_rate": 1e-3, "b1": 0.9, "b2": 0.999})
    config.average_decay = 0.999
    config.adversarial.weight = 1e-4
    config.phases.completion = 4_000
    config.phases.discriminator = 100
    config.phases.joint = 500
    config.every.images = 500
    config.every.evaluate = 250
    config.every.checkpoint = 250
    return config
