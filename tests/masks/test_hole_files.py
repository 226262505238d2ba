"""Holes from files of masks: resized, mirrored, and what replaces bad ones."""

import numpy as np
import pytest
from PIL import Image

from glcic_jax.masks.files import MaskFiles
from glcic_jax.masks.kinds import make_hole
from glcic_jax.runtime.errors import UserError
from tests.helpers.holes import rngs, write_masks


@pytest.fixture
def masks(tmp_path):
    """Writes four masks of other sizes than are asked for, one of them in a folder below."""
    return write_masks(tmp_path / "masks")


def test_files_are_resized_and_mirrored_each_way(masks):
    plain, mirrored = (MaskFiles(folder=str(masks), flip=flip) for flip in (False, True))
    seen = {plain(rng, 40, 56).tobytes() for rng in rngs(60)}
    more = {mirrored(rng, 40, 56).tobytes() for rng in rngs(200)}
    assert len(seen) == 4
    assert len(more) == 16
    assert seen < more


def test_bad_files_are_replaced_by_the_next_and_named_once(masks, caplog):
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(masks / "0.png")
    Image.fromarray(np.full((9, 9), 255, np.uint8)).save(masks / "1.png")
    (masks / "2.png").write_bytes(b"no picture")
    only = MaskFiles(folder=str(masks), flip=False)
    assert len({only(rng, 40, 56).tobytes() for rng in rngs(30)}) == 1
    assert len(caplog.messages) == 3
    assert "0.png: the mask is empty at 56x40 pixels" in caplog.text
    (masks / "more" / "3.png").unlink()
    with pytest.raises(UserError, match="none of 3 masks can be used"):
        make_hole({"kind": "files", "folder": str(masks), "flip": False}, 40, 56)


def test_a_folder_without_masks_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no mask")
    with pytest.raises(UserError, match="no masks"):
        MaskFiles(folder=str(tmp_path), flip=False)
