"""The completion network that adds to a smooth fill, written anew in PyTorch, to be copied.

It needs PyTorch alone, and takes NAME.pth of `python -m glcic_jax.convert pretrained NAME.pth`:

    network = SmoothCompletion.of(torch.load("pretrained.pth", weights_only=True))
    completed = network(image, mask)

`image` is [b, 3, h, w] in [0, 1] and `mask` [b, 1, h, w] with 1 = hole, both float32 and of any
size. Known pixels come back as they were given.
"""

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional as F  # pyright: ignore[reportMissingImports]

LEVELS, SWEEPS, COARSEST_SWEEPS, RELAXATION = 6, 24, 48, 0.9
"""Halvings of the smooth fill, and the sweeps of Jacobi's method on each level."""


class SmoothCompletion(nn.Module):
    """Completes pictures.

    `width` is the number of channels of the first layer. `further` counts the dilated layers beyond
    the paper's four. `norm` is False if batch norm was folded into the convolutions.
    """

    def __init__(self, width=64, further=0, norm=True):
        super().__init__()
        self.register_buffer("mean_pixel", torch.zeros(3))
        half = width // 2
        dilations = {f"10_{n}": 16 * 2**n for n in range(1, further + 1)}
        middle = {"7": 2, "8": 4, "9": 8, "10": 16, **dilations}
        outputs = {"1": 2, "2": 4, "3": 4, "4": 8, "5": 8, "6": 8, **dict.fromkeys(middle, 8)}
        outputs |= {"11": 8, "12": 8, "13": 4, "14": 4, "15": 2, "16": 1}
        inputs = 4
        for name, halves in outputs.items():
            features = halves * half
            if name in ("13", "15"):
                layer = nn.ConvTranspose2d(inputs, features, 4, stride=2, padding=1)
            else:
                edge, dilation = 5 if name == "1" else 3, middle.get(name, 1)
                stride = 2 if name in ("2", "4") else 1
                padding = dilation * (edge // 2)
                layer = nn.Conv2d(inputs, features, edge, stride, padding, dilation)
            self.add_module(f"layer{name}", layer)
            self.add_module(f"norm{name}", nn.BatchNorm2d(features) if norm else nn.Identity())
            inputs = features
        self.layer17 = nn.Conv2d(inputs, 3, 3, padding=1)
        self.numbers = list(outputs)

    @classmethod
    def of(cls, state):
        """Returns the network of a state dict, ready to complete."""
        further = sum(f"layer10_{n}.weight" in state for n in range(1, 5))
        network = cls(len(state["layer1.weight"]), further, "norm1.weight" in state)
        network.load_state_dict(state)
        return network.eval()

    @torch.no_grad()
    def forward(self, image, mask):
        height, width = image.shape[2:]
        given, holes = mirrored(image, 4), mirrored(mask, 4)
        filled = smooth_fill(given, holes)
        x = torch.cat([filled - self.mean_pixel.view(1, 3, 1, 1), holes], dim=1)
        result = (filled + torch.tanh(self.layer17(self.features(x)))).clamp(0, 1)
        return torch.where(mask > 0, result[..., :height, :width], image)

    def features(self, x):
        """Runs all layers but the last, with their shortcuts."""
        kept = {}
        middle = self.numbers[self.numbers.index("5") : self.numbers.index("13")]
        for name in self.numbers:
            before = x
            x = F.relu(getattr(self, f"norm{name}")(getattr(self, f"layer{name}")(x)))
            if name in middle[1:]:
                x = x + before
            elif name in ("13", "15"):
                x = x + kept["3" if name == "13" else "1"]
            kept[name] = x
        return x


def smooth_fill(image, mask):
    """Continues colours into the holes, from coarse to fine."""
    height, width = image.shape[2:]
    image, mask = mirrored(image, 2**LEVELS), mirrored(mask, 2**LEVELS)
    known = mask <= 0
    levels = [(torch.where(known, image, 0), known)]
    for _ in range(LEVELS):
        colour, known = levels[-1]
        count = 4 * F.avg_pool2d(known.float(), 2)
        levels.append((4 * F.avg_pool2d(colour, 2) / count.clamp(min=1), count > 0))
    filled = torch.full_like(levels[-1][0], 0.5)
    for level in range(LEVELS, -1, -1):
        colour, known = levels[level]
        if level < LEVELS:
            filled = F.interpolate(filled, scale_factor=2, mode="nearest")
        filled = torch.where(known, colour, filled)
        for _ in range(COARSEST_SWEEPS if level == LEVELS else SWEEPS):
            wide = F.pad(filled, (1, 1, 1, 1), mode="replicate")
            rows = wide[:, :, :-2, 1:-1] + wide[:, :, 2:, 1:-1]
            columns = wide[:, :, 1:-1, :-2] + wide[:, :, 1:-1, 2:]
            moved = filled + RELAXATION * ((rows + columns) / 4 - filled)
            filled = torch.where(known, colour, moved)
    return filled[..., :height, :width]


def mirrored(x, multiple):
    """Mirrors rows and columns, again and again, up to multiples of `multiple`."""
    for axis in (2, 3):
        size = x.shape[axis]
        places = torch.arange(-(-size // multiple) * multiple) % max(2 * size - 2, 1)
        places = torch.where(places < size, places, 2 * size - 2 - places)
        x = x.index_select(axis, places.to(x.device))
    return x
