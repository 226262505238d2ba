"""Fine-tunes, on a few hundred pictures of your own, a network that is already trained.

    python -m glcic_jax.main --config configs/finetune.py:START --workdir runs/finetune \
        --config.data.root=DIR

START is the run folder to start from, or converted weights of GLCIC (docs/weights.md). Networks,
sizes, holes and the mean pixel are that run's. Weights from elsewhere give their width; the rest is
the paper's. The completion network starts as the one that completes there, which is the moving
average if there is one, and the discriminator from scratch (as in section 4.5 of the paper). First
the discriminator is trained alone, then both. A start without discriminators, such as the network
that ships (`pretrained`), goes on by the error in the hole alone. A tenth of the pictures is held
out, and scored before the first update and from then on. docs/results.md and docs/zoo.md describe
runs.
"""

from typing import Any

from ml_collections import ConfigDict

from configs import places2
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import read_config
from glcic_jax.settings.check import with_defaults
from glcic_jax.weights.address import locate, open_trained
from glcic_jax.weights.glcic import CompletionWeights
from glcic_jax.weights.kinds import is_weights

UPDATES = 600
"""Updates of the completion network."""

MOST_PICTURES = 8
"""The largest batch: a few hundred pictures need no more, and a CPU takes seconds for these."""


def known_settings(start: str) -> dict[str, Any]:
    """Returns the config of a run, or what converted weights know of theirs."""
    place = locate(start)
    if place.path.is_dir() and not is_weights(place.path):
        theirs = read_config(place.path)  # also of a run that is yet to save for the first time
        if theirs.get("method") != "glcic":
            raise _refusal(start, f'"{theirs.get("method", "")}" network')
        return with_defaults(theirs)
    trained = open_trained(start)  # which explains what is neither
    if not isinstance(trained.weights, CompletionWeights):
        raise _refusal(start, str(trained.weights))
    smooth = trained.weights.output == "difference"
    return with_defaults(trained.config) or {"width": trained.weights.width, "smooth_holes": smooth}


def _refusal(start: str, found: str) -> UserError:
    return UserError(
        f"{start}: a {found}; configs/finetune.py takes GLCIC's: set init_from of its own method's "
        "config"
    )


def get_config(start: str = "") -> ConfigDict:
    if not start:
        raise UserError(
            "configs/finetune.py: name the run to start from: --config configs/finetune.py:RUN"
        )
    config = places2.get_config()
    theirs = ConfigDict(known_settings(start))
    for whole in {"holes", "optimizer"} & set(theirs):
        del config[whole]  # another kind has other arguments
    config.update(theirs)
    config.init_from = start
    config.data.source = "folder"
    config.data.root = "data/pictures"
    config.data.held_out = 0.1
    config.data.held_out_list = ""
    config.data.update(more_roots=(), weights=(), held_out_sets=())  # those are their pictures
    config.data.flip = True
    config.data.batch_size = min(config.data.batch_size, MOST_PICTURES)
    config.accumulate = 1  # so few need not be divided
    config.perceptual = ""  # theirs may lie elsewhere
    config.average_decay = 0.98
    judged = bool(config.discriminators)
    config.phases.completion = 0 if judged else UPDATES
    config.phases.discriminator = 100 if judged else 0
    config.phases.joint = UPDATES if judged else 0
    # Their schedule is as long as their training.
    if config.optimizer.get("cosine"):
        config.optimizer.cosine = sum(config.phases.values())
    config.optimizer.update(steps=(), warm_up=0)
    config.every.log = 20
    config.every.images = 100
    config.every.evaluate = 100
    config.every.checkpoint = 100
    return config
