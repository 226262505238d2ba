"""A trained network at an address: the one place that opens runs, converted weights and the Hub.

An address is a run folder; RUN@STEP, one of its checkpoints; a folder that `glcic_jax.convert`
wrote, or the .safetensors file in it; hf://OWNER/NAME; or "pretrained", the network that comes with
the package.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.process import user_cache
from glcic_jax.types import Method, NetworkState, TrainState
from glcic_jax.weights.any_method import build
from glcic_jax.weights.checkpoint_reader import read_about, restore_network
from glcic_jax.weights.description import is_described
from glcic_jax.weights.exchange import SUFFIX, read_exchange
from glcic_jax.weights.hub import SCHEME, fetch
from glcic_jax.weights.pretrained import BUNDLED, NAME
from glcic_jax.weights.trained import Rgb, Weights


class Place(NamedTuple):
    """Where an address leads on this machine.

    path: of a run folder, or of converted weights.
    step: of a run's checkpoint, where the address names one.
    """

    path: Path
    step: int | None = None


def locate(address: str | Path) -> Place:
    """Finds an address on this machine; what is on the Hub is downloaded once.

    A file or folder whose name looks like an address of another kind goes first.

    Raises:
      UserError: the Hub has no such network, or cannot be reached.
    """
    if str(address).startswith(SCHEME):
        return Place(fetch(str(address)))
    path = Path(address)
    if path.exists():
        return Place(path)
    if str(address) == NAME:
        return Place(BUNDLED)
    if at := re.fullmatch(r"(.+)@(\d+)", str(address)):
        return Place(Path(at[1]), int(at[2]))
    return Place(path)


def is_weights(path: Path) -> bool:
    """Returns whether these are converted weights; otherwise it should be a run folder."""
    return path.suffix == SUFFIX or is_described(path)


def compiled_beside(address: str | Path) -> Path:
    """Returns the folder in which programs compiled for a network are kept.

    That is the network's own folder where it has one; the user's cache for a single file, for the
    network that comes with the package, and for those of the Hub.
    """
    path = BUNDLED if str(address).startswith(SCHEME) else locate(address).path
    return path if path.is_dir() and path != BUNDLED else user_cache()


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A trained network, opened. The arrays of a run are read only when they are asked for.

    Attributes:
      address: as it was given, for messages.
      config: of the training run; empty where converted weights do not say.
      mean_pixel: RGB in [0, 1] that the network was trained around.
      step: updates that it has had.
      sha256: of the file of weights, or of the checkpoint's digests.
      weights: what stands at the address, if that is converted weights.
      run: the run folder, if it is one.
    """

    address: str
    config: dict[str, Any]
    mean_pixel: Rgb
    step: int
    sha256: str
    weights: Weights | None = None
    run: Path | None = None

    @property
    def hole_colour(self) -> Rgb:
        """Returns RGB in [0, 1] of a picture that looks to the network as its holes do."""
        return self.weights.hole_colour if self.weights else self.mean_pixel

    @property
    def settings(self) -> dict[str, Any]:
        """Returns the settings of completing that the method has, as the run had them."""
        return self.weights.settings if self.weights else self.config.get("completion", {})

    def completing(self, **settings: Any) -> tuple[Method, TrainState]:
        """Returns the method, and a state that holds the networks that it completes with.

        Args:
          settings: of completing, in place of those of `self.settings`.

        Raises:
          UserError: the method has no such setting, or is not known here; a damaged checkpoint.
        """
        unknown = sorted(settings.keys() - self.settings.keys())
        if unknown:
            known = ", ".join(self.settings)
            choice = f"choose among {known}" if known else "leave it out"
            raise UserError(
                f"{self.address}: completing with this network has no {unknown[0]}: {choice}"
            )
        if self.weights is not None:
            return self.weights.completing(**settings)
        try:
            method = build(self.config, self.mean_pixel, self.settings | settings)
        except UserError as error:
            raise UserError(f"{self.address} {error}") from error
        fresh = jax.eval_shape(method.init, jax.random.key(0))
        networks = {
            name: NetworkState(*self.restore(name, fresh.networks[name]), opt_state=None)
            for name in method.networks
        }
        return method, TrainState(jnp.asarray(self.step, jnp.int32), networks)

    def restore(self, name: str, like: NetworkState) -> tuple[Any, Any]:
        """Reads one network of a run: its parameters and running statistics, as numpy arrays.

        Args:
          name: of the network.
          like: arrays or ShapeDtypeStructs of the same shapes; its opt_state is not looked at.

        Raises:
          UserError: a damaged checkpoint, or one of another network.
        """
        assert self.run is not None
        return restore_network(self.run, name, like, self.step)


def open_trained(address: str | Path, step: int | None = None) -> Trained:
    """Opens the trained network at an address.

    Args:
      address: see the module's docstring.
      step: of a run's checkpoint; the latest by default.

    Raises:
      UserError: nothing there that can be read, or a step that is not there.
    """
    path, at = locate(address)
    step = at if step is None else step
    if is_weights(path):
        if step is not None:
            raise UserError(f"{address} is not a run folder: choose no step")
        weights = read_exchange(path)
        return Trained(
            address=str(address),
            config=weights.run or {},
            mean_pixel=weights.mean_pixel,
            step=weights.step,
            sha256=weights.sha256,
            weights=weights,
        )
    step, about = read_about(path, step)
    digests = {name: item["digest"] for name, item in about["items"].items()}
    return Trained(
        address=str(address),
        config=about["config"],
        mean_pixel=tuple(about["mean_pixel"]),
        step=step,
        sha256=hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest(),
        run=path,
    )
