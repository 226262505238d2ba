"""Does in PyTorch what `glcic_jax.data` does: decodes, resizes, crops, and draws two holes."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from torch.utils.data import Dataset, get_worker_info


class Folder(Dataset):
    """Reads the pictures below a folder, each `passes` times in an epoch.

    Args:
      root: the folder.
      size: edge of the crops, pixels.
      decoder: "Pillow", with its antialiased bilinear resize, which is torchvision's default; or
        "OpenCV", with area averaging.
      passes: how often each picture is seen in an epoch.
    """

    def __init__(self, root: str, size: int, decoder: str, passes: int) -> None:
        self.paths = sorted(p for p in Path(root).rglob("*") if p.suffix.lower() == ".jpg")
        self.size, self.decoder, self.passes = size, decoder, passes

    def __len__(self) -> int:
        return len(self.paths) * self.passes

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        if get_worker_info():
            cv2.setNumThreads(0)
        rng = np.random.default_rng(index)
        edge = rng.integers(self.size, self.size * 3 // 2 + 1)
        picture = self._resized(self.paths[index % len(self.paths)], edge)
        top, left = (rng.integers(0, n - self.size + 1) for n in picture.shape[:2])
        masks = np.zeros((2, self.size, self.size, 1), np.uint8)
        for mask in masks:
            height, width = rng.integers(self.size * 3 // 8, self.size // 2 + 1, 2)
            y, x = rng.integers(0, self.size - height), rng.integers(0, self.size - width)
            mask[y : y + height, x : x + width] = 1
        crop = picture[top : top + self.size, left : left + self.size]
        return {
            "image": np.ascontiguousarray(crop), "mask": masks[0], "other_mask": masks[1]
        }  # fmt: skip

    def _resized(self, path: Path, edge: int) -> np.ndarray:
        if self.decoder == "Pillow":
            with Image.open(path) as opened:
                picture = opened.convert("RGB")
            scale = edge / min(picture.size)
            size = tuple(max(edge, round(n * scale)) for n in picture.size)
            return np.asarray(picture.resize(size, Image.Resampling.BILINEAR))
        picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        scale = edge / min(picture.shape[:2])
        size = tuple(max(edge, round(n * scale)) for n in picture.shape[1::-1])
        return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
