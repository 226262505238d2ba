"""What completing does not need is not imported."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_NEEDED = (
    "orbax", "tensorstore", "grain", "array_record", "skimage", "scipy", "tensorboardX", "tqdm",
    "pandas", "matplotlib", "torch", "onnx", "aiohttp", "uvicorn", "starlette",
)  # fmt: skip
"""Packages that other parts of the program need."""


def imported(code):
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_loading_the_network_that_ships_imports_what_completing_needs_alone():
    found = imported("import glcic_jax; glcic_jax.load()")
    assert not found & set(NOT_NEEDED)
    assert {"jax", "flax", "cv2"} <= found
    assert not {"jax", "cv2", "numpy"} & imported("import glcic_jax")
