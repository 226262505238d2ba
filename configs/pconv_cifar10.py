"""Partial convolution on CIFAR-10: thin lines at 32 pixels, mean absolute error alone.

    python -m glcic_jax.main --config configs/pconv_cifar10.py --workdir runs/pconv_cifar10

Prepare the data set first (docs/data.md):

    python -m glcic_jax.prepare --source DOWNLOAD --layout cifar10 --output data/cifar10

Holes are one to nine lines of one or two pixels. Training takes four epochs of 50,000 pictures in
batches of 32, the last of them at the lower learning rate with the encoder's batch norm frozen.
"""

from ml_collections import ConfigDict

from configs import pconv_places2


def get_config() -> ConfigDict:
    config = pconv_places2.get_config("32")
    config.data.source = "shards"
    config.data.root = "data/cifar10"
    config.data.resize = (32, 32)
    config.data.min_edge = 32
    config.data.batch_size = 32
    config.data.threads = 2
    config.holes = ConfigDict(
        {"kind": "lines", "fewest": 1, "most": 9, "thinnest": 1, "thickest": 2}
    )
    config.width = 16
    config.weights.hole = 1.0  # valid and hole alike: the mean absolute error
    config.weights.perceptual = 0.0
    config.weights.style_output = 0.0
    config.weights.style_composited = 0.0
    config.weights.tv = 0.0
    config.optimizer.learning_rate = 1e-3
    config.optimizer.finetune_rate = 2e-4
    config.phases.initial = 4_690
    config.phases.finetune = 1_560
    config.every.images = 1_000
    config.every.evaluate = 1_000
    return config
