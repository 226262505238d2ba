"""Trains on faces at 128x128, not the paper's: small holes, smaller discriminators, no phase 2.

    python -m glcic_jax.main --config configs/faces128.py --workdir runs/faces128 \
        --config.data.root=DIR

DIR holds any pictures of faces; they need not be aligned. The setting is that of tadax/glcic on
GitHub: its README has 5,434 faces, the mean squared error alone for 100 epochs, then completion and
discriminators together up to 400, and its train.py the sizes and a batch of 16. An epoch there
leaves out the faces that fill no whole batch. The losses and Adadelta are the paper's, as in all
configs; there both networks move by Adam at a rate of 1e-3.
Its cost and result were not measured; docs/results.md has a reduced run.
"""

from ml_collections import ConfigDict

from configs import places2

FACES, BATCH = 5_434, 16
COMPLETION_EPOCHS, JOINT_EPOCHS = 100, 300
EPOCH = FACES // BATCH  # 339 updates


def get_config() -> ConfigDict:
    config = places2.get_config()
    config.data.root = "data/faces"
    config.data.held_out = 0.05
    config.data.resize = (128, 128)
    config.data.crop = 128
    config.data.batch_size = BATCH
    config.holes.shortest = 24
    config.holes.longest = 48
    config.local_patch = 64
    config.phases.completion = COMPLETION_EPOCHS * EPOCH  # 33,900
    config.phases.discriminator = 0
    config.phases.joint = JOINT_EPOCHS * EPOCH  # 101,700
    return config
