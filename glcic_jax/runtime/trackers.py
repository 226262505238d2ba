"""Sends a run's records to Weights & Biases and to MLflow while it trains.

Both decide by their own environment variables where to: WANDB_MODE=offline keeps everything in the
run folder, MLFLOW_TRACKING_URI names MLflow's server or database. Their packages are the extras
`wandb` and `mlflow`.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from glcic_jax.runtime.digests import json_digest
from glcic_jax.runtime.errors import one_line
from glcic_jax.runtime.extras import missing_extra
from glcic_jax.runtime.fields import dotted
from glcic_jax.runtime.run_folder import CONFIG, read_config
from glcic_jax.types import PixelImage

PROJECT = "glcic_jax"
"""The project of Weights & Biases, and the experiment of MLflow, where theirs is not set."""


class Writer(Protocol):
    """Describes what takes a run's records."""

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Adds a point to each curve."""
        ...

    def picture(self, step: int, name: str, picture: PixelImage) -> None:
        """Adds a picture, uint8 RGB."""
        ...

    def close(self) -> None:
        """Ends the record."""
        ...


class WeightsAndBiases:
    """Writes a run of Weights & Biases, in WORKDIR/wandb and on its server.

    Args:
      workdir: the run folder. A resumed run of the same config goes on with the same record.
      config: values by dotted name.
    """

    def __init__(self, workdir: Path, config: dict[str, Any]) -> None:
        import wandb  # pyright: ignore[reportMissingImports]

        self._wandb = wandb
        self._run = wandb.init(
            dir=str(workdir),
            config=config,
            name=workdir.name,
            id=_identity(workdir, config),
            resume="allow",
        )

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Adds a point to each curve. Steps that a killed run had sent are not sent again."""
        self._run.log(values, step=step)

    def picture(self, step: int, name: str, picture: PixelImage) -> None:
        """Adds a picture."""
        self._run.log({name: self._wandb.Image(picture)}, step=step)

    def close(self) -> None:
        """Waits until all is sent, or written where it is offline."""
        self._run.finish()


class MLflow:
    """Writes a run of MLflow.

    Args:
      workdir: the run folder. A resumed run of the same config goes on with the same record.
      config: values by dotted name.
    """

    def __init__(self, workdir: Path, config: dict[str, Any]) -> None:
        import mlflow  # pyright: ignore[reportMissingImports]

        self._client = mlflow.MlflowClient()
        experiment = self._client.get_experiment_by_name(PROJECT)
        number = experiment.experiment_id if experiment else self._client.create_experiment(PROJECT)
        identity = _identity(workdir, config)
        found = self._client.search_runs([number], f"tags.{PROJECT} = '{identity}'", max_results=1)
        if found:
            self._own = found[0].info.run_id
            self._client.update_run(self._own, status="RUNNING")
            return
        run = self._client.create_run(number, run_name=workdir.name)
        self._own = run.info.run_id
        for name, value in config.items():
            self._client.log_param(self._own, name, value)
        self._client.set_tag(self._own, PROJECT, identity)  # last: the record is whole

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Adds a point to each curve; values that are not finite are left out, as in records.

        Steps that a killed run had sent have two points, as MLflow allows.
        """
        for name, value in values.items():
            if math.isfinite(value):
                self._client.log_metric(self._own, name, value, step=step)

    def picture(self, step: int, name: str, picture: PixelImage) -> None:
        """Adds a picture."""
        self._client.log_image(self._own, picture, key=name, step=step, synchronous=True)

    def close(self) -> None:
        """Marks the run as ended."""
        self._client.set_terminated(self._own)


def _identity(workdir: Path, config: dict[str, Any]) -> str:
    """Returns what a run's record is found by when the run resumes: its folder and its config."""
    return json_digest([str(workdir.resolve()), config])[:12]


TRACKERS: Mapping[str, Callable[[Path, dict[str, Any]], Writer]] = {
    "wandb": WeightsAndBiases,
    "mlflow": MLflow,
}
"""The writers by the names that `config.trackers` may have: those of packages and extras."""


def check_trackers(names: Sequence[str]) -> None:
    """Refuses writers whose packages are not installed.

    Raises:
      UserError: names the extra.
    """
    for name in names:
        if find_spec(name) is None:
            raise missing_extra(f"config.trackers has {name}, which needs the package {name}", name)


def open_trackers(
    names: Sequence[str], workdir: Path, report: Callable[[str], None]
) -> list[Writer]:
    """Opens writers for the run in a folder; one that fails, then or later, is reported once.

    Args:
      names: keys of TRACKERS.
      workdir: a run folder with its config.
      report: receives a line.
    """
    config = dotted(read_config(workdir)) if (workdir / CONFIG).exists() else {}
    config = json.loads(json.dumps(config))
    return [_Guarded(name, lambda n=name: TRACKERS[n](workdir, config), report) for name in names]


class _Guarded:
    """Passes records on until a writer fails: a server that is away must not end a training."""

    def __init__(
        self, name: str, opened: Callable[[], Writer], report: Callable[[str], None]
    ) -> None:
        self._name, self._report = name, report
        self._writer: Writer | None = None
        self._try(lambda: setattr(self, "_writer", opened()))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Adds a point to each curve."""
        if writer := self._writer:
            self._try(lambda: writer.scalars(step, values))

    def picture(self, step: int, name: str, picture: PixelImage) -> None:
        """Adds a picture."""
        if writer := self._writer:
            self._try(lambda: writer.picture(step, name, picture))

    def close(self) -> None:
        """Ends the record."""
        if writer := self._writer:
            self._try(writer.close)
        self._writer = None

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:  # whatever a service's client raises
            self._writer = None
            self._report(f"warning: {self._name}: {one_line(error)}: it gets no further records")
