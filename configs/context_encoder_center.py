"""Trains Context Encoders on the middle of 128x128 pictures (Pathak et al. 2016, section 5.1).

    python -m glcic_jax.main \
        --config configs/context_encoder_center.py --workdir runs/context_encoder_center \
        --config.data.root=DIR

The middle 50x50 pixels are hidden, the middle 64x64 predicted. The pictures are those of
configs/center128.py, its rival in GLCIC's section 4.1.2; the authors' release cuts them from
pictures of a shortest edge of 350 and mirrors half: --config.data.resize="(350, 350)"
--config.data.flip=True. Its cost and result were not measured; docs/claims.md and docs/results.md
have reduced runs.
"""

from ml_collections import ConfigDict

from configs import _common


def get_config() -> ConfigDict:
    config = _common.training("context_encoder")
    config.data.root = "data/imagenet_100k"
    config.data.resize = (128, 192)
    config.data.crop = 128  # 32, 64, 128 or 256
    config.data.batch_size = 64

    config.form = "center"  # or "random": the whole picture is predicted
    config.overlap = 7  # pixels of known frame that are predicted too
    config.holes = ConfigDict({"kind": "center", "size": 50})  # crop / 2 - 2 * overlap

    config.width = 64  # channels of the first layers
    config.bottleneck = 4_000  # units
    config.known_weight = 10.0  # in L2, of predicted pixels that are known; the hole's weigh 1
    config.adversarial = ConfigDict()
    config.adversarial.weight = 0.001  # lambda_adv; L2 has the rest to 1

    config.completion = ConfigDict()  # of other sizes than the crop
    config.completion.whole_picture = False  # True: scaled, as in GLCIC; or a square per hole

    config.phases.joint = 781_500  # updates: 500 epochs of 100,000 pictures, as in the release

    config.optimizer = ConfigDict()  # Adam, that of DCGAN
    config.optimizer.learning_rate = 2e-3  # of the completion network: 10 times the other
    config.optimizer.discriminator_learning_rate = 2e-4
    config.optimizer.b1 = 0.5
    config.optimizer.b2 = 0.999
    return config
