"""Completers of trained methods, from run folders and from converted weights."""

from functools import partial
from pathlib import Path
from typing import Any

from glcic_jax.complete.any_size import make_any_size
from glcic_jax.complete.completer import Completer, completing_state, make_complete_fn
from glcic_jax.complete.far_seeing import check_large, check_refine
from glcic_jax.methods.procedural.poisson import way_to_blend
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Method
from glcic_jax.weights.address import Trained, open_trained
from glcic_jax.weights.pretrained import BUNDLED, is_bundled


def load(
    run: str | Path = BUNDLED,
    step: int | None = None,
    *,
    best: bool = False,
    postprocess: bool | str | None = None,
    texture: bool | None = None,
    large: str | None = None,
    largest: int | None = None,
    refine: bool | int = False,
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
      large: for networks that look at all of a picture, such as LaMa's: how they are given pictures
        longer than `largest`: "whole", as None does; "scale", as a smaller copy; "window", around
        each group of holes. The last two are approximations (`complete/far_seeing.py`).
      largest: the longest edge, in pixels, of what the network is given; 1,024 by default.
      refine: for LaMa's networks: whether completions are refined from a small copy on, at many
        times the cost (`methods/lama/refinement.py`). A number is the pixels of the copy's shortest
        edge, within a factor of sqrt(2), in place of 512.
      settings: settings of completing, such as latent_steps=500, in place of those that the run's
        config has as `completion`.

    Returns:
      A function of pictures and masks; see `Completer`.

    Raises:
      UserError: no such folder, file or checkpoint, a damaged one, or one of an unknown method; a
        setting that the method does not have; no such post-processing; `large` or `refine` for
        another network, or of a kind or size that there is not.
    """
    if postprocess is not None:
        way_to_blend(postprocess)  # refused before anything is read
    check_large(large, largest)
    check_refine(refine)
    texture = is_bundled(run) if texture is None else texture
    trained = open_trained(run, step, best=best)
    chosen = {"large": large, "largest": largest, "refine": refine}
    return completer_of(trained, postprocess=postprocess, texture=texture, **chosen, **settings)


def completer_of(
    trained: Trained,
    /,
    *,
    postprocess: bool | str | None = None,
    texture: bool = False,
    large: str | None = None,
    largest: int | None = None,
    refine: bool | int = False,
    **settings: Any,
) -> Completer:
    """Makes the completer of an opened network.

    Args:
      trained: from `open_trained`.
      postprocess: as `load` takes it.
      texture: whether texture is copied where a call does not choose.
      large: as `load` takes it.
      largest: as `load` takes it.
      refine: as `load` takes it.
      settings: as `load` takes them.

    Raises:
      UserError: as `load`.
    """
    ways = check_large(large, largest)
    check_refine(refine)
    method, state = trained.completing(**settings)
    if large is not None:
        _check_far_seeing(method, trained.address)
    if refine:
        method = _refining(method, None if refine is True else refine, trained.address)
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
        large=ways,
    )


def _check_far_seeing(method: Method, address: str) -> None:
    """Refuses networks that large pictures are given to in one way only."""
    if method.size is None and method.reach is None:
        return
    how = (
        f"sees {method.reach} pixels around a hole, so large pictures take the time of their holes"
        if method.reach is not None
        else f"takes {method.size} x {method.size} pixels, to which pictures are scaled"
    )
    raise UserError(
        f"{address}: large is for networks that look at all of a picture, and this one {how}: "
        "leave it out"
    )


def _refining(method: Method, shortest: int | None, address: str) -> Method:
    """Returns a method that refines its completions, or refuses one that cannot."""
    if method.refine is None:
        raise UserError(f"{address}: refine is for LaMa's networks: leave it out")
    return method._replace(complete=partial(method.refine, shortest=shortest))
