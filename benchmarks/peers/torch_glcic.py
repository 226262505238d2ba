"""Builds GLCIC in PyTorch, for these benchmarks, as a careful user of PyTorch would write it.

The same networks, losses and updates as `glcic_jax.methods.glcic`, in the memory layout and with
the optimizer that PyTorch runs fastest. Batch norm's statistics are those of the one device.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

WIDTH = 64
COMPLETION = (  # (kind, channels, kernel, stride, dilation), GLCIC, table 2
    ("conv", 64, 5, 1, 1),
    ("conv", 128, 3, 2, 1),
    ("conv", 128, 3, 1, 1),
    ("conv", 256, 3, 2, 1),
    ("conv", 256, 3, 1, 1),
    ("conv", 256, 3, 1, 1),
    ("conv", 256, 3, 1, 2),
    ("conv", 256, 3, 1, 4),
    ("conv", 256, 3, 1, 8),
    ("conv", 256, 3, 1, 16),
    ("conv", 256, 3, 1, 1),
    ("conv", 256, 3, 1, 1),
    ("deconv", 128, 4, 2, 1),
    ("conv", 128, 3, 1, 1),
    ("deconv", 64, 4, 2, 1),
    ("conv", 32, 3, 1, 1),
)
DISCRIMINATOR = (64, 128, 256, 512, 512, 512)


def completion_network(width: int = WIDTH) -> nn.Sequential:
    """Builds C, from [b, 4, h, w] to RGB in [0, 1]; its first layer has `width` channels."""
    layers, inputs = [], 4
    for kind, at_full_width, kernel, stride, dilation in COMPLETION:
        channels = at_full_width * width // WIDTH
        if kind == "conv":
            pad = dilation * (kernel - 1) // 2
            layers.append(nn.Conv2d(inputs, channels, kernel, stride, pad, dilation))
        else:
            layers.append(nn.ConvTranspose2d(inputs, channels, kernel, stride, 1))
        layers += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        inputs = channels
    return nn.Sequential(*layers, nn.Conv2d(inputs, 3, 3, 1, 1), nn.Sigmoid())


class Completion(nn.Module):
    """Completes pictures with a random C in inference mode, batch norm folded into convolutions."""

    def __init__(self, width: int, mean: tuple[float, float, float]) -> None:
        super().__init__()
        layers = list(completion_network(width).eval())
        for place, norm in enumerate(layers):
            if isinstance(norm, nn.BatchNorm2d):
                before = layers[place - 1]
                transposed = isinstance(before, nn.ConvTranspose2d)
                layers[place - 1] = fuse_conv_bn_eval(before, norm, transposed)
        kept = [layer for layer in layers if not isinstance(layer, nn.BatchNorm2d)]
        self.network = nn.Sequential(*kept)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Fills the hole; the picture is float32, the arithmetic that of the parameters' dtype."""
        x = torch.cat([torch.where(mask > 0, 0.0, image - self.mean), mask], dim=1)
        x = x.to(self.mean.dtype, memory_format=torch.channels_last)
        return torch.where(mask > 0, self.network(x).float(), image)


def trunk(size: int) -> nn.Sequential:
    """Builds one side of D, for square pictures of `size` pixels."""
    layers, inputs, edge = [], 3, size
    for channels in DISCRIMINATOR:
        if edge <= 5:
            break
        layers += [nn.Conv2d(inputs, channels, 5, 2, 2), nn.BatchNorm2d(channels)]
        layers += [nn.ReLU(inplace=True)]
        inputs, edge = channels, -(-edge // 2)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(inputs * edge**2, 1024), nn.ReLU())


class ContextDiscriminator(nn.Module):
    """Judges pictures and patches: D, with both sides."""

    def __init__(self, size: int, patch: int) -> None:
        super().__init__()
        self.local, self.whole = trunk(patch), trunk(size)
        self.head = nn.Linear(2048, 1)

    def forward(self, image: Tensor, patch: Tensor) -> Tensor:
        """Computes logits [b]."""
        return self.head(torch.cat([self.local(patch), self.whole(image)], dim=1))[:, 0]


class Trainer:
    """Holds both networks, their optimizers and the three updates, on one device.

    Args:
      size: edge of the pictures, pixels.
      patch: edge of the local patches, pixels.
      device: "cpu" or "cuda".
      autocast: whether to compute in bfloat16 where PyTorch thinks it safe.
      compiled: whether to pass the networks through torch.compile.
    """

    def __init__(
        self, size: int, patch: int, device: str, *, autocast: bool = False, compiled: bool = False
    ) -> None:
        self.completion = self._place(completion_network(), device)
        self.discriminator = self._place(ContextDiscriminator(size, patch), device)
        self.patch, self.device, self.autocast = patch, device, autocast
        self.mean = torch.tensor((0.47, 0.46, 0.42), device=device).view(1, 3, 1, 1)
        self.move_completion = _adadelta(self.completion)
        self.move_discriminator = _adadelta(self.discriminator)
        if compiled:
            self.completion = torch.compile(self.completion)
            self.discriminator = torch.compile(self.discriminator)

    @staticmethod
    def _place(network: nn.Module, device: str) -> nn.Module:
        return network.to(device).to(memory_format=torch.channels_last)

    def update_completion(self, image: Tensor, mask: Tensor, corner: Tensor, other: Tensor):
        """Makes an update of phase 1: C by reconstruction, over all pixels."""
        del corner, other
        with self._precision():
            output = self._fill(image, mask).float()
        loss = functional.mse_loss(output * mask, image * mask)
        _descend(self.move_completion, loss)
        return loss

    def update_discriminator(self, image: Tensor, mask: Tensor, corner: Tensor, other: Tensor):
        """Makes an update of phase 2: D, with C fixed in inference mode."""
        self.completion.eval()
        with torch.no_grad(), self._precision():
            output = self._fill(image, mask).float()
        self.completion.train()
        return self._train_discriminator(image, mask, corner, other, output)

    def update_joint(self, image: Tensor, mask: Tensor, corner: Tensor, other: Tensor):
        """Makes an update of phase 3: D, then C against the new D; one forward pass serves both."""
        with self._precision():
            output = self._fill(image, mask).float()
        self._train_discriminator(image, mask, corner, other, output.detach())
        self.discriminator.requires_grad_(False)
        with self._precision():
            completed = torch.where(mask > 0, output, image)
            logits = self._judge(completed, corner).float()
            mse = functional.mse_loss(output * mask, image * mask)
            loss = mse + 4e-4 * functional.softplus(-logits).mean()
        _descend(self.move_completion, loss)
        self.discriminator.requires_grad_(True)
        return loss

    def _train_discriminator(self, image, mask, corner, other, output):
        completed = torch.where(mask > 0, output, image)
        with self._precision():
            real = self._judge(image, other).float()
            fake = self._judge(completed, corner).float()
            loss = functional.softplus(-real).mean() + functional.softplus(fake).mean()
        _descend(self.move_discriminator, loss)
        return loss

    def _fill(self, image: Tensor, mask: Tensor) -> Tensor:
        centred = torch.where(mask > 0, 0.0, image - self.mean)
        x = torch.cat([centred, mask], dim=1)
        return self.completion(x.contiguous(memory_format=torch.channels_last))

    def _judge(self, image: Tensor, corner: Tensor) -> Tensor:
        patches = [
            picture[:, top : top + self.patch, left : left + self.patch]
            for picture, (top, left) in zip(image, corner.tolist(), strict=True)
        ]
        patch = torch.stack(patches).contiguous(memory_format=torch.channels_last)
        return self.discriminator(image, patch)

    def _precision(self):
        return torch.autocast(self.device, torch.bfloat16, enabled=self.autocast)


def _adadelta(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adadelta(network.parameters(), lr=1.0, rho=0.9, eps=1e-6, foreach=True)


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
