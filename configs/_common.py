"""Holds the fields that every training has, whatever its method: data, reports, checkpoints."""

from ml_collections import ConfigDict


def training(method: str) -> ConfigDict:
    """Returns a config without the method's own fields, which a file of this folder fills in."""
    config = ConfigDict()
    config.seed = 0
    config.method = method

    config.data = ConfigDict()
    config.data.source = "folder"
    config.data.root = "data/pictures"
    config.data.more_roots = ()  # further folders or shards, mixed with these
    config.data.weights = ()  # how often each folder is drawn; () = each picture as often
    config.data.held_out = 0.05  # share of the pictures kept for evaluation
    config.data.held_out_list = ""  # or a text file that lists them; FOLDER/ stands for a folder
    config.data.held_out_examples = 96  # fixed crops and holes, evaluated during training
    config.data.held_out_sets = ()  # "NAME=FOLDER", ...: further pictures, scored by themselves
    config.data.held_out_seed = -1  # seed of these crops and holes; -1 = that of the run
    config.data.resize = (256, 384)  # shortest edge, pixels, drawn uniformly
    config.data.crop = 256  # pixels
    config.data.flip = False
    config.data.colours = False  # vary exposure and colours
    config.data.leftovers = 0.0  # share of examples whose holes miss a rim of what is to go
    config.data.batch_size = 64  # pictures, over all devices
    config.data.threads = 16
    config.data.workers = 0  # processes; 0 = read with the threads alone
    config.data.min_edge = 64  # pixels; smaller pictures are skipped, as unreadable ones are
    config.data.max_bad_fraction = 0.01  # more than this share unreadable or too small: stop
    config.data.mean_pixel = ()  # RGB in [0, 1]; () = measured on the training pictures

    config.phases = ConfigDict()  # updates of each of the method's phases

    config.dtype = "float32"  # of the arithmetic; parameters are always float32
    config.sync_batch_norm = True  # statistics over the global batch; False: on each device alone
    config.cpu_devices = 0  # without a GPU: virtual devices to split batches over; 0 = one
    config.fsdp = 1  # devices over which the state of optimizers is split; divides their number
    config.init_from = ""  # run or converted weights, whose networks that complete are the start
    config.profile = 0  # updates to write a trace of, from the 20th of a run on; 0 = none

    config.every = ConfigDict()  # updates
    config.every.log = 100
    config.every.images = 5_000
    config.every.evaluate = 5_000
    config.every.checkpoint = 1_000
    config.scores = ()  # besides L1, PSNR, SSIM: "lpips", "kd_efflite0" (requirements-metrics.txt)
    config.best = "l1"  # score by which the best checkpoint is chosen
    config.trackers = ()  # of "wandb", "mlflow"; each is an extra
    config.keep = 3  # latest checkpoints kept, besides the best and those at the ends of phases
    return config
