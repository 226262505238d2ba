"""Opens the trained network at an address. All commands open runs and converted weights by this.

An address is one of:

- a run folder, or RUN@STEP, one of its checkpoints; RUN@best, the best of them; RUN@last5, the
  mean of the latest five (Izmailov et al. 2018; of networks that one run passed through);
- a folder that `glcic_jax.convert` wrote, or the .safetensors file in it;
- hf://OWNER/NAME or hf://OWNER/NAME@REVISION, on the Hugging Face Hub;
- "pretrained", the network that comes with the package.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from glcic_jax.runtime.digests import json_digest
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.extras import naming_extras
from glcic_jax.types import Method, NetworkState, TrainState
from glcic_jax.weights.checkpoint_reader import BEST, choose_steps, read_about, restore_network
from glcic_jax.weights.exchange import read_exchange
from glcic_jax.weights.hub import SCHEME, fetch
from glcic_jax.weights.kinds import EXCHANGE, RUN, kind_of, unconverted
from glcic_jax.weights.pretrained import BUNDLED, is_bundled
from glcic_jax.weights.trained import Rgb, Weights


class Place(NamedTuple):
    """Holds the place of an address on this machine.

    Attributes:
      path: the run folder, the folder of weights or the .safetensors file; it may be missing.
      step: the step of a run's checkpoint, if the address names one, or "best" or "last5".
    """

    path: Path
    step: int | str | None = None


def locate(address: str | Path) -> Place:
    """Finds the place of an address on this machine; a network of the Hub is downloaded once.

    A file or folder of exactly this name goes first: a folder "runs/a@3" hides step 3 of "runs/a",
    and a folder "pretrained" hides the network that comes with the package.

    Args:
      address: see the module's docstring.

    Returns:
      The place. Whether anything is there is not checked.

    Raises:
      UserError: the Hub has no such network, or cannot be reached.
    """
    if str(address).startswith(SCHEME):
        return Place(fetch(str(address)))
    path = Path(address)
    if path.exists():
        return Place(path)
    if at := re.fullmatch(r"(.+)@(\d+|best|last\d+)", str(address)):
        return Place(_unless_bundled(at[1]), int(at[2]) if at[2].isdigit() else at[2])
    return Place(_unless_bundled(address))


def _unless_bundled(address: str | Path) -> Path:
    return BUNDLED if is_bundled(address) else Path(address)


def refuse_version(address: str | Path, named: int | str | None, step: str | None) -> None:
    """Refuses a choice among the checkpoints of what is not a run folder.

    Args:
      address: as the user wrote it.
      named: the choice in the address, from `locate`; None = it has none.
      step: what else makes the choice, for the message, such as "--step"; None = nothing does.

    Raises:
      UserError: there is a choice.
    """
    if named is not None:
        step = f"@{named}"
    if step is not None:
        whole = str(address).removesuffix(f"@{named}")
        raise UserError(f"{whole} holds one network, not a run's checkpoints: leave {step} out")


@dataclass(frozen=True, kw_only=True)
class Trained:
    """Holds an opened trained network. The arrays of a run are read only when they are asked for.

    Either `weights` or `run` is set.

    Attributes:
      address: the address as the user wrote it, for messages.
      config: the config of the training run; empty if converted weights do not hold it.
      mean_pixel: the mean pixel that the network was trained with, RGB in [0, 1].
      step: the number of updates that the network has had.
      sha256: a digest of the weights: of their file, or of all digests in the checkpoint.
      weights: the converted weights, if the address is of some.
      run: the run folder, if the address is of one.
      averaged: the steps of the checkpoints whose mean the network is; () = it is that of `step`.
    """

    address: str
    config: dict[str, Any]
    mean_pixel: Rgb
    step: int
    sha256: str
    weights: Weights | None = None
    run: Path | None = None
    averaged: tuple[int, ...] = ()

    @property
    def method_name(self) -> str:
        """Returns the method's name in METHODS; empty if the run's config names none."""
        return self.weights.method_name if self.weights else self.config.get("method", "")

    @property
    def hole_colour(self) -> Rgb:
        """Returns the colour that the network sees in its holes, RGB in [0, 1]."""
        return self.weights.hole_colour if self.weights else self.mean_pixel

    @property
    def settings(self) -> dict[str, Any]:
        """Returns the run's settings for completion; empty if its method has none."""
        return self.weights.settings if self.weights else self.config.get("completion", {})

    @naming_extras()
    def completing(self, /, **settings: Any) -> tuple[Method, TrainState]:
        """Returns the method, and a state with the networks that it completes with.

        Whatever completes, scores, converts or trains on this network reads it here, so all of them
        have the same: the moving average, where a run keeps one to complete with.

        Args:
          settings: settings for completion that replace some of `self.settings`.

        Returns:
          The method and the state; the state has no optimizers and only these networks.

        Raises:
          UserError: the method has no such setting or refuses its value, is not known here, or the
            checkpoint is damaged; an extra is missing that its method takes.
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
        from glcic_jax.weights.any_method import build_from_config  # weights need no METHODS

        method = build_from_config(
            self.config, self.mean_pixel, self.settings | settings, self.address
        )
        fresh = jax.eval_shape(method.init, jax.random.key(0))
        networks = {
            name: NetworkState(*self.restore(name, fresh.networks[name]), opt_state=None)
            for name in method.networks
        }
        return method, TrainState(jax.device_put(np.int32(self.step)), networks)

    def restore(self, name: str, like: NetworkState) -> tuple[Any, Any]:
        """Reads one network of a run: its parameters and running statistics, as numpy arrays.

        Args:
          name: the network's name in the state.
          like: arrays or ShapeDtypeStructs of the same shapes; its opt_state is not read.

        Returns:
          params and batch_stats, trees as in `like`.

        Raises:
          UserError: the checkpoint is damaged, or holds a network of other shapes.
        """
        assert self.run is not None
        steps = self.averaged or (self.step,)
        found = [restore_network(self.run, name, like, step) for step in steps]
        return found[0] if len(found) == 1 else jax.tree.map(_mean, *found)


@naming_extras()
def _mean(*arrays: np.ndarray) -> np.ndarray:
    """Returns the mean of arrays, added up in double precision."""
    return np.mean(arrays, axis=0, dtype=np.float64).astype(arrays[0].dtype)


def open_trained(address: str | Path, step: int | None = None, *, best: bool = False) -> Trained:
    """Opens the trained network at an address.

    Args:
      address: see the module's docstring.
      step: the step of a run's checkpoint; by default the one in the address, or the latest.
      best: whether to open the run's best checkpoint, as RUN@best does.

    Raises:
      UserError: there is nothing that can be read, or no such step; the address and `step` name
        different steps; an extra is missing that runs take.
    """
    path, named = locate(address)
    asked = [which for which in (named, step, BEST if best else None) if which is not None]
    if len(set(asked)) > 1:
        raise UserError(
            f"{address} is step {asked[0]}, but step {asked[1]} is asked for: leave one out"
        )
    which = asked[0] if asked else None
    kind = kind_of(address, path)
    if kind != RUN:
        refuse_version(address, named, "the step" if step is not None else "best" if best else None)
    if kind == EXCHANGE:
        return _open_weights(address, path)
    if kind != RUN:
        raise unconverted(path, kind)
    steps = choose_steps(path, which) if isinstance(which, str) else (which,)
    described = [read_about(path, one) for one in steps]
    step, about = described[-1]
    digests = [{n: item["digest"] for n, item in own["items"].items()} for _, own in described]
    return Trained(
        address=str(address),
        config=about["config"],
        mean_pixel=tuple(about["mean_pixel"]),
        step=step,
        sha256=json_digest(digests[0] if len(digests) == 1 else digests),
        run=path,
        averaged=tuple(one for one, _ in described) if len(described) > 1 else (),
    )


def _open_weights(address: str | Path, path: Path) -> Trained:
    weights = read_exchange(path)
    return Trained(
        address=str(address),
        config=weights.run or {},
        mean_pixel=weights.mean_pixel,
        step=weights.step,
        sha256=weights.sha256,
        weights=weights,
    )
