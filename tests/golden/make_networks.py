"""Makes networks.npz: GLCIC's two networks written independently, in PyTorch, with fixed weights.

    python tests/golden/make_networks.py        # wants torch 2.x and numpy; the project does not

Weights, batch norm's parameters and its running statistics are all drawn at random: a GLCIC as it
is initialised puts out nearly a constant, and a comparison of constants would pass whatever one
does. Everything is stored in PyTorch's layout: Conv2d weights (out, in, h, w), ConvTranspose2d
weights (in, out, h, w), Linear weights (out, in). Pictures are stored as n h w c.

    completion/{1..17}/conv/{weight,bias}, completion/{1..16}/norm/{weight,bias,running_mean,
    running_var}, completion/input, completion/output (inference), completion/output_train,
    completion/{n}/batch_mean and batch_var (biased) of the training forward,
    completion/cotangent, completion/{1,13}/gradient/{weight,bias} of sum(output_train *
    cotangent), computed in double precision
    discriminator/{local,global}/{n}/conv|norm/..., discriminator/{local,global}/fc/{weight,bias},
    discriminator/head/{weight,bias}, discriminator/image, patch, logits, logits_train
"""

import copy
from pathlib import Path

import numpy as np
import torch
from torch import nn

WIDTH_C, WIDTH_D = 8, 4


def completion_layers(w):
    """(module, out channels) of layers 1 to 17 of table 2."""
    plan = [  # kind, out, kernel, stride, dilation
        ("c", w, 5, 1, 1), ("c", 2 * w, 3, 2, 1), ("c", 2 * w, 3, 1, 1), ("c", 4 * w, 3, 2, 1),
        ("c", 4 * w, 3, 1, 1), ("c", 4 * w, 3, 1, 1), ("c", 4 * w, 3, 1, 2), ("c", 4 * w, 3, 1, 4),
        ("c", 4 * w, 3, 1, 8), ("c", 4 * w, 3, 1, 16), ("c", 4 * w, 3, 1, 1),
        ("c", 4 * w, 3, 1, 1), ("d", 2 * w, 4, 2, 1), ("c", 2 * w, 3, 1, 1), ("d", w, 4, 2, 1),
        ("c", w // 2, 3, 1, 1), ("c", 3, 3, 1, 1),
    ]  # fmt: skip
    layers, inputs = [], 4
    for kind, outputs, kernel, stride, dilation in plan:
        if kind == "c":
            pad = dilation * (kernel - 1) // 2
            layers.append(nn.Conv2d(inputs, outputs, kernel, stride, pad, dilation))
        else:
            layers.append(nn.ConvTranspose2d(inputs, outputs, kernel, stride, 1))
        inputs = outputs
    return layers


class Completion(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(completion_layers(WIDTH_C))
        self.norms = nn.ModuleList(nn.BatchNorm2d(c.out_channels) for c in self.convs[:-1])
        self.seen = []

    def forward(self, x):
        self.seen = []
        for conv, norm in zip(self.convs, self.norms):
            x = conv(x)
            self.seen.append((x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)))
            x = torch.relu(norm(x))
        return torch.sigmoid(self.convs[-1](x))


class Side(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        inputs, factors = 3, [1, 2, 4, 8, 8, 8]
        while size > 5:
            outputs = WIDTH_D * factors[len(self.convs)]
            self.convs.append(nn.Conv2d(inputs, outputs, 5, 2, 2))
            self.norms.append(nn.BatchNorm2d(outputs))
            inputs, size = outputs, (size + 1) // 2
        self.fc = nn.Linear(inputs * size * size, 16 * WIDTH_D)

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms):
            x = torch.relu(norm(conv(x)))
        return torch.relu(self.fc(x.flatten(1)))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.local, self.glob = Side(32), Side(64)
        self.head = nn.Linear(32 * WIDTH_D, 1)

    def forward(self, image, patch):
        return self.head(torch.cat([self.local(patch), self.glob(image)], 1))[:, 0]


def randomise(module, generator):
    """Weights that keep activations alive, and batch norm far from its start."""

    def draw(tensor, low, high):
        tensor.data.uniform_(low, high, generator=generator)

    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            draw(part.weight, 0.5, 1.5)
            draw(part.bias, -0.5, 0.5)
            draw(part.running_mean, -0.2, 0.2)
            draw(part.running_var, 0.2, 1.0)
        elif isinstance(part, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            fan_in = part.weight[0].numel()
            if isinstance(part, nn.ConvTranspose2d):
                fan_in = part.weight.shape[0] * 4  # 2x2 of the 4x4 taps meet each output
            draw(part.weight, -((3 / fan_in) ** 0.5), (3 / fan_in) ** 0.5)
            if part.bias is not None:
                draw(part.bias, -0.3, 0.3)


def weights(prefix, module):
    names = {"weight", "bias", "running_mean", "running_var"}
    return {
        f"{prefix}/{name}": tensor.numpy().copy()
        for name, tensor in module.state_dict().items()
        if name in names
    }


def main():
    generator = torch.Generator().manual_seed(20170)
    saved = {}

    net = Completion()
    randomise(net, generator)
    x = torch.randn(2, 4, 48, 64, generator=generator) * 0.5
    x[:, 3] = (x[:, 3] > 0).float()
    x[:, :3] *= 1 - x[:, 3:]
    for number, conv in enumerate(net.convs, 1):
        saved |= weights(f"completion/{number}/conv", conv)
    for number, norm in enumerate(net.norms, 1):
        saved |= weights(f"completion/{number}/norm", norm)
    net.eval()
    with torch.no_grad():
        output = net(x)
    net.train()
    with torch.no_grad():
        trained = net(x)
    for number, (mean, var) in enumerate(net.seen, 1):
        saved[f"completion/{number}/batch_mean"] = mean.detach().numpy()
        saved[f"completion/{number}/batch_var"] = var.detach().numpy()
    cotangent = torch.randn(trained.shape, generator=generator)
    # In double precision: in single, ReLUs that flip at rounding move these gradients by 1 %.
    double = copy.deepcopy(net).double()
    (double(x.double()) * cotangent).sum().backward()
    for number in (1, 13):
        for part in ("weight", "bias"):
            gradient = getattr(double.convs[number - 1], part).grad.numpy()
            saved[f"completion/{number}/gradient/{part}"] = gradient
    pictures = {"input": x, "output": output, "output_train": trained, "cotangent": cotangent}
    for name, tensor in pictures.items():
        saved[f"completion/{name}"] = tensor.detach().permute(0, 2, 3, 1).numpy()

    judge = Discriminator()
    randomise(judge, generator)
    for name, side in (("local", judge.local), ("global", judge.glob)):
        for number, (conv, norm) in enumerate(zip(side.convs, side.norms), 1):
            saved |= weights(f"discriminator/{name}/{number}/conv", conv)
            saved |= weights(f"discriminator/{name}/{number}/norm", norm)
        saved |= weights(f"discriminator/{name}/fc", side.fc)
    saved |= weights("discriminator/head", judge.head)
    image = torch.rand(3, 3, 64, 64, generator=generator)
    patch = torch.rand(3, 3, 32, 32, generator=generator)
    judge.eval()
    with torch.no_grad():
        saved["discriminator/logits"] = judge(image, patch).numpy()
        judge.train()
        saved["discriminator/logits_train"] = judge(image, patch).numpy()
    saved["discriminator/image"] = image.permute(0, 2, 3, 1).numpy()
    saved["discriminator/patch"] = patch.permute(0, 2, 3, 1).numpy()

    for name in ("completion/output", "completion/output_train", "discriminator/logits"):
        print(name, "standard deviation", saved[name].std())
    arrays = {name: np.asarray(array, np.float32) for name, array in saved.items()}
    np.savez_compressed(Path(__file__).with_name("networks.npz"), **arrays)


if __name__ == "__main__":
    main()
