"""Writes a run's checkpoints, RUN/checkpoints/STEP, by Orbax. No other wing uses Orbax.

A checkpoint has one item per network and part (params, batch_stats, opt_state), and one of JSON.
The JSON describes the run and holds a digest of each item and of itself, as Orbax does not notice
when a byte has changed.
"""

import logging
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as managers

from glcic_jax.runtime.devices import copy_to
from glcic_jax.runtime.digests import item_digest, json_digest
from glcic_jax.runtime.disk import check_space, clear_errors, report_if_slow
from glcic_jax.runtime.distributed import gather
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import CHECKPOINTS, steps_cut_short
from glcic_jax.types import NetworkState, TrainState
from glcic_jax.weights.best import HELD_OUT, L1, Scores, badness
from glcic_jax.weights.checkpoint_reader import PARTS, about_of, manager_alone, restore_parts
from glcic_jax.weights.items import DamagedError, to_item

log = logging.getLogger(__name__)


class Checkpoints:
    """Keeps a run's latest checkpoints, its best, and the last of each phase.

    Reports saves that are slow or were cut short.

    Args:
      run: the run folder.
      keep: the number of latest checkpoints that are kept.
      keep_steps: steps whose checkpoints are never deleted.
      best: the name of the score by which the best is chosen.
      report: receives each report, a line of text.
    """

    def __init__(
        self, run: Path, *, keep: int, keep_steps: tuple[int, ...] = (), best: str = L1,
        report: Callable[[str], None] = log.warning,
    ) -> None:  # fmt: skip
        self._folder, self._report, self._writing = (run / CHECKPOINTS).absolute(), report, 0
        for step in steps_cut_short(run):
            report(f"the save of step {step:,} was cut short: what it left is removed")
        self._scores, self._best = Scores(), best
        policies = [managers.LatestN(keep), self._scores, managers.CustomSteps(keep_steps)]
        kept = managers.AnyPreservationPolicy(policies)
        options = ocp.CheckpointManagerOptions(
            preservation_policy=kept, cleanup_tmp_directories=True
        )
        self._manager = ocp.CheckpointManager(self._folder, options=options)
        with manager_alone(self._folder) as manager:
            for step in self.steps():
                with suppress(DamagedError):
                    self._scores[step] = badness(about_of(manager, step), best)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is not None and jax.process_count() > 1:
            return  # closing waits for the other processes, which may never come
        try:
            self.close()
        except UserError as problem:
            if error is None:
                raise
            log.warning("%s", problem)  # the error that ended the run matters more

    def steps(self) -> list[int]:
        """Returns the steps that have a checkpoint, ascending."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, state: TrainState, *, about: dict, metrics: dict[str, float]) -> None:
        """Copies the state to the host and writes it in the background.

        Args:
          step: the number of updates done. If it has a checkpoint, nothing is written.
          state: the state; it may be donated as soon as this returns.
          about: JSON that describes the run: its config and its mean pixel.
          metrics: held-out scores; without that of `best` the checkpoint never counts as it.

        Raises:
          UserError: the disk is full, now or in the save before. The last good one is intact.
        """
        self.wait()  # so the host holds one copy of the state, and the free space is known
        if step in self._manager.all_steps():
            return

        # Copy the state to the host.
        items = {
            f"{name}.{part}": to_item(getattr(network, part))
            for name, network in state.networks.items()
            for part in PARTS
        }
        size = sum(leaf.nbytes for item in items.values() for leaf in item.values())
        check_space(self._folder, size, self._last_good)

        # Describe it, with the digests by which damage is noticed.
        described = {
            name: {
                "digest": item_digest(item),
                "shapes": {k: list(v.shape) for k, v in item.items()},
            }
            for name, item in items.items()
        }
        scores = {n: float(value) for n, value in metrics.items() if value is not None}
        about = about | {
            "items": described,
            "score": scores.get(f"{HELD_OUT}{L1}", math.nan),  # all that older versions read
            "scores": scores,
        }
        self._scores[step] = badness(about, self._best)
        sealed = ocp.args.JsonSave(about | {"digest": json_digest(about)})

        # Write both.
        arrays = {name: ocp.args.StandardSave(item) for name, item in items.items() if item}
        self._writing = step
        with clear_errors(self._folder, self._last_good):
            self._manager.save(step, args=ocp.args.Composite(about=sealed, **arrays))

    def restore_latest(self, like: TrainState) -> TrainState | None:
        """Reads the newest good checkpoint; returns None if there is no checkpoint at all.

        The log names damaged ones. They are deleted, so that training can save them again.

        Args:
          like: arrays or ShapeDtypeStructs with shardings, for any number of devices.

        Raises:
          UserError: all checkpoints are damaged, or they hold other networks.
        """
        damaged = []
        for step in reversed(self.steps()):
            networks = self._restore(step, like)
            if not all(gather(networks is not None)) or networks is None:
                damaged.append(step)
                continue
            for broken in damaged:
                self._manager.delete(broken)
            state = TrainState(jnp.asarray(step, jnp.int32), networks)
            return jax.tree.map(lambda a, b: copy_to(b.sharding, a), state, like)
        if damaged:
            raise UserError(
                f"{self._folder}: all {len(damaged)} checkpoints are damaged: bring back a copy of "
                "one, or start over in another --workdir"
            )
        return None

    def _restore(self, step: int, like: TrainState) -> dict[str, NetworkState] | None:
        """Reads all networks; returns None, with a line in the log, if they are damaged."""
        try:
            with manager_alone(self._folder) as manager:
                opened = manager, step, about_of(manager, step)
                return {n: restore_parts(opened, n, like.networks[n], PARTS) for n in like.networks}
        except DamagedError as error:
            log.warning("checkpoint %d of %s is damaged: %s", step, self._folder, error)
            return None

    def wait(self) -> None:
        """Waits until nothing is being written any more."""
        line = f"the checkpoint of step {self._writing:,} is still being written: waiting"
        with clear_errors(self._folder, self._last_good), report_if_slow(self._report, line):
            self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits, and releases the folder."""
        self.wait()
        self._manager.close()

    def _last_good(self) -> str:
        steps = [step for step in self.steps() if (self._folder / str(step)).is_dir()]
        return f"the checkpoint of step {steps[-1]} is intact" if steps else "no checkpoint yet"
