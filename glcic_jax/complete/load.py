"""Completers of trained methods, from run folders and from converted weights."""

from pathlib import Path
from typing import Any

from glcic_jax.complete.any_size import make_any_size
from glcic_jax.complete.completer import Completer, completing_state, make_complete_fn
from glcic_jax.methods.procedural.poisson import way_to_blend
from glcic_jax.weights.address import Trained, open_trained
from glcic_jax.weights.pretrained import BUNDLED, is_bundled


def load(
    run: str | Path = BUNDLED,
    step: int | None = None,
    *,
    best: bool = False,
    postprocess: bool | str | None = None,
    texture: bool | None = None,
    **settings: Any,
) -> Completer:
    """Loads the completer of a training run, or of weights that `glcic_jax.convert` wrote.

    Example:
      completer = glcic_jax.load("runs/mine")
      completed = completer(image, mask)  # uint8 [h, w, 3], [h, w] -> uint8 [h, w, 3]

    Args:
      run: the run folder (`--workdir` of the training), or RUN@STEP, RUN@best or RUN@last5, the
        mean of its latest five checkpoints; a folder of weights, or the .safetensors file in it; or
        "hf://OWNER/NAME" on the Hugging Face Hub. By default the network that comes with the
        package.
      step: step of the run's checkpoint; the latest by default.
      best: whether to take the run's best checkpoint, by the metric that its config names.
      postprocess: how the completer blends where a call does not choose: "smooth", "paper", True or
        False, as in `Completer.__call__`; None = as the method has it.
      texture: whether the completer copies texture where a call does not choose; None = with the
        network that comes with the package, and not with others.
      settings: settings of completing, such as latent_steps=500, in place of those that the run's
        config has as `completion`.

    Returns:
      A function of pictures and masks; see `Completer`.

    Raises:
      UserError: no such folder, file or checkpoint, a damaged one, or one of an unknown method; a
        setting that the method does not have; no such post-processing.
    """
    if postprocess is not None:
        way_to_blend(postprocess)  # refused before anything is read
    texture = is_bundled(run) if texture is None else texture
    trained = open_trained(run, step, best=best)
    return completer_of(trained, postprocess=postprocess, texture=texture, **settings)


def completer_of(
    trained: Trained,
    /,
    *,
    postprocess: bool | str | None = None,
    texture: bool = False,
    **settings: Any,
) -> Completer:
    """Makes the completer of an opened network.

    Args:
      trained: from `open_trained`.
      postprocess: as `load` takes it.
      texture: whether texture is copied where a call does not choose.
      settings: as `load` takes them.

    Raises:
      UserError: as `load`.
    """
    method, state = trained.completing(**settings)
    return Completer(
        make_complete_fn(method, state),
        trained.hole_colour,
        int(state.step),
        reach=method.reach,
        alignment=method.alignment,
        size=method.size,
        middle=method.middle,
        whole=method.whole,
        blends=method.blends if postprocess is None else postprocess,
        texture=texture,
        any_size=make_any_size(method, completing_state(method, state)),
    )
