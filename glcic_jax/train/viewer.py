"""Completes held-out examples with a network in training, for scores and for pictures."""

from collections.abc import Callable

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from glcic_jax.data.pipeline import Dataset
from glcic_jax.metrics.held_out import HeldOutScores, Scored
from glcic_jax.runtime.devices import replicate, shard_whole
from glcic_jax.runtime.distributed import compiled_together
from glcic_jax.types import Method, TrainState

GRID_ROWS = 8
"""Examples in a sample grid, if the batch has as many."""


class Viewer:
    """Completes the held-out examples, for scores and for pictures.

    Args:
      method: its `previews` completes them.
      mesh: the devices, over which each batch is split.
      dataset: has the held-out examples and the mean pixel.
      batch_size: examples that are completed at a time.
      measure: computes the scores.
      check: as in `compiled_together`.
    """

    def __init__(
        self,
        method: Method,
        mesh: Mesh,
        dataset: Dataset,
        batch_size: int,
        measure: HeldOutScores,
        check: Callable[[], object] | None = None,
    ) -> None:
        self._method, self._mesh, self._dataset = method, mesh, dataset
        self._batch_size, self._measure = batch_size, measure
        # Every process gets all pictures, and so the same scores.
        everywhere = NamedSharding(mesh, PartitionSpec())
        self._previews = compiled_together(
            jax.jit(method.previews, out_shardings=everywhere), check
        )
        self._key = replicate(mesh, jax.random.key(0))

    def _run(self, state: TrainState, image: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
        needed = {n: state.networks[n].replace(opt_state=None) for n in self._method.networks}
        batch = (shard_whole(self._mesh, array) for array in (image, mask))
        return jax.device_get(self._previews(TrainState(state.step, needed), *batch, self._key))

    def scores(self, state: TrainState) -> Scored:
        """Returns the scores of the held-out examples; their means go by "held_out/NAME".

        Those of a set go by "held_out/SET/NAME".
        """
        means, each = {}, {}
        for group, examples in {"": self._dataset.held_out, **self._dataset.more_held_out}.items():
            scored = self._measure(
                lambda image, mask: self._run(state, image, mask)["completed"],
                examples,
                self._batch_size,
            )
            prefix = f"{group}/" if group else ""
            means |= {f"held_out/{prefix}{name}": value for name, value in scored.means.items()}
            each |= {f"{prefix}{name}": values for name, values in scored.each.items()}
        return Scored(means, each)

    def grid(self, state: TrainState) -> tuple[list[list[np.ndarray]], list[str]]:
        """Completes the first held-out examples for a sample grid.

        Returns:
          Rows of uint8 RGB pictures, and the names of the columns.
        """
        count = len(self._dataset.held_out["image"])
        chosen = np.arange(self._batch_size) % count
        image, mask = (self._dataset.held_out[name][chosen] for name in ("image", "mask"))
        mean = np.rint(np.asarray(self._dataset.mean_pixel) * 255).astype(np.uint8)
        previews = self._run(state, image.astype(np.float32) / 255, mask.astype(np.float32))
        columns = {"input": np.where(mask > 0, mean, image), "hole": mask.repeat(3, axis=3) * 255}
        for name in sorted(previews, key=lambda name: name == "completed"):  # the result last
            columns[name] = np.rint(previews[name] * 255).astype(np.uint8)
        columns["truth"] = image
        height = min(GRID_ROWS, count, self._batch_size)
        rows = [[pictures[row] for pictures in columns.values()] for row in range(height)]
        return rows, list(columns)
