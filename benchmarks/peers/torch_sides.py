"""Makes PyTorch's sides of a race."""

import numpy as np

from benchmarks import inputs

MEAN = (0.47, 0.46, 0.42)


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _place(array: np.ndarray, device: str):
    import torch

    tensor = torch.as_tensor(array).permute(0, 3, 1, 2).to(device).float()
    return tensor.contiguous(memory_format=torch.channels_last)


def train(size: int, count: int, phase: str, autocast: bool, compiled: bool):
    """Makes a worker: one update of a phase, from pictures in the host's memory."""
    import torch

    from benchmarks.peers.torch_glcic import Trainer

    device = _device()
    torch.backends.cudnn.benchmark = True
    trainer = Trainer(size, size // 2, device, autocast=autocast, compiled=compiled)
    updates = {
        "completion": trainer.update_completion,
        "discriminator": trainer.update_discriminator,
        "joint": trainer.update_joint,
    }
    update = updates[phase]
    batch = inputs.batch(size, count)
    corners = [torch.as_tensor(_corners(batch[name], size // 2)) for name in ("mask", "other_mask")]

    def run() -> None:
        image, mask = _place(batch["image"], device) / 255, _place(batch["mask"], device)
        update(image, mask, *corners).item()

    return run


def _corners(masks: np.ndarray, patch: int) -> np.ndarray:
    size = masks.shape[1]
    centres = [np.argwhere(mask[..., 0]).mean(axis=0).round() for mask in masks]
    return np.clip(np.array(centres, int) - patch // 2, 0, size - patch)


def complete(
    sizes: list[tuple[int, int]], bfloat16: bool, width: int = 64, state: str | None = None
):
    """Makes a worker: fills a hole in a picture of each size, the network running over all of it.

    Args:
      sizes: heights and widths.
      bfloat16: whether to compute in bfloat16.
      width: channels of a random network's first layer.
      state: file of `benchmarks.networks.export_state`, whose network takes the place of a random
        one.
    """
    import torch

    from benchmarks.peers.torch_glcic import Completion

    device = _device()
    dtype = torch.bfloat16 if bfloat16 else torch.float32
    if state is None:
        network = Completion(width, MEAN)
    else:
        from tests.helpers.smooth_pytorch import SmoothCompletion

        arrays = {name: torch.as_tensor(array) for name, array in np.load(state).items()}
        network = SmoothCompletion.of(arrays)
    network = network.to(device, dtype, memory_format=torch.channels_last)
    pictures = []
    for size in sizes:
        image, holes = inputs.photograph(*size)
        pictures.append((_place(image[None], device) / 255, _place(holes[None, ..., None], device)))

    @torch.inference_mode()
    def run() -> None:
        for image, mask in pictures:
            network(image, mask).sum().item()

    return run


def read(root: str, size: int, count: int, workers: int, decoder: str):
    """Makes a worker: a batch of examples out of a running DataLoader."""
    from torch.utils.data import DataLoader

    from benchmarks.peers.torch_folder import Folder

    loader = DataLoader(
        Folder(root, size, decoder, passes=1000),
        count, shuffle=True, num_workers=workers, drop_last=True, prefetch_factor=4,
    )  # fmt: skip
    return inputs.steady(iter(loader))
