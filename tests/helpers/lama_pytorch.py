"""LaMa's generator in PyTorch, under the names of its published files.

Written anew from FFCResNetGenerator of github.com/advimman/lama (modules/ffc.py) as the configs of
its networks with Fourier convolutions build it.
"""

import numpy as np
import torch  # pyright: ignore[reportMissingImports] - no dependency
from torch import nn  # pyright: ignore[reportMissingImports]

RATIO = 0.75


def reflected(inputs, outputs, kernel=3, stride=1, padding=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False, padding_mode="reflect")


class FourierUnit(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(2 * channels)

    def forward(self, x):
        spectrum = torch.fft.rfftn(x, dim=(-2, -1), norm="ortho")
        pairs = torch.view_as_real(spectrum).permute(0, 1, 4, 2, 3).flatten(1, 2)
        pairs = torch.relu(self.bn(self.conv_layer(pairs)))
        pairs = pairs.unflatten(1, (-1, 2)).permute(0, 1, 3, 4, 2).contiguous()
        spectrum = torch.view_as_complex(pairs)
        return torch.fft.irfftn(spectrum, s=x.shape[-2:], dim=(-2, -1), norm="ortho")


class SpectralTransform(nn.Module):
    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.conv1 = nn.Sequential(
            nn.Conv2d(channels, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU()
        )
        self.fu = FourierUnit(half)
        self.conv2 = nn.Conv2d(half, channels, 1, bias=False)

    def forward(self, x):
        x = self.conv1(x)
        return self.conv2(x + self.fu(x))


class FFC(nn.Module):
    def __init__(self, inputs, outputs, ratio_in, ratio_out, **options):
        super().__init__()
        far_in, far_out = int(inputs * ratio_in), int(outputs * ratio_out)
        self.convl2l = reflected(inputs - far_in, outputs - far_out, **options)
        if far_out:
            self.convl2g = reflected(inputs - far_in, far_out, **options)
        if far_in:
            self.convg2l = reflected(far_in, outputs - far_out, **options)
            self.convg2g = SpectralTransform(far_out)

    def forward(self, near, far):
        if far is not None:
            return (
                self.convl2l(near) + self.convg2l(far),
                self.convl2g(near) + self.convg2g(far),
            )
        return self.convl2l(near), self.convl2g(near) if hasattr(self, "convl2g") else None


class Layer(nn.Module):
    def __init__(self, inputs, outputs, ratio_in=0.0, ratio_out=0.0, **options):
        super().__init__()
        self.ffc = FFC(inputs, outputs, ratio_in, ratio_out, **options)
        far = int(outputs * ratio_out)
        self.bn_l = nn.BatchNorm2d(outputs - far)
        if far:
            self.bn_g = nn.BatchNorm2d(far)

    def forward(self, pair):
        near, far = self.ffc(*pair)
        near = torch.relu(self.bn_l(near))
        return near, far if far is None else torch.relu(self.bn_g(far))


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = Layer(channels, channels, RATIO, RATIO)
        self.conv2 = Layer(channels, channels, RATIO, RATIO)

    def forward(self, pair):
        return tuple(old + new for old, new in zip(pair, self.conv2(self.conv1(pair)), strict=True))


class Begin(nn.Module):
    def forward(self, x):
        return nn.functional.pad(x, (3, 3, 3, 3), mode="reflect"), None


class Join(nn.Module):
    def forward(self, pair):
        return torch.cat(pair, 1)


class Generator(nn.Module):
    def __init__(self, width, blocks):
        super().__init__()
        sizes = [width, 2 * width, 4 * width, 8 * width]
        layers = [Begin(), Layer(4, width, kernel=7, padding=0)]
        for level in range(3):
            ratio = RATIO if level == 2 else 0.0
            layers.append(Layer(sizes[level], sizes[level + 1], ratio_out=ratio, stride=2))
        layers += [Block(sizes[3]) for _ in range(blocks)]
        layers.append(Join())
        for inputs, outputs in ((sizes[3], sizes[2]), (sizes[2], sizes[1]), (sizes[1], sizes[0])):
            layers += [
                nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, 1), nn.BatchNorm2d(outputs), nn.ReLU()
            ]  # fmt: skip
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Sigmoid()]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x)


def randomise(net, generator):
    """Draws weights that keep features at about one size, and statistics that matter."""
    for name, tensor in net.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("num_batches_tracked"):
            continue
        if name.endswith("running_var"):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
        elif name.endswith("running_mean") or name.endswith("bias"):
            tensor.copy_(0.1 * noise)
        elif tensor.ndim == 1:
            tensor.copy_(1 + 0.2 * noise)
        else:
            fan_in = tensor[0].numel()
            tensor.copy_(noise * (2 / fan_in) ** 0.5)
        if len(tensor) == 3:
            tensor.mul_(0.3)  # so that the sigmoid is not cut off
        if name.endswith("weight"):
            tensor.copy_(tensor.half().float())


def output_of(net, image, mask):
    """Returns what fills holes, as bin/predict.py makes it, of [1, c, h, w]; 1 = hole."""
    rows, columns = image.shape[2:]
    pads = ((0, 0), (0, 0), (0, -rows % 8), (0, -columns % 8))
    image_, mask_ = (torch.from_numpy(np.pad(x, pads, mode="symmetric")) for x in (image, mask))
    with torch.no_grad():
        return net(torch.cat([image_ * (1 - mask_), mask_], 1))[:, :, :rows, :columns].numpy()
