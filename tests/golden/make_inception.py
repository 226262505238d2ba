"""Makes inception.npz: the FID network by pytorch-fid itself, one sixteenth as wide.

    python tests/golden/make_inception.py    # wants torch, torchvision, pytorch-fid; we do not

Every layer of pytorch-fid's InceptionV3 with its channels divided by 16 (what enters it, a picture,
excepted), and weights and statistics drawn at random, rounded to float16. The wrapper scales
pictures to 299 x 299 and [-1, 1] itself.

    state/NAME, small (1 h w 3, bytes), features/small, features/large (1 128, float32); large is
    small with every pixel repeated ten times in both directions
"""

from pathlib import Path
from unittest import mock

import numpy as np
import torch
from pytorch_fid import inception
from torch import nn
from torchvision.models import inception as blocks

NARROW = 16
Wide = blocks.BasicConv2d


class Narrow(Wide):
    def __init__(self, inputs, outputs, **more):
        super().__init__(inputs if inputs == 3 else inputs // NARROW, outputs // NARROW, **more)


def build():
    """Without downloading, and without the weights that would be downloaded."""
    with (
        mock.patch.object(blocks, "BasicConv2d", Narrow),
        mock.patch.object(inception, "load_state_dict_from_url", lambda *_, **__: {}),
        mock.patch.object(nn.Module, "load_state_dict", lambda *_: None),
    ):
        network = inception.fid_inception_v3().eval()
    with mock.patch.object(inception, "fid_inception_v3", lambda: network):
        return network, inception.InceptionV3().eval()


def randomise(network):
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if name.endswith("conv.weight"):
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=generator)
        elif name.endswith(("bn.weight", "running_var")):
            tensor.uniform_(0.6, 1.4, generator=generator)
        elif name.endswith(("bn.bias", "running_mean")):
            tensor.normal_(0, 0.2, generator=generator)
        if tensor.dtype == torch.float32:
            tensor.copy_(tensor.half())


@torch.no_grad()
def main():
    network, wrapper = build()
    randomise(network)
    golden = {
        f"state/{name}": tensor.half().numpy()
        for name, tensor in network.state_dict().items()
        if not name.startswith("fc.") and tensor.dtype == torch.float32
    }
    coarse = np.random.default_rng(0).integers(0, 256, (1, 10, 13, 3)).astype(np.uint8)
    golden["small"] = coarse.repeat(4, axis=1).repeat(4, axis=2)
    for name, times in (("small", 1), ("large", 10)):
        picture = golden["small"].repeat(times, axis=1).repeat(times, axis=2)
        image = torch.tensor(picture).permute(0, 3, 1, 2) / 255
        golden[f"features/{name}"] = wrapper(image)[0][..., 0, 0].numpy()
    np.savez_compressed(Path(__file__).with_name("inception.npz"), **golden)


if __name__ == "__main__":
    main()
