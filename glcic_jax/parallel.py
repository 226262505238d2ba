"""One axis of devices over which each batch is split. Networks are replicated."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec, Sharding
from jaxtyping import Array

from glcic_jax.types import UserError

DATA = "data"
"""Name of the mesh axis; `jax.lax.pmean(x, DATA)` is the mean over the global batch."""


PAPER = (4, 24)
"""GPUs, and pictures on each: a batch of 96 (section 4)."""


def make_mesh(devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh of one axis over `devices`, all there are by default."""
    devices = jax.devices() if devices is None else devices
    return jax.make_mesh((len(devices),), (DATA,), axis_types=(AxisType.Auto,), devices=devices)


def replicate(mesh: Mesh, tree):
    """Puts a copy of every array of `tree`, the same in all processes, on every device."""
    return jax.tree.map(lambda leaf: copy_to(NamedSharding(mesh, PartitionSpec()), leaf), tree)


def copy_to(sharding: Sharding, array: Array | np.ndarray) -> jax.Array:
    """Puts an array that every process holds on each of the devices, those of others included."""
    if sharding.is_fully_addressable:
        return jax.device_put(array, sharding)
    devices = sharding.addressable_devices_indices_map(array.shape)
    copies = [jax.device_put(array, device) for device in devices]
    return jax.make_array_from_single_device_arrays(array.shape, sharding, copies)


def describe(mesh: Mesh, batch_size: int) -> str:
    """Processes, devices and what each of them has of a batch; beside it, what the paper had.

    Raises:
      UserError: some processes have more devices than others.
    """
    devices = list(mesh.devices.flat)
    shares = Counter(device.process_index for device in devices)
    if len(set(shares.values())) > 1:
        found = ", ".join(f"{shares[i]} in process {i}" for i in sorted(shares))
        raise UserError(f"all processes must have the same number of devices, not {found}")
    kinds = Counter(device.device_kind for device in devices)
    each = batch_size // mesh.size
    as_paper = "as in" if (mesh.size, each) == PAPER else "4 x 24 in"
    return (
        f"{len(shares)} process{'es' * (len(shares) > 1)}, "
        f"{' + '.join(f'{count} x {kind}' for kind, count in kinds.items())}, "
        f"batch {batch_size} = {mesh.size} x {each} ({as_paper} the paper)"
    )


def check_batch_size(mesh: Mesh, batch_size: int, parts: int = 1) -> None:
    """Refuses a batch that does not split evenly.

    Args:
      mesh: the devices.
      batch_size: pictures, over all devices.
      parts: that each device works its share through in.

    Raises:
      UserError: `batch_size` is no multiple of the number of devices times `parts`.
    """
    unit = mesh.size * parts
    if batch_size < 1 or batch_size % unit:
        each = f" in {parts} parts each" if parts > 1 else ""
        raise UserError(
            f"a batch of {batch_size} does not divide over {mesh.size} devices{each}: "
            f"set data.batch_size to a multiple of {unit}"
        )


def own_share(drawn: Array) -> Array:
    """This device's rows of what was drawn for the global batch; inside shard_map only.

    Random numbers so drawn are the same for any number of devices.
    """
    count = len(drawn) // lax.axis_size(DATA)
    return lax.dynamic_slice_in_dim(drawn, lax.axis_index(DATA) * count, count)


def shard(mesh: Mesh, batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
    """Spreads a batch over the devices, by its first axis.

    Args:
      mesh: the devices, those of other processes included.
      batch: this process's share of the global batch.

    Raises:
      UserError: the batch does not divide over the devices.
    """
    sharding = NamedSharding(mesh, PartitionSpec(DATA))
    for array in batch.values():
        check_batch_size(mesh, len(array) * jax.process_count())
    return {
        name: jax.make_array_from_process_local_data(sharding, array)
        for name, array in batch.items()
    }


def shard_whole(mesh: Mesh, array: np.ndarray) -> jax.Array:
    """Spreads a batch that every process holds whole over all devices, by its first axis."""
    sharding = NamedSharding(mesh, PartitionSpec(DATA))
    return jax.make_array_from_callback(array.shape, sharding, array.__getitem__)


def shard_any(mesh: Mesh, *arrays: np.ndarray) -> list[jax.Array]:
    """Spreads a batch of any size over the devices, all of this process.

    One that does not divide is filled up with copies of its first picture: cut off what comes of
    them.
    """
    fill = -len(arrays[0]) % mesh.size
    filled = {str(i): np.concatenate([a, a[:1].repeat(fill, 0)]) for i, a in enumerate(arrays)}
    return list(shard(mesh, filled).values())


def over_mesh(mesh: Mesh, function: Callable) -> Callable:
    """Lets a jitted function of pictures work on numpy batches of any size, on all devices.

    Args:
      mesh: the devices, all of this process.
      function: of arrays that share their first axis, and returns one that has it too; what it
        returns for a picture must not depend on the others.
    """
    return lambda *arrays: np.asarray(function(*shard_any(mesh, *arrays)))[: len(arrays[0])]
