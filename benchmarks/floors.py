"""What the arithmetic allows: multiplications of the layers, and the machine that does them."""

import datetime
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from glcic_jax.networks.completion import LAYERS
from glcic_jax.networks.discriminators import CHANNELS, depth

UNITS = 64
"""Channels of the first layers of both networks."""


def completion_macs(height: int, width: int) -> list[int]:
    """Multiply-adds of C's layers 1 to 17 by direct convolution, for one picture."""
    scale, inputs, macs = 1, 4, []
    for layer, halves, options in LAYERS:
        outputs = halves * UNITS // 2
        if layer.__name__ == "Deconvolution":
            macs.append(height * width // scale**2 * 16 * inputs * outputs)
            scale //= 2
        else:
            scale *= options.get("stride", 1)
            pixels = height * width // scale**2
            macs.append(pixels * options.get("kernel", 3) ** 2 * inputs * outputs)
        inputs = outputs
    return [*macs, height * width * 9 * inputs * 3]


def discriminator_macs(size: int, patch: int) -> list[int]:
    """The same of D: the global side's layers, the local side's, the head; the first ones first."""
    macs = []
    for edge in (size, patch):
        inputs, layers = 3, depth(edge)
        for number in range(layers):
            outputs, edge = CHANNELS[number] * UNITS, -(-edge // 2)  # noqa: PLW2901
            macs.append(edge**2 * 25 * inputs * outputs)
            inputs = outputs
        macs.append(edge**2 * inputs * 16 * UNITS)
    return [*macs, 2 * 16 * UNITS]


def phase_macs(size: int, patch: int) -> dict[str, int]:
    """Multiply-adds per picture of one update of each phase, by direct convolution.

    A gradient costs as much as the forward pass, for the input and for the kernel each; the first
    layers need none for their input, except where D judges for C.
    """
    c, d = completion_macs(size, size), discriminator_macs(size, patch)
    first_of_d = d[0] + d[depth(size) + 1]
    train_c = 3 * sum(c) - c[0]
    train_d = 2 * (3 * sum(d) - first_of_d)
    return {
        "completion": train_c,
        "discriminator": sum(c) + train_d,
        "joint": train_c + train_d + 2 * sum(d),
    }


def matrix_product(size: int = 2048):
    """A worker: one float32 matrix product of 2 * size**3 operations, in JAX."""
    product = jax.jit(jnp.matmul)
    factor = jnp.ones((size, size))
    return lambda: product(factor, factor).block_until_ready()


def machine() -> dict[str, Any]:
    """What a number was measured on, and when."""
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
