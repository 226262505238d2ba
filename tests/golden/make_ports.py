"""Makes ports.npz: GLCIC as other programs have it, written independently in PyTorch.

    python tests/golden/make_ports.py        # wants torch 2.x and numpy; the project does not

Three completion networks, under the names that their state dicts have, and two channels wide: a
plain nn.Sequential in the paper's order (also the layer list of the authors' Torch7 model),
GLCIC-PyTorch's (ReLU before batch norm, hole filled with the mean pixel, nothing subtracted), and
MMagic's (no bias before batch norm, pictures in [-1, 1], hole 0, output clipped); and MMagic's
discriminator. Weights and batch norm are drawn at random, as in make_networks.py. What goes in is
rounded to float16 or bytes, and stored so; what comes out is float32.

    {sequential,glcic_pytorch,mmagic}/state/NAME, raw (the network on `input`), completed (the
    program's own completion of `image`, mirrored at the bottom and right to multiples of 4)
    input (1 h w 4), image (1 h w 3, bytes), mask (1 h w 1, bytes), mean_pixel
    mmagic/disc_image, disc_patch (n 3 h w, float16 in [-1, 1]), disc_logits
"""

from pathlib import Path

import numpy as np
import torch
from make_networks import randomise
from torch import nn

W = 2
CHANNELS = [W, 2 * W, 2 * W, *[4 * W] * 9, 2 * W, 2 * W, W, W // 2]
STRIDES = {2: 2, 4: 2}
DILATIONS = {7: 2, 8: 4, 9: 8, 10: 16}
MEAN = torch.tensor([0.46, 0.42, 0.38]).view(1, 3, 1, 1)


def conv(n, bias=True):
    """Layer n of table 2."""
    inputs = 4 if n == 1 else CHANNELS[n - 2]
    outputs = 3 if n == 17 else CHANNELS[n - 1]
    if n in (13, 15):
        return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)
    kernel, dilation = (5 if n == 1 else 3), DILATIONS.get(n, 1)
    pad = 2 if n == 1 else dilation
    return nn.Conv2d(inputs, outputs, kernel, STRIDES.get(n, 1), pad, dilation, bias=bias)


def sequential():
    layers = []
    for n in range(1, 17):
        layers += [conv(n), nn.BatchNorm2d(CHANNELS[n - 1]), nn.ReLU()]
    return nn.Sequential(*layers, conv(17), nn.Sigmoid())


class GlcicPytorch(nn.Module):
    def __init__(self):
        super().__init__()
        for n in range(1, 18):
            setattr(self, f"deconv{n}" if n in (13, 15) else f"conv{n}", conv(n))
            if n < 17:
                setattr(self, f"bn{n}", nn.BatchNorm2d(CHANNELS[n - 1]))

    def forward(self, x):
        for n in range(1, 17):
            layer = getattr(self, f"deconv{n}" if n in (13, 15) else f"conv{n}")
            x = getattr(self, f"bn{n}")(torch.relu(layer(x)))
        return torch.sigmoid(self.conv17(x))


class Block(nn.Module):
    """MMagic's convolution module: the convolution has a bias only without batch norm."""

    def __init__(self, layer, channels=None):
        super().__init__()
        self.conv = layer
        self.bn = nn.BatchNorm2d(channels) if channels else None

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x))) if self.bn else self.conv(x)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        blocks = [Block(conv(n, bias=False), CHANNELS[n - 1]) for n in range(1, 17)]
        self.encoder, self.decoder, self.dilation_neck = nn.Module(), nn.Module(), nn.Module()
        for n in range(6):
            self.encoder.add_module(f"enc{n + 1}", blocks[n])
        self.dilation_neck.dilation_convs = nn.Sequential(*blocks[6:10])
        for n in range(6):
            self.decoder.add_module(f"dec{n + 1}", blocks[10 + n])
        self.decoder.dec7 = Block(conv(17))

    def forward(self, x):
        for n in range(6):
            x = getattr(self.encoder, f"enc{n + 1}")(x)
        x = self.dilation_neck.dilation_convs(x)
        for n in range(7):
            x = getattr(self.decoder, f"dec{n + 1}")(x)
        return torch.clamp(x, -1, 1)


class Side(nn.Module):
    def __init__(self, convs, edge):
        super().__init__()
        inputs = 3
        for n in range(convs):
            outputs = min(W * 2**n, 8 * W)
            layer = nn.Conv2d(inputs, outputs, 5, 2, 2, bias=False)
            self.add_module(f"conv{n + 1}", Block(layer, outputs))
            inputs = outputs
        self.convs = convs
        self.fc = nn.Module()
        self.fc.linear = nn.Linear(inputs * edge**2, 16 * W)

    def forward(self, x):
        for n in range(self.convs):
            x = getattr(self, f"conv{n + 1}")(x)
        return torch.relu(self.fc.linear(x.flatten(1)))


class Discriminators(nn.Module):
    def __init__(self):
        super().__init__()
        self.global_disc, self.local_disc = Side(4, 4), Side(3, 4)
        self.fc = nn.Linear(32 * W, 1)

    def forward(self, image, patch):
        return self.fc(torch.cat([self.global_disc(image), self.local_disc(patch)], 1))


class Mmagic(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator, self.disc = Generator(), Discriminators()

    def forward(self, x):
        return self.generator(x)


PREPARED = {  # what each program shows its network, of a picture in [0, 1]; and the way back
    "sequential": (lambda x, m: (x - MEAN) * (1 - m), lambda y: y),
    "glcic_pytorch": (lambda x, m: x - x * m + MEAN * m, lambda y: y),
    "mmagic": (lambda x, m: (x * 255 * (1 - m) + 127.5 * m - 127.5) / 127.5, lambda y: (y + 1) / 2),
}


def rounded(tensor):
    return tensor.half().float()


def main():
    generator = torch.Generator().manual_seed(1707)
    pixels = torch.randint(0, 256, (1, 3, 29, 42), generator=generator)
    image = pixels.float() / 255
    mask = torch.zeros(1, 1, 29, 42)
    mask[:, :, 8:19, 10:27] = 1
    mask[:, :, 24:, 37:] = 1
    x = rounded(torch.randn(1, 4, 29, 42, generator=generator) * 0.5)
    networks = {"sequential": sequential(), "glcic_pytorch": GlcicPytorch(), "mmagic": Mmagic()}
    inputs, outputs = {"input": x.permute(0, 2, 3, 1)}, {"mean_pixel": MEAN.flatten()}
    pad = nn.ReflectionPad2d((0, -42 % 4, 0, -29 % 4))
    for name, net in networks.items():
        randomise(net, generator)
        for key, tensor in net.state_dict().items():
            if "num_batches" not in key:
                tensor.copy_(rounded(tensor))
                inputs[f"{name}/state/{key}"] = tensor
        net.eval()
        before, after = PREPARED[name]
        with torch.no_grad():
            raw = net(x)
            wide, hole = pad(image), pad(mask)
            output = after(net(torch.cat([before(wide, hole), hole], 1)))[:, :, :29, :42]
        print(name, "standard deviation", raw.std().item(), output.std().item())
        outputs[f"{name}/raw"] = raw.permute(0, 2, 3, 1)
        outputs[f"{name}/completed"] = (image * (1 - mask) + output * mask).permute(0, 2, 3, 1)
    whole, patch = (rounded(torch.rand(2, 3, n, n, generator=generator) * 2 - 1) for n in (64, 32))
    inputs |= {"mmagic/disc_image": whole, "mmagic/disc_patch": patch}
    with torch.no_grad():
        outputs["mmagic/disc_logits"] = networks["mmagic"].disc(whole, patch)
    arrays = {name: np.asarray(t, np.float16) for name, t in inputs.items()}
    arrays |= {name: np.asarray(t, np.float32) for name, t in outputs.items()}
    arrays |= {"image": pixels.permute(0, 2, 3, 1).numpy().astype(np.uint8)}
    arrays |= {"mask": mask.permute(0, 2, 3, 1).numpy().astype(np.uint8)}
    np.savez_compressed(Path(__file__).with_name("ports.npz"), **arrays)


if __name__ == "__main__":
    main()
