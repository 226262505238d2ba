"""Makes lama_port.npz: the numbers of LaMa's generator in PyTorch (tests/helpers/lama_pytorch.py).

    python -m tests.golden.make_lama_port    # wants torch 2.x and numpy; the project does not

It is that of big-lama, but narrow and with two blocks. Weights and running statistics are drawn at
random. The picture's edges are not multiples of 8: as in the program (evaluation/data.py), rows and
columns are mirrored with the outermost ones, until they are.

    state/NAME, image (1 h w 3, bytes), mask (1 h w 1, bytes; 1 = hole), raw (float32)
"""

from pathlib import Path

import numpy as np
import torch

from tests.helpers.lama_port import BLOCKS, WIDTH
from tests.helpers.lama_pytorch import Generator, output_of, randomise

ROWS, COLUMNS = 45, 67


def main():
    generator = torch.Generator().manual_seed(2109)
    pixels = torch.randint(0, 256, (1, 3, ROWS, COLUMNS), generator=generator)
    image = (pixels.float() / 255).numpy()
    mask = np.zeros((1, 1, ROWS, COLUMNS), np.float32)
    mask[:, :, 8:33, 10:41] = 1
    mask[:, :, 30:, 55:] = 1
    net = Generator(WIDTH, BLOCKS).eval()
    randomise(net, generator)
    raw = output_of(net, image, mask)
    print("standard deviation", raw.std(), "range", raw.min(), raw.max())
    arrays = {
        f"state/generator.{name}": tensor.numpy().astype(np.float16)
        if name.endswith("weight")
        else tensor.numpy()
        for name, tensor in net.state_dict().items()
        if "num_batches" not in name
    }
    arrays["raw"] = raw.transpose(0, 2, 3, 1)
    for name, array in {"image": pixels.numpy(), "mask": mask}.items():
        arrays[name] = array.transpose(0, 2, 3, 1).astype(np.uint8)
    np.savez_compressed(Path(__file__).with_name("lama_port.npz"), **arrays)


if __name__ == "__main__":
    main()
