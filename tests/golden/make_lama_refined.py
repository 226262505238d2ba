"""Makes lama_refined.npz: what PyTorch's refinement makes of the picture of its helper.

    python -m tests.golden.make_lama_refined  # wants torch 2.x, numpy, opencv; the project does not

Written anew after the formulas of saicinpainting/evaluation/refinement.py of advimman/lama, with
what glcic_jax/methods/lama/refinement.py lists as different, in float64: at odd sizes the release's
mask of the loss depends on the last digit of float32.

    refined (float16, 1 h w 3)
"""

import cv2
import numpy as np
import torch
from torch.nn import functional

from tests.helpers.lama_port import BLOCKS, STATE, WIDTH
from tests.helpers.lama_pytorch import Block, Generator
from tests.helpers.lama_refined import FILE, IMAGE, MASK

PASSES, RATE, SCALES = 15, 0.002, 3


def blurred(x):
    taps = torch.exp(-0.5 * (torch.arange(5).double() - 2) ** 2)
    taps = taps / taps.sum()
    kernel = (taps[:, None] * taps).expand(x.shape[1], 1, 5, 5)
    return functional.conv2d(functional.pad(x, (2,) * 4, mode="reflect"), kernel, groups=x.shape[1])


def half(x):
    size = [edge // 2 for edge in x.shape[2:]]
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


def inner(mask):
    whole = (half(mask) >= 1 - 1e-8).double()
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15)).astype(float)
    near = functional.conv2d(1 - whole, torch.from_numpy(ellipse)[None, None], padding=7)
    return (near < 0.5).double()


def grown(x):
    pads = [(0, 0), (0, 0), *((0, -edge % 8) for edge in x.shape[2:])]
    return torch.from_numpy(np.pad(x.numpy(), pads, mode="symmetric"))


def refine(front, rear, image, mask, coarse):
    height, width = image.shape[2:]
    features = front(grown(torch.cat([image * (1 - mask), mask], 1)))
    features = [part.detach().requires_grad_() for part in features]
    adam = torch.optim.Adam(features, lr=RATE)
    for number in range(PASSES if coarse is not None else 1):
        output = rear(tuple(features))[:, :, :height, :width]
        if number == PASSES - 1 or coarse is None:
            break
        known, deep = ((m > 0.5).expand(-1, 3, -1, -1) for m in (1 - mask, inner(mask)))
        loss = (output - image)[known].abs().mean()
        loss = loss + (half(blurred(output)) - coarse)[deep].abs().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    return (mask * output + (1 - mask) * image).detach()


def main():
    net = Generator(WIDTH, BLOCKS).double().eval()
    state = {name.removeprefix("generator."): torch.from_numpy(a) for name, a in STATE.items()}
    net.load_state_dict(state, strict=False)
    first = next(n for n, layer in enumerate(net.model) if isinstance(layer, Block))
    image, mask = (torch.from_numpy(x.transpose(0, 3, 1, 2)).double() for x in (IMAGE, MASK))
    levels = [(image * (1 - mask), mask)]
    for _ in range(SCALES - 1):
        own, hole = levels[-1]
        smaller = (half(blurred(hole)) >= 1e-8).double()
        levels.append((half(blurred(own)) * (1 - smaller), smaller))
    done = None
    for own, hole in reversed(levels):
        done = refine(net.model[:first], net.model[first:], own, hole, done)
    refined = torch.where(mask > 0, done, image).numpy().transpose(0, 2, 3, 1)
    np.savez_compressed(FILE, refined=refined.astype(np.float16))


if __name__ == "__main__":
    main()
