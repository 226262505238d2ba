"""Times copies of texture, beside pypatchmatch where it is installed.

    python -m benchmarks.texture

Each case fills one square hole in a photograph that comes with scikit-image, scaled. The first call
compiles, or finds what an earlier command compiled; the second is timed as well.
"""

import resource
import time
from collections.abc import Callable

import cv2
import numpy as np
from skimage import data

from glcic_jax.methods.procedural.fills import pypatchmatch
from glcic_jax.runtime.command_line import command_parser
from glcic_jax.runtime.errors import UserError
from glcic_jax.texture.fill import fill

CASES = ((256, 256, 96), (512, 512, 128), (3000, 4000, 600))
"""Height, width and the hole's edge, in pixels."""


def main() -> None:
    """Prints a line for each case and program: seconds of the first and second call, of CPU too."""
    command_parser("benchmarks.texture", __doc__).parse_args()
    photograph = data.rocket()
    for height, width, edge in CASES:
        image = cv2.resize(photograph, (width, height), interpolation=cv2.INTER_CUBIC)
        hole = np.zeros((height, width), bool)
        top, left = (height - edge) // 2, (width - edge) // 3
        hole[top : top + edge, left : left + edge] = True
        guide = np.where(hole[..., None], cv2.GaussianBlur(image, (0, 0), 8), image)
        floats = image[None] / np.float32(255), hole[None, ..., None].astype(np.float32)
        programs: dict[str, Callable[[], object]] = {
            "guided": lambda image=image, hole=hole, guide=guide: fill(image, hole, guide),
            "patchmatch": lambda image=image, hole=hole: fill(image, hole),
            "pypatchmatch": lambda floats=floats: pypatchmatch(*floats),
        }
        for name, program in programs.items():
            print(f"{height} x {width}, hole {edge}: {name:12} {_timed(program)}", flush=True)


def _timed(program: Callable[[], object]) -> str:
    try:
        calls = []
        for _ in range(2):
            wall, cpu = time.perf_counter(), time.process_time()
            program()
            calls.append((time.perf_counter() - wall, time.process_time() - cpu))
    except UserError as error:
        return str(error)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    (first, _), (second, cpu) = calls
    return f"first {first:.1f} s, second {second:.2f} s ({cpu:.2f} s of CPU), so far {peak:.1f} GiB"


if __name__ == "__main__":
    main()
