"""Describes the fields that every config has, in the order of configs/_common.py."""

from glcic_jax.data.sources import SOURCES
from glcic_jax.layers.precision import PRECISIONS
from glcic_jax.metrics import HELD_OUT
from glcic_jax.metrics.held_out import EXTRA
from glcic_jax.runtime.field_kinds import Number, Several, Switch, Text, Whole, Word
from glcic_jax.runtime.fields import Field
from glcic_jax.runtime.trackers import TRACKERS

LARGEST_EDGE = 2**15
"""The longest edge of a picture that training takes, pixels."""

SHARE = Number(0, 1)

EVERY = Whole()

DATA = {
    "data.source": Field(
        Word(tuple(SOURCES)),
        "shards are made by glcic_jax.prepare; scikit_image is four bundled photographs",
    ),
    "data.root": Field(Text(), "the folder of pictures or shards", "path"),
    "data.more_roots": Field(
        Several(Text(), tuple(range(33))),
        "further folders, of pictures or of shards each, whose pictures are mixed with these",
        "paths",
        default=(),
    ),
    "data.weights": Field(
        Several(Number(0, open_ends="least"), tuple(range(34))),
        "how often each of the folders is drawn; () = each picture as often as every other",
        default=(),
    ),
    "data.held_out": Field(
        Number(0, 1, open_ends="most"), "of the pictures, kept for evaluation", "share"
    ),
    "data.held_out_list": Field(
        Text(),
        "a text file that lists the held-out pictures instead, one a line; FOLDER/ stands for a "
        "folder",
        "path",
    ),
    "data.held_out_examples": Field(
        Whole(1, 2**20), "fixed crops and holes, scored during training", "examples"
    ),
    "data.held_out_sets": Field(
        Several(Text(), tuple(range(33))),
        "NAME=FOLDER: further held-out pictures, or shards, scored by themselves",
        "paths",
        default=(),
    ),
    "data.held_out_seed": Field(
        Whole(-1, 2**32 - 1), "seeds these crops and holes; -1 = seed does", default=-1
    ),
    "data.resize": Field(
        Several(Whole(1, LARGEST_EDGE), (2,), ordered=True),
        "shortest edge, drawn uniformly from this range",
        "pixels",
    ),
    "data.crop": Field(Whole(1, LARGEST_EDGE), "edge of the square that is cut out", "pixels"),
    "data.flip": Field(Switch(), "mirror half of the pictures"),
    "data.colours": Field(
        Switch(), "vary exposure, saturation and colours at random", default=False
    ),
    "data.leftovers": Field(
        SHARE,
        "of the examples, whose holes miss a rim of what is to go; for GLCIC",
        "share",
        default=0.0,
    ),
    "data.batch_size": Field(Whole(1, 2**20), "over all devices; divides over them", "pictures"),
    "data.threads": Field(Whole(0, 1_024), "that read pictures; 0 = the main thread", "threads"),
    "data.workers": Field(
        Whole(0, 1_024), "that read pictures; 0 = the threads alone", "processes"
    ),
    "data.min_edge": Field(
        Whole(1, LARGEST_EDGE), "smaller pictures are skipped, as unreadable ones are", "pixels"
    ),
    "data.max_bad_fraction": Field(
        SHARE, "of unreadable or too small pictures, above which the run stops", "share"
    ),
    "data.mean_pixel": Field(
        Several(SHARE, (0, 3)), "() = measured on the training pictures", "RGB in [0, 1]"
    ),
}
"""Where pictures come from, and what is cut out of them."""

MEASUREMENT = {
    "data.measurement.noise": Field(
        Number(), "standard deviation of the noise that every training picture keeps", "of [0, 1]"
    ),
}
"""The group that is absent where training sees whole pictures."""

RUN = {
    "dtype": Field(Word(tuple(PRECISIONS)), "of the arithmetic; parameters are always float32"),
    "sync_batch_norm": Field(
        Switch(), "batch statistics over the global batch; False: on each device alone"
    ),
    "cpu_devices": Field(
        Whole(0, 1_024), "virtual ones that share each batch, without a GPU; 0 = one", "devices"
    ),
    "fsdp": Field(
        Whole(1, 2**20),
        "over which the optimizers' state is split; divides the number of devices",
        "devices",
        default=1,
    ),
    "init_from": Field(
        Text(),
        "a run, converted weights or pretrained, whose networks are the start",
        "path",
        default="",
    ),
    "profile": Field(
        Whole(), "to write a trace of, from the 20th of a run on; 0 = none", "updates", default=0
    ),
    "every.log": Field(EVERY, "between records of losses; 0 = never", "updates"),
    "every.images": Field(EVERY, "between sample grids; 0 = at the ends of phases", "updates"),
    "every.evaluate": Field(
        EVERY, "between scores of the held-out examples; 0 = at the ends of phases", "updates"
    ),
    "every.checkpoint": Field(EVERY, "between checkpoints; 0 = at the ends of phases", "updates"),
    "scores": Field(
        Several(Word(EXTRA), tuple(range(len(EXTRA) + 1)), distinct=True),
        "of the held-out examples besides L1, PSNR and SSIM, by the packages of "
        "requirements-metrics.txt",
        default=(),
    ),
    "best": Field(
        Word((*HELD_OUT, *EXTRA)), "score by which the best checkpoint is chosen", default="l1"
    ),
    "trackers": Field(
        Several(Word(tuple(TRACKERS)), tuple(range(len(TRACKERS) + 1)), distinct=True),
        "that get all records besides TensorBoard, each by the extra of its name",
        default=(),
    ),
    "keep": Field(
        Whole(1, 2**20),
        "latest ones that are kept, besides the best and those at the ends of phases",
        "checkpoints",
    ),
}
"""How training runs, reports and saves."""

SEED = {"seed": Field(Whole(0, 2**32 - 1), "seeds initial weights, order, crops and holes")}
