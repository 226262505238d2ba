"""Completion by latent search: Semantic Image Inpainting with Deep Generative Models (Yeh, Chen,
Yian Lim, Schwing, Hasegawa-Johnson, Do, CVPR 2017), in the form of Amos 2016.

A DCGAN (Radford, Metz, Chintala, ICLR 2016) learns what the pictures of a data set look like; no
hole is seen in training. To complete a picture, gradient descent looks for the latent vector whose
picture fits the known pixels around the hole and still looks real; its hole is pasted and blended
in. The search takes as long as a thousand updates, and what the generator cannot draw it cannot
complete: faces, characters, one kind of thing in the middle of a square.

Amos 2016, "Image Completion with Deep Learning in TensorFlow", searches with Nesterov's momentum,
weighs all known pixels alike, the discriminator's term by 0.1; Yeh et al. search with Adam, weigh
known pixels by how much is missing around them, and that term by 0.003. Here momentum and 0.1 are
Amos's, which `config.completion` can change, and the weights of pixels Yeh et al.'s. Amos moves the
generator twice for each update of the discriminator; here both move once, as in Radford et al.
Both networks search with running statistics: a completion does not depend on its neighbours.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PRNGKeyArray
from ml_collections import ConfigDict

from glcic_jax.layers.ops import composite
from glcic_jax.layers.precision import precision
from glcic_jax.methods.dcgan.networks import Discriminator, Generator, start_edge
from glcic_jax.methods.dcgan.search import Search, search
from glcic_jax.methods.dcgan.updates import METRICS, Dcgan
from glcic_jax.runtime.devices import DATA, split_over_fsdp
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import (
    Image,
    Mask,
    Method,
    Phase,
    TrainState,
)

INTERPOLATED = 8
"""Rows of a sample grid along which one latent vector turns into another."""


def build(config: Any, mean_pixel: tuple[float, float, float]) -> Method:
    """Builds it as `config` (of the fields of configs/dcgan_faces64.py) describes it.

    Raises:
      UserError: settings that contradict each other.
    """
    del mean_pixel  # a hole is never shown to a network
    config = ConfigDict(config)
    _check(config)
    shared = {
        "width": config.width,
        "axis_name": DATA if config.sync_batch_norm else None,
        "dtype": precision(config.dtype),
    }
    rates = config.optimizer
    dcgan = Dcgan(
        generator=partial(Generator, size=config.data.crop, **shared),
        discriminator=partial(Discriminator, **shared),
        size=config.data.crop,
        latent=config.latent,
        optimizer=split_over_fsdp(optax.adam(rates.learning_rate, b1=rates.b1, b2=rates.b2)),
        feature_matching=config.feature_matching,
    )
    asked = config.completion
    settings = Search(
        latent=config.latent,
        steps=asked.latent_steps,
        starts=asked.starts,
        learning_rate=asked.learning_rate,
        momentum=asked.momentum,
        prior_weight=asked.prior_weight,
        window=asked.window,
    )
    short = settings._replace(steps=asked.preview_steps, starts=1, tell=False)
    return Method(
        init=dcgan.init,
        phases=(Phase("adversarial", config.phases.adversarial, dcgan.update, METRICS),),
        complete=partial(complete, dcgan, settings),
        previews=partial(previews, dcgan, short),
        networks=("generator", "discriminator"),
        size=config.data.crop,
        blends=True,
    )


def complete(
    dcgan: Dcgan, settings: Search, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray
) -> Image:
    """Fills the holes from the best pictures found; known pixels are returned as they came."""
    generator, discriminator = (state.networks[n] for n in ("generator", "discriminator"))
    found = search(
        lambda z: (dcgan.generate(generator, z) + 1) / 2,
        lambda pictures: dcgan.judge(discriminator, 2 * pictures - 1),
        image,
        mask,
        key,
        settings,
    )
    return composite(image, found, mask)


def previews(
    dcgan: Dcgan, settings: Search, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray
) -> dict[str, Image]:
    """Pictures of fixed latent vectors, of vectors between two, and a completion by a short search.

    The rows of "interpolation" lead from one picture to another in steps of INTERPOLATED.
    """
    generator, count = state.networks["generator"], len(image)
    ends = dcgan.latents(jax.random.fold_in(key, 1), 2 * -(-count // INTERPOLATED))
    first, last = (jnp.repeat(end, INTERPOLATED, axis=0)[:count] for end in jnp.split(ends, 2))
    share = (jnp.arange(count) % INTERPOLATED / (INTERPOLATED - 1))[:, None]
    shown = {
        "sample": dcgan.latents(jax.random.fold_in(key, 0), count),
        "interpolation": (1 - share) * first + share * last,
    }
    return {name: (dcgan.generate(generator, z) + 1) / 2 for name, z in shown.items()} | {
        "completed": complete(dcgan, settings, state, image, mask, key)
    }


def _check(config: Any) -> None:
    """Refuses settings that contradict each other."""
    asked = config.completion
    try:
        start_edge(config.data.crop)
    except ValueError as error:
        raise UserError(
            f"data.crop is {config.data.crop}: a DCGAN draws squares of 4, 5, 6 or 7 pixels "
            "doubled some times, such as 64 or 96"
        ) from error
    least = {"latent_steps": 0, "preview_steps": 0, "starts": 1, "window": 1}
    for name, value in least.items():
        if asked[name] < value:
            raise UserError(f"completion.{name} is {asked[name]}: choose {value} or more")
    if asked.window % 2 == 0:
        raise UserError(f"completion.window is {asked.window}: choose an odd number of pixels")
    if config.latent < 1:
        raise UserError(f"latent is {config.latent}: choose 1 number or more")
