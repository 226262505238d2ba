"""The network of LaMa's authors, narrow, and its numbers.

tests/golden/make_lama_port.py made them.
"""

from pathlib import Path

import numpy as np

GOLDEN = dict(np.load(Path(__file__).parents[1] / "golden" / "lama_port.npz"))
STATE = {
    name.removeprefix("state/"): array.astype(np.float32)
    for name, array in GOLDEN.items()
    if name.startswith("state/")
}
"""The state dict, by its own names."""

WIDTH, BLOCKS = 2, 2
"""Of that network."""
