"""Trains GLCIC on Places2 with the settings of the paper (Iizuka et al. 2017, sections 3 and 4).

    python -m glcic_jax.main --config configs/places2.py --workdir runs/places2 \
        --config.data.root=DIR

DIR holds the training pictures in any folders; `data.held_out` of them are kept for evaluation.
Four GPUs take 24 pictures each. Its cost and result were not measured; docs/performance.md has what
one GPU would take.
"""

from ml_collections import ConfigDict

from configs import _common


def get_config() -> ConfigDict:
    config = _common.training("glcic")
    config.data.root = "data/places2"
    config.data.held_out = 0.0005
    config.data.resize = (256, 384)  # shortest edge, pixels, drawn uniformly (section 3.5)
    config.data.crop = 256  # pixels
    config.data.flip = False  # the paper does not
    config.data.batch_size = 96

    config.holes = ConfigDict()
    config.holes.kind = "box"  # docs/holes.md has the others; the rest are its arguments
    config.holes.shortest = 96  # pixels
    config.holes.longest = 128

    config.width = 64  # channels of the first layers
    config.smooth_holes = False  # True, not the paper's: C sees holes filled smoothly, adds to that
    config.dilated_layers = 4  # up to 8, each with twice the dilation, to see farther: section 4.8
    config.batch_norm_scale = "uniform"  # at the start, in [0, 1] as in Torch7 of 2017; or "ones"
    config.discriminators = ("local", "global")
    config.discriminator_norm = "batch"  # or "spectral" norm of all its kernels, or "none"
    config.local_patch = 128  # pixels

    config.remat = False  # compute activations again in the backward pass: less memory
    config.accumulate = 1  # parts of a device's share of the batch, one after the other: even less

    config.phases.completion = 90_000  # updates: T_C of section 4
    config.phases.discriminator = 10_000  # T_D
    config.phases.joint = 400_000  # T_train - T_C - T_D

    config.reconstruction = "mse"  # eq. (2); or "l1", which is not the paper's
    config.perceptual = ""  # VGG16's weights, to compare its features too, not the paper's
    config.perceptual_weight = 0.0

    config.adversarial = ConfigDict(type_safe=False)  # the weight may be a number or a word
    config.adversarial.loss = "non_saturating"  # or "saturating", eq. (5) to the letter
    config.adversarial.weight = 4e-4  # alpha of eqs. (4), (5); or "balanced", section 3.4
    config.adversarial.r1 = 0.0  # gamma of R1 (Mescheder et al. 2018); not with batch norm

    config.optimizer = ConfigDict()
    config.optimizer.name = "adadelta"  # Zeiler 2012; docs/configs.md has the others
    config.optimizer.learning_rate = 1.0
    config.optimizer.rho = 0.9
    config.optimizer.eps = 1e-6
    config.optimizer.discriminator_learning_rate = 0.0  # D's own; 0 = the same
    config.optimizer.cosine = 0  # updates over which the rate falls to 0; 0 = it stays
    config.optimizer.steps = ()  # or updates after each of which it is multiplied by this:
    config.optimizer.step_factor = 0.1
    config.optimizer.warm_up = 0  # first updates, over which it rises
    config.optimizer.clip = 0.0  # largest norm of a network's gradients; 0 = any
    config.optimizer.weight_decay = 0.0  # of kernels, times the rate

    config.average_decay = 0.0  # moving average of C for completion, not the paper's; 0 = none
    return config
