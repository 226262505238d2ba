"""Makes the side of a race that runs LaMa's network in PyTorch, with random weights."""

import numpy as np

from benchmarks import inputs


def complete(sizes: list[tuple[int, int]], width: int, blocks: int):
    """Makes a worker that completes pictures of these sizes, one by one, on the CPU."""
    import torch

    from tests.helpers.lama_pytorch import Generator

    net = Generator(width, blocks).eval()
    pictures = []
    for height, columns in sizes:
        image, mask = inputs.photograph(height, columns)
        shown = np.float32(image.transpose(2, 0, 1)[None] / 255)
        pictures.append((torch.from_numpy(shown), torch.from_numpy(mask[None, None]).float()))

    def run() -> None:
        with torch.inference_mode():
            for image, hole in pictures:
                output = net(torch.cat([image * (1 - hole), hole], 1))
                torch.where(hole > 0, output, image)

    return run
