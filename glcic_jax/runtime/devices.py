"""Lays a run over its devices: each batch is split over them, networks are replicated.

The state of optimizers is replicated too, or split on request.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax import lax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec, Sharding
from jaxtyping import Array

from glcic_jax.runtime.errors import UserError
from glcic_jax.types import TrainState

if TYPE_CHECKING:
    import optax

FSDP = "fsdp"
"""The mesh axis over which the state of optimizers is split."""

DATA = ("data", FSDP)
"""All axes of the mesh. `jax.lax.pmean(x, DATA)` is the mean over the global batch."""


def make_mesh(devices: Sequence[Any] | None = None, fsdp: int = 1) -> Mesh:
    """Makes a mesh with the axes DATA.

    Neighbouring devices, on one node if they fit there, make up the axis FSDP.

    Args:
      devices: the devices to use; all there are by default.
      fsdp: length of the axis FSDP; 1 = every device holds the whole state of optimizers.

    Raises:
      UserError: `fsdp` does not divide the number of devices.
    """
    devices = jax.devices() if devices is None else devices
    count = len(devices)
    if fsdp < 1 or count % fsdp:
        raise UserError(f"fsdp is {fsdp}: choose a number that divides the {count} devices")
    types = (AxisType.Auto,) * 2
    return jax.make_mesh((count // fsdp, fsdp), DATA, axis_types=types, devices=devices)


def replicate(mesh: Mesh, tree):
    """Puts a copy of every array of `tree` on every device. All processes give the same arrays."""
    return jax.tree.map(lambda leaf: copy_to(NamedSharding(mesh, PartitionSpec()), leaf), tree)


def copy_to(sharding: Sharding, array: Array | np.ndarray) -> jax.Array:
    """Puts an array on the devices as `sharding` asks. Every process gives the whole array."""
    if sharding.is_fully_addressable:
        return jax.device_put(array, sharding)
    devices = sharding.addressable_devices_indices_map(array.shape)
    copies = [jax.device_put(array[index], device) for device, index in devices.items()]
    return jax.make_array_from_single_device_arrays(array.shape, sharding, copies)


def state_shardings(mesh: Mesh, state: TrainState) -> TrainState:
    """Returns the sharding of every array: optimizers split over FSDP, all others replicated.

    Args:
      mesh: the devices.
      state: arrays or their shapes, whole.

    Returns:
      A tree like `state`, of NamedShardings.
    """
    everywhere = NamedSharding(mesh, PartitionSpec())

    def split(leaf: Any) -> NamedSharding:
        axis = _split_axis(leaf.shape, mesh.shape[FSDP])
        spec = PartitionSpec() if axis is None else PartitionSpec(*[None] * axis, FSDP)
        return NamedSharding(mesh, spec)

    networks = {
        name: jax.tree.map(lambda _: everywhere, network).replace(
            opt_state=jax.tree.map(split, network.opt_state)
        )
        for name, network in state.networks.items()
    }
    return state.replace(step=everywhere, networks=networks)


def place(mesh: Mesh, state: TrainState) -> TrainState:
    """Puts a state on the devices, as `state_shardings` has it. All processes give the same one."""
    return jax.tree.map(copy_to, state_shardings(mesh, state), state)


def split_over_fsdp(
    optimizer: "optax.GradientTransformation",
) -> "optax.GradientTransformation":
    """Makes each device of FSDP update a part of the parameters, and keep the state of that part.

    Parameters and gradients stay whole on every device, and the updates are gathered: stage 1 of
    ZeRO (Rajbhandari et al. 2020). `update` works only inside shard_map, on a state placed as
    `state_shardings` has it. Where FSDP has one device, it does what `optimizer.update` does.

    Args:
      optimizer: must treat each number by itself, as Adadelta and Adam do. An optimizer that clips
        by a norm would take the norm of a part.
    """

    def own_part(leaf: Array) -> Array:
        axis = _split_axis(leaf.shape, lax.axis_size(FSDP))
        if axis is None:
            return leaf
        length = leaf.shape[axis] // lax.axis_size(FSDP)
        return lax.dynamic_slice_in_dim(leaf, lax.axis_index(FSDP) * length, length, axis)

    def whole(part: Array, like: Array) -> Array:
        axis = _split_axis(like.shape, lax.axis_size(FSDP))
        if axis is None:
            return part
        return lax.all_gather(part, FSDP, axis=axis, tiled=True, to="invarying")

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        own_gradients, own_params = jax.tree.map(own_part, (updates, params))
        moves, state = optimizer.update(own_gradients, state, own_params)
        return jax.tree.map(whole, moves, updates), state

    return type(optimizer)(optimizer.init, update)


def _split_axis(shape: tuple[int, ...], count: int) -> int | None:
    """Returns the longest axis that divides into `count` parts; None if there is none to split."""
    axes = [axis for axis, length in enumerate(shape) if length % count == 0]
    if count == 1 or not axes:
        return None
    return max(axes, key=lambda axis: shape[axis])


def describe(mesh: Mesh, batch_size: int) -> str:
    """Returns a line on processes, devices and pictures per device.

    Args:
      mesh: the devices, those of other processes included.
      batch_size: pictures per step, over all devices.

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
    line = "1 process, " if len(shares) == 1 else f"{len(shares)} processes, "
    line += " + ".join(f"{count} x {kind}" for kind, count in kinds.items())
    line += f", batch {batch_size} = {mesh.size} x {each}"
    if mesh.shape[FSDP] > 1:
        line += f", optimizers split over {mesh.shape[FSDP]} devices"
    return line


def check_batch_size(mesh: Mesh, batch_size: int, parts: int = 1) -> None:
    """Refuses a batch that does not split evenly.

    Args:
      mesh: the devices.
      batch_size: pictures per step, over all devices.
      parts: each device works through its share in this many parts, one after the other.

    Raises:
      UserError: `batch_size` is not a multiple of the number of devices times `parts`.
    """
    unit = mesh.size * parts
    if batch_size < 1 or batch_size % unit:
        each = f" in {parts} parts each" if parts > 1 else ""
        raise UserError(
            f"a batch of {batch_size} does not divide over {mesh.size} devices{each}: "
            f"set data.batch_size to a multiple of {unit}"
        )


def own_share(values: Array) -> Array:
    """Returns this device's rows of an array made for the global batch. Only inside shard_map.

    Random numbers made for the global batch and shared out so are the same for any number of
    devices.
    """
    count = len(values) // lax.axis_size(DATA)
    return lax.dynamic_slice_in_dim(values, lax.axis_index(DATA) * count, count)


def shard(mesh: Mesh, batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
    """Splits a batch over the devices along its first axis.

    Args:
      mesh: the devices, those of other processes included.
      batch: this process's share of the global batch.

    Returns:
      The global batch, of which each device holds its part.

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
    """Splits a batch that every process holds whole over all devices, along its first axis."""
    sharding = NamedSharding(mesh, PartitionSpec(DATA))
    return jax.make_array_from_callback(array.shape, sharding, array.__getitem__)


def shard_any(mesh: Mesh, *arrays: np.ndarray) -> list[jax.Array]:
    """Splits a batch of any size over the devices, which must all belong to this process.

    A batch that does not divide is filled up with copies of its first picture. The caller cuts off
    their results.
    """
    fill = -len(arrays[0]) % mesh.size
    filled = {str(i): np.concatenate([a, a[:1].repeat(fill, 0)]) for i, a in enumerate(arrays)}
    return list(shard(mesh, filled).values())


def over_mesh(mesh: Mesh, function: Callable) -> Callable:
    """Makes a jitted function of pictures work on numpy batches of any size, on all devices.

    Args:
      mesh: the devices, all of this process.
      function: takes arrays that share their first axis, and returns an array that has it too. Its
        result for a picture must not depend on the other pictures.

    Returns:
      A function of numpy arrays that returns a numpy array.
    """
    return lambda *arrays: np.asarray(function(*shard_any(mesh, *arrays)))[: len(arrays[0])]
