"""Completes faces of 64x64 pixels by a DCGAN and a latent search (Yeh et al. 2017; Amos 2016).

    python -m glcic_jax.main --config configs/dcgan_faces64.py --workdir runs/dcgan_faces64 \
        --config.data.root=DIR

DIR holds aligned faces, such as CelebA's: the middle square counts, so cut it out first
(`python -m glcic_jax.prepare --square`, docs/data.md). The settings of the DCGAN are those of
Radford et al. 2016; the search's are those of Amos 2016.
Its cost and result were not measured; docs/results.md has a reduced run.
"""

from ml_collections import ConfigDict

from configs import _common


def get_config() -> ConfigDict:
    config = _common.training("dcgan_completion")
    config.data.root = "data/faces64"
    config.data.resize = (64, 64)
    config.data.crop = 64  # pixels; the only size that the networks know
    config.data.flip = True
    config.data.batch_size = 64

    config.holes = ConfigDict()  # of held-out pictures; training sees none
    config.holes.kind = "center"  # docs/holes.md has the others
    config.holes.size = 32  # pixels

    config.width = 64  # channels of the discriminator's first layer
    config.latent = 100  # numbers in a latent vector, uniform in [-1, 1]
    config.feature_matching = 0.0  # weight; 0 = none, 0.05 is a common choice

    config.phases.adversarial = 40_000

    config.optimizer = ConfigDict()  # Adam
    config.optimizer.learning_rate = 2e-4
    config.optimizer.b1 = 0.5
    config.optimizer.b2 = 0.999

    config.completion = ConfigDict()  # glcic_jax.load can set other ones
    config.completion.latent_steps = 1_500
    config.completion.starts = 8
    config.completion.learning_rate = 0.01
    config.completion.momentum = 0.9  # Nesterov's
    config.completion.prior_weight = 0.1  # lambda of Amos 2016; 0.003 in Yeh et al. 2017
    config.completion.window = 7  # pixels
    config.completion.preview_steps = 100  # in training, for scores and pictures, from one start

    config.every.images = 1_000
    config.every.evaluate = 5_000
    return config
