"""The network that ships with this package: photographs, at a quarter of the paper's width.

    python -m glcic_jax.main --config configs/pretrained.py --workdir runs/pretrained \
        --config.data.root=DIR

Not the paper's recipe, so that hours of a CPU suffice: holes are filled smoothly first and the
network adds to that, Adam moves it, a moving average completes, holes are boxes and strokes.
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
            "box": {"kind": "box", "weight": 0.6, "shortest": 24, "longest": 72},
            "strokes": {
                "kind": "irregular",
                "weight": 0.4,
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
    config.phases.completion = 4_200
    config.phases.discriminator = 150
    config.phases.joint = 800
    config.every.images = 500
    config.every.evaluate = 250
    config.every.checkpoint = 250
    return config
