"""What completing does not need is not imported."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_NEEDED = (
    "flax", "optax", "ml_collections", "chex", "absl", "orbax", "tensorstore", "grain",
    "array_record", "skimage", "scipy", "tensorboardX", "tqdm", "pandas", "matplotlib", "torch",
    "onnx", "aiohttp", "uvicorn", "starlette", "rich", "yaml",
)  # fmt: skip
"""Packages that other parts of the program need."""

COMPLETE = """
import glcic_jax, jax, numpy as np
mask = np.zeros((40, 50), bool)
mask[10:20, 10:20] = True
picture = np.full((40, 50, 3), 99, np.uint8)
completer = glcic_jax.load()
own, square = completer.any_size, np.zeros((1, 64, 64, 4), np.uint8)
"""


def imported(code):
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "run",
    [
        "jax.eval_shape(own.complete, own.state, square[..., :3], square[..., 3:], 40, 50)",
        pytest.param("completer(picture, mask)", marks=pytest.mark.slow),  # which compiles
    ],
)
def test_completing_by_the_network_that_ships_imports_what_that_needs_alone(run):
    found = imported(COMPLETE + run)
    assert not found & set(NOT_NEEDED)
    assert {"jax", "cv2"} <= found
    assert not {"jax", "cv2", "numpy"} & imported("import glcic_jax")


def test_the_command_imports_no_more_before_it_loads_the_network():
    found = imported("import glcic_jax.complete.__main__")
    assert not found & {*NOT_NEEDED, "jax"}
