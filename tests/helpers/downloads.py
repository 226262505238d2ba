"""Miniatures of the downloads that the layouts read."""

import pickle

import cv2
import numpy as np


def plant(root, *names):
    """Writes pictures of one colour each, every file with another content."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.full((4, 6, 3), number, np.uint8)
        path.write_bytes(cv2.imencode(path.suffix.lower(), image)[1].tobytes())
    return root


def plant_cifar(root, *, protocol=2, pictures=3):
    """Writes the batches of CIFAR-10 in miniature, and returns their pictures [6, n, 32, 32, 3]."""
    root.mkdir(parents=True, exist_ok=True)
    planes = np.random.default_rng(0).integers(0, 256, (6, pictures, 3, 32, 32), np.uint8)
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    for name, part in zip(names, planes, strict=True):
        batch = {b"data": part.reshape(pictures, -1), b"labels": [0] * pictures}
        (root / name).write_bytes(pickle.dumps(batch, protocol=protocol))
    return planes.transpose(0, 1, 3, 4, 2)


VAL = [f"Places365_val_0000000{number}.jpg" for number in (1, 2)]
MINIATURES = {
    "folder": (["a/1.jpg", "a/1.png", "b/c/2.JPEG", "ü/東京.webp"], []),
    "places2": (
        ["data_large/a/abbey/00000001.jpg", "data_large/s/swimming_pool/indoor/00000001.jpg"],
        [f"val_large/{name}" for name in VAL],
    ),
    "places2_256": (["data_256/a/abbey/00000001.jpg"], [f"val_256/{name}" for name in VAL]),
    "imagenet": (
        ["train/n01440764/n01440764_18.JPEG", "train/n01443537/n01443537_2.JPEG"],
        ["val/ILSVRC2012_val_00000001.JPEG"],
    ),
    "paris_streetview": (
        ["paris_train_original/48.842502_2.344968_90_-004.JPG"],
        ["paris_eval_gt/001_im.png"],
    ),
    "chars74k": (["English/Img/GoodImg/Bmp/Sample001/img001-00001.png"], []),
}
"""Pictures to train on, or of no part yet, and held out. The other layouts have their own tests."""
