"""Makes partial_port.npz: the network of pytorch-inpainting-with-partial-conv, written anew.

    python tests/golden/make_partial_port.py    # wants torch 2.x and numpy; the project does not

Written from a description of it, in PyTorch and under the names of its state dict: seven levels, as
there, two channels wide. Every layer divides by the number of known values that it sees, counted in
a mask of as many channels as its input has; pictures are normalised by ImageNet's mean and
deviation. Weights and batch norm are drawn at random, as in make_networks.py, rounded to float16.
The program takes multiples of 128 pixels, so the picture is filled up with hole to one.

    state/NAME, image (1 h w 3, bytes), mask (1 h w 1, bytes; 1 = hole), raw and completed (float32)
"""

from pathlib import Path

import numpy as np
import torch
from make_networks import randomise
from torch import nn
from torch.nn import functional

W, LEVELS = 2, 7
HEIGHT, WIDTH = 45, 133
KERNELS = [7, 5, 5, 3, 3, 3, 3]
CHANNELS = [3, W, 2 * W, 4 * W, 8 * W, 8 * W, 8 * W, 8 * W]
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


class Partial(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride, bias):
        super().__init__()
        pad = kernel // 2
        self.input_conv = nn.Conv2d(inputs, outputs, kernel, stride, pad, bias=bias)
        self.mask_conv = nn.Conv2d(inputs, outputs, kernel, stride, pad, bias=False)

    def forward(self, x, known):
        count = self.mask_conv(known)
        seen = self.input_conv(x * known)
        bias = self.input_conv.bias
        bias = torch.zeros(1) if bias is None else bias
        bias = bias.view(1, -1, 1, 1)
        answer = (seen - bias) / count.clamp(min=1) + bias
        return torch.where(count > 0, answer, 0.0), (count > 0).float()


class Layer(nn.Module):
    def __init__(self, inputs, outputs, kernel=3, stride=1, norm=True, bias=False):
        super().__init__()
        self.conv = Partial(inputs, outputs, kernel, stride, bias)
        if norm:
            self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x, known):
        x, known = self.conv(x, known)
        return self.bn(x) if hasattr(self, "bn") else x, known


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        for n in range(1, LEVELS + 1):
            layer = Layer(CHANNELS[n - 1], CHANNELS[n], KERNELS[n - 1], 2, norm=n > 1)
            self.add_module(f"enc_{n}", layer)
            inputs, outputs = CHANNELS[n] + CHANNELS[n - 1], CHANNELS[n - 1]
            self.add_module(f"dec_{n}", Layer(inputs, outputs, norm=n > 1, bias=n == 1))

    def forward(self, x, known):
        left = []
        for n in range(1, LEVELS + 1):
            left.append((x, known))
            x, known = getattr(self, f"enc_{n}")(x, known)
            x = torch.relu(x)
        for n in range(LEVELS, 0, -1):
            x, known = (functional.interpolate(t, scale_factor=2) for t in (x, known))
            x, known = (torch.cat(pair, 1) for pair in zip((x, known), left.pop()))
            x, known = getattr(self, f"dec_{n}")(x, known)
            x = functional.leaky_relu(x, 0.2) if n > 1 else x
        return x


def main():
    generator = torch.Generator().manual_seed(1804)
    pixels = torch.randint(0, 256, (1, 3, HEIGHT, WIDTH), generator=generator)
    image = pixels.float() / 255
    hole = torch.zeros(1, 1, HEIGHT, WIDTH)
    hole[:, :, 8:33, 10:61] = 1
    hole[:, :, 20:, 110:] = 1
    net, arrays = Port(), {}
    randomise(net, generator)
    for key, tensor in net.state_dict().items():
        if "mask_conv" in key:
            tensor.fill_(1)
        elif "input_conv.weight" in key:  # the counts divide by about as much
            share = 0.15 if "dec_1" in key else 1  # to stay within [0, 1], most of it
            tensor.copy_((share * tensor * tensor[0].numel()).half().float())
        elif "num_batches" not in key:
            tensor.copy_(tensor.half().float())
        if "num_batches" not in key:
            arrays[f"state/{key}"] = tensor.numpy().astype(np.float16)
    net.eval()
    pad = (0, -WIDTH % 2**LEVELS, 0, -HEIGHT % 2**LEVELS)
    shown, known = functional.pad((image - MEAN) / DEVIATION, pad), functional.pad(1 - hole, pad)
    with torch.no_grad():
        raw = net(shown, known.expand(-1, 3, -1, -1))[:, :, :HEIGHT, :WIDTH] * DEVIATION + MEAN
    completed = image * (1 - hole) + raw.clamp(0, 1) * hole
    print("standard deviation", raw.std().item(), "cut off", ((raw < 0) | (raw > 1)).float().mean())
    for name, tensor in {"raw": raw, "completed": completed}.items():
        arrays[name] = tensor.permute(0, 2, 3, 1).numpy()
    for name, tensor in {"image": pixels, "mask": hole}.items():
        arrays[name] = tensor.permute(0, 2, 3, 1).numpy().astype(np.uint8)
    np.savez_compressed(Path(__file__).with_name("partial_port.npz"), **arrays)


if __name__ == "__main__":
    main()
