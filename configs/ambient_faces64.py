"""Learns to complete faces without ever seeing a whole one (AmbientGAN, Bora et al. 2018).

    python -m glcic_jax.prepare --source CELEBA --layout celeba --square --size 64 \
        --output data/celeba64
    python -m glcic_jax.main --config configs/ambient_faces64.py --workdir runs/ambient_faces64

The middle square of each picture, at 64 pixels, loses one block of 28x28 pixels before training
sees it, the same one in every epoch. configs/faces64.py is GLCIC on these pictures, whole, for as
many updates. AmbientGAN's own loss, Wasserstein's without `reconstruction`, begins to learn only
where D has a higher learning rate than C, and holds what it learns only with the Adam of Gulrajani
et al. 2017 (docs/claims.md):

    --config.adversarial.loss=wasserstein --config.adversarial.gradient_penalty=10 \
        --config.reconstruction=0 --config.optimizer.learning_rate=5e-5 \
        --config.optimizer.discriminator_learning_rate=4e-4 --config.optimizer.b1=0 \
        --config.optimizer.b2=0.9

Its cost and result were not measured; docs/results.md and docs/claims.md have reduced runs.
"""

from ml_collections import ConfigDict

from configs import _common


def get_config() -> ConfigDict:
    config = _common.training("ambient_gan")
    config.data.source = "shards"
    config.data.root = "data/celeba64"
    config.data.resize = (64, 64)
    config.data.crop = 64

    config.data.measurement = ConfigDict()  # docs/data.md
    config.data.measurement.noise = 0.0  # standard deviation, of pixels in [0, 1]

    config.holes = ConfigDict()  # those of the measurement too
    config.holes.kind = "box"
    config.holes.shortest = 28  # pixels
    config.holes.longest = 28

    config.width = 64  # channels of the first layers
    config.discriminator_width = 64

    config.phases.adversarial = 79_000  # updates: 25 epochs

    config.adversarial = ConfigDict()
    config.adversarial.loss = "non_saturating"  # or "wasserstein", with a gradient_penalty of 10
    config.adversarial.gradient_penalty = 0.0

    config.reconstruction = 2_500.0  # weight of a term on known pixels; 0 = AmbientGAN's own loss

    config.optimizer = ConfigDict()  # Adam
    config.optimizer.learning_rate = 2e-4
    config.optimizer.b1 = 0.5
    config.optimizer.b2 = 0.999
    return config
