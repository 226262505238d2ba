"""The network that ships with this package: photographs, at a quarter of the paper's width.

    python -m glcic_jax.main --config configs/pretrained.py --workdir runs/pretrained_64 \
        --config.data.root=DIR
    python -m glcic_jax.main --config configs/pretrained.py:runs/pretrained_64 \
        --workdir runs/pretrained --config.data.root=DIR

This is not the paper's recipe, so that an hour of a CPU suffices. Holes are filled smoothly first,
and the network, which has shortcuts, adds to that. Adam moves it, and a moving average completes.
It first learns to continue edges into small holes of small pictures, then goes on with larger ones.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config(start: str = "") -> ConfigDict:
    config = places2.get_config()
    config.data.root = "data/photographs"
    config.data.flip = True
    config.data.threads = 2
    config.width = 16
    config.smooth_holes = True
    config.batch_norm_scale = "ones"
    config.local_patch = 64
    config.optimizer = ConfigDict({"name": "adam", "learning_rate": 1e-3, "eps": 1e-10})
    config.every.images = 500
    config.every.evaluate = 250
    config.every.checkpoint = 250
    return _larger(config, start) if start else _small(config)


def _small(config: ConfigDict) -> ConfigDict:
    """Sets up training from nothing: 64 pixels, reconstruction alone."""
    config.data.resize = (72, 150)
    config.data.crop = 64
    config.data.batch_size = 16
    config.holes = _holes(boxes=0.7, strokes=0.3)
    config.holes.boxes.update(shortest=2, longest=16)
    config.discriminators = ()
    config.average_decay = 0.995
    config.phases.completion = 3_500
    config.phases.discriminator = 0
    config.phases.joint = 0
    return config


def _larger(config: ConfigDict, start: str) -> ConfigDict:
    """Sets up training from the first network: 128 pixels, large boxes too, all three phases."""
    config.init_from = start
    config.data.resize = (144, 299)
    config.data.crop = 128
    config.data.batch_size = 8
    config.holes = _holes(boxes=0.3, strokes=0.3)
    config.holes.boxes.update(shortest=6, longest=32)
    config.holes.box = {"kind": "box", "weight": 0.4, "shortest": 24, "longest": 72}
    config.optimizer.learning_rate = 3e-4
    config.average_decay = 0.998
    config.adversarial.weight = 1e-4
    config.phases.completion = 1_000
    config.phases.discriminator = 60
    config.phases.joint = 300
    return config


def _holes(boxes: float, strokes: float) -> ConfigDict:
    """Describes small boxes and strokes, drawn by these weights."""
    return ConfigDict(
        {
            "kind": "mix",
            "boxes": {"kind": "boxes", "weight": boxes, "fewest": 4, "most": 24},
            "strokes": {
                "kind": "irregular",
                "weight": strokes,
                "smallest_share": 0.1,
                "largest_share": 0.3,
                "margin": 0,
            },
        }
    )
