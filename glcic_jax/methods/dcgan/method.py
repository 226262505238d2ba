"""Builds Semantic Image Inpainting with Deep Generative Models (Yeh et al., CVPR 2017).

The authors are Yeh, Chen, Yian Lim, Schwing, Hasegawa-Johnson and Do. The form here is that of Amos
2016, "Image Completion with Deep Learning in TensorFlow".

A DCGAN (Radford, Metz, Chintala, ICLR 2016) learns what the pictures of a data set look like, and
sees no hole in training. To complete a picture, gradient descent looks for the latent vector whose
picture fits the known pixels around the hole and still looks real. That picture's part in the hole
is pasted and blended in. The search takes as long as a thousand updates. It can complete only what
the generator can draw: faces, characters, one kind of thing in the middle of a square.

Where the two differ:
- Amos searches with Nesterov's momentum, Yeh et al. with Adam. Here momentum.
- Amos weighs all known pixels alike, Yeh et al. by how much is missing around them. Here the
  latter.
- Amos weighs the discriminator's term by 0.1, Yeh et al. by 0.003. Here 0.1, which
  `config.completion` can change.
- Amos moves the generator twice for each update of the discriminator. Here both move once, as in
  Radford et al.

The search runs both networks with running statistics: a completion does not depend on the other
pictures of its batch.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray
from ml_collections import ConfigDict

from glcic_jax.layers.ops import composite
from glcic_jax.layers.precision import precision
from glcic_jax.methods.checks import check_least
from glcic_jax.methods.dcgan.networks import Discriminator, Generator, start_edge
from glcic_jax.methods.dcgan.search import Search, search
from glcic_jax.methods.dcgan.updates import METRICS, Dcgan
from glcic_jax.methods.optimizers import pair_of
from glcic_jax.runtime.devices import DATA
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import (
    Image,
    Mask,
    Method,
    Phase,
    TrainState,
)

INTERPOLATED = 8
"""Pictures of a sample grid over which one latent vector turns into another."""


def build(config: Any, mean_pixel: tuple[float, float, float]) -> Method:
    """Builds the method from `config`, which has the fields of configs/dcgan_faces64.py.

    Args:
      config: a ConfigDict, or a dict of the same fields.
      mean_pixel: not used, since no network ever sees a hole that would need a colour.

    Raises:
      UserError: settings that contradict each other.
    """
    del mean_pixel
    config = ConfigDict(config)
    _check(config)
    shared = {
        "width": config.width,
        "axis_name": DATA if config.sync_batch_norm else None,
        "dtype": precision(config.dtype),
    }
    optimizer, judge_optimizer = pair_of(name="adam", **config.optimizer)
    dcgan = Dcgan(
        generator=partial(Generator, size=config.data.crop, **shared),
        discriminator=partial(Discriminator, **shared),
        size=config.data.crop,
        latent=config.latent,
        optimizer=optimizer,
        judge_optimizer=judge_optimizer,
        feature_matching=config.feature_matching,
    )
    completion = config.completion
    settings = Search(
        latent=config.latent,
        steps=completion.latent_steps,
        starts=completion.starts,
        learning_rate=completion.learning_rate,
        momentum=completion.momentum,
        prior_weight=completion.prior_weight,
        window=completion.window,
    )
    short = settings._replace(steps=completion.preview_steps, starts=1, log_progress=False)
    return Method(
        init=dcgan.init,
        phases=(
            Phase(
                "adversarial",
                config.phases.adversarial,
                dcgan.update,
                METRICS,
                moves=("generator", "discriminator"),
            ),
        ),
        complete=partial(complete, dcgan, settings),
        previews=partial(previews, dcgan, short),
        networks=("generator", "discriminator"),
        size=config.data.crop,
        blends=True,
        generate=partial(generate, dcgan),
    )


def generate(dcgan: Dcgan, state: TrainState, keys: PRNGKeyArray) -> Image:
    """Draws a picture from the random latent vector that each of the keys [b] makes."""
    z = jax.vmap(lambda key: dcgan.latents(key, 1)[0])(keys)
    return (dcgan.generate(state.networks["generator"], z) + 1) / 2


def complete(
    dcgan: Dcgan, settings: Search, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray
) -> Image:
    """Fills the holes from the best pictures found. Known pixels stay, bit for bit."""
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
    """Returns generated pictures, and completions by a short search.

    "sample" shows random latent vectors. In "interpolation" each INTERPOLATED pictures in a row
    lead from one random vector to another. With equal keys the vectors are equal.
    """
    generator, count = state.networks["generator"], len(image)
    ends = dcgan.latents(jax.random.fold_in(key, 1), 2 * -(-count // INTERPOLATED))
    first, last = (jnp.repeat(end, INTERPOLATED, axis=0)[:count] for end in jnp.split(ends, 2))
    share = (jnp.arange(count) % INTERPOLATED / (INTERPOLATED - 1))[:, None]
    vectors = {
        "sample": dcgan.latents(jax.random.fold_in(key, 0), count),
        "interpolation": (1 - share) * first + share * last,
    }
    return {name: (dcgan.generate(generator, z) + 1) / 2 for name, z in vectors.items()} | {
        "completed": complete(dcgan, settings, state, image, mask, key)
    }


def _check(config: Any) -> None:
    """Refuses settings that contradict each other."""
    completion = config.completion
    try:
        start_edge(config.data.crop)
    except ValueError as error:
        raise UserError(
            f"data.crop is {config.data.crop}: a DCGAN draws squares of 4, 5, 6 or 7 pixels "
            "doubled some times, such as 64 or 96"
        ) from error
    check_least("completion.latent_steps", completion.latent_steps, 0)
    check_least("completion.preview_steps", completion.preview_steps, 0)
    check_least("completion.starts", completion.starts, 1)
    check_least("completion.window", completion.window, 1)
    if completion.window % 2 == 0:
        raise UserError(f"completion.window is {completion.window}: choose an odd number of pixels")
    check_least("latent", config.latent, 1)
