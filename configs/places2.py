"""GLCIC on Places2, the settings of the paper (Iizuka et al. 2017, sections 3 and 4).

    python -m glcic_jax.main --config configs/places2.py --workdir runs/places2 \
        --config.data.root=DIR

DIR holds the training pictures in any folders; `data.held_out` of them are kept for evaluation.
Four GPUs take 24 pictures each. Cost and result: not measured yet.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    config = ConfigDict()
    config.seed = 0
    config.method = "glcic"

    config.data = ConfigDict()
    config.data.source = "folder"
    config.data.root = "data/places2"
    config.data.held_out = 0.0005  # share of the pictures kept for evaluation
    config.data.held_out_list = ""  # or a text file that lists them; FOLDER/ stands for a folder
    config.data.held_out_examples = 96  # fixed crops and holes, evaluated during training
    config.data.resize = (256, 384)  # shortest edge, pixels, drawn uniformly (section 3.5)
    config.data.crop = 256  # pixels
    config.data.flip = False  # the paper does not
    config.data.batch_size = 96  # pictures, over all devices
    config.data.threads = 16
    config.data.workers = 0  # processes; 0 = read with the threads alone
    config.data.min_edge = 64  # pixels; smaller pictures are skipped, as unreadable ones are
    config.data.max_bad_fraction = 0.01  # more than this share unreadable or too small: stop
    config.data.mean_pixel = ()  # RGB in [0, 1]; () = measured on the training pictures

    config.holes = ConfigDict()
    config.holes.kind = "box"  # docs/holes.md has the others; the rest are its arguments
    config.holes.shortest = 96  # pixels
    config.holes.longest = 128

    config.width = 64  # channels of the first layers
    config.discriminators = ("local", "global")
    config.local_patch = 128  # pixels
    config.sync_batch_norm = True  # statistics over the global batch; False: on each device alone
    config.dtype = "float32"  # of the arithmetic; parameters are float32 always

    config.remat = False  # compute activations again in the backward pass: less memory
    config.accumulate = 1  # parts of a device's share of the batch, one after the other: less yet

    config.phases = ConfigDict()  # updates: T_C, T_D and T_train - T_C - T_D of section 4
    config.phases.completion = 90_000
    config.phases.discriminator = 10_000
    config.phases.joint = 400_000

    config.adversarial = ConfigDict()
    config.adversarial.loss = "non_saturating"  # or "saturating", eq. (5) to the letter
    config.adversarial.weight = 4e-4  # alpha of eq. (3)

    config.optimizer = ConfigDict()  # Adadelta (Zeiler 2012)
    config.optimizer.learning_rate = 1.0
    config.optimizer.rho = 0.9
    config.optimizer.eps = 1e-6

    config.cpu_devices = 0  # without a GPU: virtual devices to split batches over; 0 = one

    config.average_decay = 0.0  # moving average of C for completion, not the paper's; 0 = none
    config.init_from = ""  # run folder whose completion network this run starts from

    config.profile = 0  # updates to write a trace of, from the 20th of a run on; 0 = none

    config.every = ConfigDict()  # updates
    config.every.log = 100
    config.every.images = 5_000
    config.every.evaluate = 5_000
    config.every.checkpoint = 1_000
    config.keep = 3  # latest checkpoints kept, besides the best and those at the ends of phases
    return config
