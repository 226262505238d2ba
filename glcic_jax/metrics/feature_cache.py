"""Keeps features of pictures from one evaluation to the next."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from glcic_jax.runtime.disk import clear_errors, write_whole
from glcic_jax.runtime.errors import UserError, one_line

Features = Callable[[Float[np.ndarray, "b h w 3"]], Float[np.ndarray, "b d"]]


class FeatureCache:
    """Calls a network, but looks up the features of pictures that it has seen before.

    Pictures are identified by the SHA-256 of their size and pixels. Networks are identified by all
    that their features depend on, which the file's name and contents hold. So features made by
    another network are never returned.

    Args:
      network: makes features [b, d], of each picture by itself.
      folder: holds one file for each network.
      about: what the features depend on: weights, software, devices. It must fit into JSON.

    Attributes:
      path: the network's file.
      asked: pictures whose features were asked for.
      found: how many of them were looked up.

    Raises:
      UserError: the file is damaged.
    """

    def __init__(self, network: Features, folder: Path, about: dict[str, Any]) -> None:
        self._network, self._about = network, json.dumps(about, sort_keys=True)
        name = hashlib.sha256(self._about.encode()).hexdigest()[:16]
        self.path = folder / f"features_{name}.npz"
        self._known = self._read() if self.path.exists() else {}
        self._added = False
        self.found, self.asked = 0, 0

    def __call__(self, pictures: Float[np.ndarray, "b h w 3"]) -> Float[np.ndarray, "b d"]:
        """Returns the features. Only those of new pictures are computed."""
        keys = [_picture_digest(picture) for picture in pictures]
        new = [index for index, key in enumerate(keys) if key not in self._known]
        if new:
            self._known |= zip([keys[i] for i in new], self._network(pictures[new]), strict=True)
            self._added = True
        self.asked += len(keys)
        self.found += len(keys) - len(new)
        return np.stack([self._known[key] for key in keys])

    def save(self) -> None:
        """Writes the file, if features were added.

        Raises:
          UserError: the disk is full, or the folder cannot be written.
        """
        if not self._added:
            return
        content = io.BytesIO()
        keys, features = np.array(list(self._known)), np.stack(list(self._known.values()))
        np.savez(content, about=np.array(self._about), keys=keys, features=features)
        try:
            with clear_errors(self.path.parent, lambda: "the features were not kept"):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(self.path, content.getvalue())
        except OSError as error:
            raise UserError(f"--feature_cache {self.path.parent}: {error.strerror}") from error

    def _read(self) -> dict[str, np.ndarray]:
        try:
            with self.path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                if str(file["about"]) != self._about:
                    raise ValueError("it is about another network")
                return dict(zip(file["keys"].tolist(), file["features"], strict=True))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise UserError(f"{self.path} is damaged ({one_line(error)}): delete it") from error


def _picture_digest(picture: Float[np.ndarray, "h w 3"]) -> str:
    sha = hashlib.sha256(str(picture.shape).encode())
    sha.update(np.ascontiguousarray(picture, np.float32).data)
    return sha.hexdigest()
