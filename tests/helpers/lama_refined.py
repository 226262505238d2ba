"""A picture, a hole, and what PyTorch's refinement makes of them.

tests/golden/make_lama_refined.py made the numbers, with the network of tests/helpers/lama_port.py.
"""

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from tests.helpers.lama_port import STATE

SHORTEST = 32
"""Pixels of the smallest copy's shortest edge: three scales."""

ROWS, COLUMNS = 97, 121
FILE = Path(__file__).parents[1] / "golden" / "lama_refined.npz"


def _picture():
    y, x = np.mgrid[:ROWS, :COLUMNS]
    waves = np.sin(y / 9) + np.cos(x / 7), np.sin((x + y) / 11), np.cos(y / 5) * np.sin(x / 13)
    return (np.rint(np.clip(np.stack(waves, -1) / 4 + 0.5, 0, 1) * 255) / 255).astype(np.float32)


IMAGE = _picture()[None]
MASK = np.zeros((1, ROWS, COLUMNS, 1), np.float32)
MASK[:, 18:78, 25:101] = 1
GOLDEN = dict(np.load(FILE)) if FILE.exists() else {}


class Network(NamedTuple):
    """Completes with LaMa's generator, with and without refinement."""

    weights: Any

    def plain(self, image, mask):
        method, state = self.weights.completing()
        return np.asarray(jax.jit(method.complete)(state, image, mask, jax.random.key(0)))

    def refine(self, image, mask, shortest):
        method, state = self.weights.completing()
        refine = jax.jit(method.refine, static_argnums=4)
        return np.asarray(refine(state, image, mask, jax.random.key(0), shortest))


@cache
def network():
    from glcic_jax.convert.pytorch_lama import from_state_dict

    return Network(from_state_dict(STATE, "models/best.ckpt"))
