"""All three phases on four bundled photographs, with a network a quarter as wide, on a CPU.

    make quickstart

which is

    python -m glcic_jax.main --config configs/quickstart.py --workdir runs/quickstart
    python -m experiments.quickstart runs/quickstart

`configs/quickstart.py:pretrained` starts from the network that comes with the package instead of
from nothing. It shows the machinery at work. Minutes of CPU on four photographs make no network
that beats Telea's procedural fill: see docs/results.md.
"""

from ml_collections import ConfigDict

from configs import places2
from glcic_jax.runtime.errors import UserError


def get_config(start: str = "") -> ConfigDict:
    config = places2.get_config()
    if start not in ("", "pretrained"):
        raise UserError(f"configs/quickstart.py:{start}: choose pretrained, or nothing")
    config.width = 16
    config.local_patch = 32
    config.batch_norm_scale = "ones"  # a short training gets further: docs/paper.md
    config.data.source = "scikit_image"
    config.data.root = ""
    config.data.held_out = 0.3  # right-hand share of each photograph
    config.data.held_out_examples = 32
    config.data.resize = (96, 192)
    config.data.crop = 80  # wide enough for the taps of the dilated layers to meet pixels
    config.data.batch_size = 16
    config.data.flip = True
    config.data.threads = 2
    config.holes.shortest = 16
    config.holes.longest = 24
    config.average_decay = 0.95  # a run this short ends anywhere on its way; its average does not
    config.cpu_devices = 2  # one per core: half the batch each is faster than two threads on all
    config.phases.completion = 500
    config.phases.discriminator = 40
    config.phases.joint = 100
    if start:
        _from_pretrained(config)
    config.every.log = 20
    config.every.images = 100
    config.every.evaluate = 100
    config.every.checkpoint = 100
    return config


def _from_pretrained(config: ConfigDict) -> None:
    """Goes on as that network was trained; its width is 16 too."""
    config.init_from = "pretrained"
    config.smooth_holes = True
    config.optimizer = ConfigDict({"name": "adam", "learning_rate": 1e-4, "eps": 1e-10})
    config.adversarial.weight = 1e-4
    config.phases.completion = 200
    config.phases.joint = 60
