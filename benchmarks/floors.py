"""Computes the least time a machine allows: the layers' operations and bytes over its rates."""

import datetime
import os
import platform
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from glcic_jax.methods.glcic.discriminators import CHANNELS, depth
from glcic_jax.methods.glcic.table2 import DECONVOLUTION, LAYERS

UNITS = 64
"""Channels of the first layers of both networks."""


class Layer(NamedTuple):
    """Holds the work of a layer on one picture.

    Attributes:
      macs: multiply-adds by direct convolution.
      inputs: values read.
      weights: parameters.
      outputs: values written.
    """

    macs: int
    inputs: int
    weights: int
    outputs: int


def completion_layers(height: int, width: int, units: int = UNITS) -> list[Layer]:
    """Lists C's layers 1 to 17, of which the first has `units` channels."""
    pixels, inputs, layers = height * width, 4, []
    for kind, halves, options in LAYERS:
        outputs, before = halves * units // 2, pixels
        if kind == DECONVOLUTION:
            pixels *= 4
            layers.append(_layer(before, pixels, 16, inputs, outputs, meets=before))
        else:
            pixels //= options.get("stride", 1) ** 2
            layers.append(_layer(before, pixels, options.get("kernel", 3) ** 2, inputs, outputs))
        inputs = outputs
    return [*layers, _layer(pixels, pixels, 9, inputs, 3)]


def discriminator_layers(size: int, patch: int) -> list[Layer]:
    """Lists D's layers from the first on: the global side's, the local side's, the head's."""
    layers = []
    for edge in (size, patch):
        inputs = 3
        for number in range(depth(edge)):
            outputs, before = CHANNELS[number] * UNITS, edge
            edge = -(-edge // 2)  # noqa: PLW2901
            layers.append(_layer(before**2, edge**2, 25, inputs, outputs))
            inputs = outputs
        layers.append(_layer(1, 1, 1, edge**2 * inputs, 16 * UNITS))
    return [*layers, _layer(1, 1, 1, 2 * 16 * UNITS, 1)]


def _layer(
    before: int, after: int, taps: int, inputs: int, outputs: int, meets: int | None = None
) -> Layer:
    """Counts a layer's work; each of `meets` pixels (by default `after`) meets all taps."""
    weights = taps * inputs * outputs
    return Layer((meets or after) * weights, before * inputs, weights, after * outputs)


def phase_macs(size: int, patch: int) -> dict[str, int]:
    """Counts multiply-adds per picture of one update of each phase, by direct convolution.

    A gradient costs as much as the forward pass, for the input and for the kernel each; the first
    layers need none for their input, except where D judges for C.
    """
    c, d = (
        [layer.macs for layer in layers]
        for layers in (completion_layers(size, size), discriminator_layers(size, patch))
    )
    first_of_d = d[0] + d[depth(size) + 1]
    train_c = 3 * sum(c) - c[0]
    train_d = 2 * (3 * sum(d) - first_of_d)
    return {
        "completion": train_c,
        "discriminator": sum(c) + train_d,
        "joint": train_c + train_d + 2 * sum(d),
    }


def phase_bytes(size: int, patch: int, count: int) -> dict[str, int]:
    """Counts the bytes that one float32 update of each phase must read and write at least.

    Each pass moves every layer's inputs, weights and outputs once; there are as many passes as
    `phase_macs` counts. Batch norm and ReLU are taken to cost nothing. Adadelta reads and writes
    the weights and its two averages, and reads the gradient.
    """
    c, d = completion_layers(size, size), discriminator_layers(size, patch)
    pass_c, pass_d = pass_bytes(c, count), pass_bytes(d, count)
    update_c, update_d = (4 * 7 * sum(layer.weights for layer in layers) for layers in (c, d))
    return {
        "completion": 3 * pass_c + update_c,
        "discriminator": pass_c + 6 * pass_d + update_d,
        "joint": 3 * pass_c + 8 * pass_d + update_c + update_d,
    }


def pass_bytes(layers: list[Layer], count: int) -> int:
    """Counts the bytes of one forward pass of `count` pictures, float32."""
    return 4 * sum(count * (layer.inputs + layer.outputs) + layer.weights for layer in layers)


def matrix_product(size: int = 2048):
    """Makes a worker: one float32 matrix product of 2 * size**3 operations, in JAX."""
    product = jax.jit(jnp.matmul)
    factor = jnp.ones((size, size))
    return lambda: product(factor, factor).block_until_ready()


def memory_pass(mebibytes: int = 512):
    """Makes a worker: reads `mebibytes` MiB and writes as many, in JAX."""
    add = jax.jit(lambda x: x + 1)
    values = jnp.zeros(mebibytes * 2**18)
    return lambda: add(values).block_until_ready()


def machine() -> dict[str, Any]:
    """Describes what a number was measured on, and when."""
    device = jax.devices()[0]
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    command = ["git", "describe", "--always", "--dirty", "--abbrev=7"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    kind = device.device_kind if device.platform != "cpu" else names[0] if names else "CPU"
    return {
        "device": kind,
        "platform": device.platform,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "commit": commit or "unknown",
        "date": datetime.date.today().isoformat(),
    }
