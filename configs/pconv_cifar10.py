"""Trains partial convolution on CIFAR-10: thin lines at 32 pixels, mean absolute error alone.

    python -m glcic_jax.main --config configs/pconv_cifar10.py --workdir runs/pconv_cifar10
    python -m glcic_jax.main --config configs/pconv_cifar10.py:paired --workdir runs/paired

Prepare the data set first (docs/data.md):

    python -m glcic_jax.prepare --source DOWNLOAD --layout cifar10 --output data/cifar10

The setting is that of ayulockin/deepimageinpainting on GitHub: holes are one to nine lines of one
or two pixels, and training takes four epochs of 50,000 pictures in batches of 32. The first form is
the paper's network with five levels, the last epoch at the lower learning rate with the encoder's
batch norm frozen. The second, "paired", is that project's network of sixteen partial convolutions
at four levels, without batch norm, at one learning rate (Keras' for Adam).
docs/results.md has the cost and result of both forms.
"""

from ml_collections import ConfigDict

from configs import pconv_places2
from glcic_jax.runtime.errors import UserError

EPOCHS, PICTURES, BATCH = 4, 50_000, 32


def get_config(form: str = "paper") -> ConfigDict:
    if form not in ("paper", "paired"):
        raise UserError(f"configs/pconv_cifar10.py:{form}: choose paper or paired")
    config = pconv_places2.get_config("32")
    config.data.source = "shards"
    config.data.root = "data/cifar10"
    config.data.resize = (32, 32)
    config.data.min_edge = 32
    config.data.batch_size = BATCH
    config.data.threads = 2
    config.holes = ConfigDict(
        {"kind": "lines", "fewest": 1, "most": 9, "thinnest": 1, "thickest": 2}
    )
    config.form = form
    config.width = 16
    config.weights.hole = 1.0  # valid and hole alike: the mean absolute error
    config.weights.perceptual = 0.0
    config.weights.style_output = 0.0
    config.weights.style_composited = 0.0
    config.weights.tv = 0.0
    config.optimizer.learning_rate = 1e-3
    config.optimizer.finetune_rate = 2e-4
    config.phases.finetune = 1_560
    if form == "paired":
        config.levels = 4
        config.width = 32
        config.phases.finetune = 0  # there is no batch norm to freeze
    config.phases.initial = EPOCHS * PICTURES // BATCH - config.phases.finetune
    config.every.images = 1_000
    config.every.evaluate = 1_000
    return config
