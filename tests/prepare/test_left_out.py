"""What is left out of a collection: bad files, copies of what is held out, what nobody wants."""

import io
import json
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from glcic_jax.data.shards import shards
from glcic_jax.pictures.decode import decode
from glcic_jax.prepare.__main__ import main
from glcic_jax.prepare.layouts import LAYOUTS
from glcic_jax.prepare.plan import make_plan
from glcic_jax.prepare.run import prepare
from glcic_jax.runtime.errors import UserError
from tests.helpers.pictures import photograph, save
from tests.helpers.prepared import LIMITS, Here, command, names, run_here


def bomb():
    """Returns a PNG of 50,000 x 50,000 pixels, by its header."""
    data = io.BytesIO()
    Image.new("L", (1, 1)).save(data, "png")
    header = bytearray(data.getvalue())
    header[16:24] = (50_000).to_bytes(4) * 2
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4)
    return bytes(header)


def test_bad_files_are_listed_with_their_reasons(source, output):
    save(source / "whole.jpg", photograph(50, 300, 300))
    data = (source / "whole.jpg").read_bytes()
    (source / "cut.jpg").write_bytes(data[: len(data) // 2])
    (source / "empty.jpg").touch()
    (source / "text.png").write_text("no picture")
    (source / "bomb.png").write_bytes(bomb())
    (source / "gone.jpg").symlink_to(source / "nowhere.jpg")
    save(source / "strip.png", np.zeros((5, 30_000, 3), np.uint8))
    save(source / "dot.png", np.zeros((1, 1, 3), np.uint8))
    (source / "loop").symlink_to(source)
    save(source / "ä ö 图.png", photograph(51))
    save(source / f"{'x' * 251}.jpg", photograph(52))
    _, tallies = run_here(source, output)
    report = json.loads((output / "report.json").read_text())
    reasons = {line["name"]: line["reason"] for line in report["left_out"]}
    expected = {
        "cut.jpg": "truncated or damaged",
        "empty.jpg": "the file is empty",
        "text.png": "not a picture that can be read",
        "bomb.png": "too many pixels, the limit is",
        "gone.jpg": "no such file",
        "strip.png": "30000x5 pixels, below --min_edge",
        "dot.png": "1x1 pixels, below --min_edge",
    }
    assert reasons.keys() == expected.keys()
    for name, reason in expected.items():
        assert reason in reasons[name]
    stored = names(output, "train") + names(output, "held_out")
    assert len(stored) == 43 == sum(tally.records() for tally in tallies.values())
    assert "ä ö 图.png" in stored
    shards(str(output), **LIMITS)


def test_too_many_bad_files_stop_it(source, output, capsys):
    for number in range(10):
        (source / f"{number}.jpg").write_text("no picture")
    assert main(command(source, output, "--workers", "2", "--max_bad", "0.1")) == 2
    error = capsys.readouterr().err
    assert "error: at least 6 of 50 pictures cannot be used, one of them" in error
    assert "raise --max_bad" in error
    with pytest.raises(UserError, match="at least 10 of 50 pictures cannot be used"):
        run_here(source, output.with_name("here"), max_bad=0.1)
    for folder in (output, output.with_name("here")):
        assert not (folder / "index.json").exists()


def test_training_pictures_that_are_held_out_too_are_dropped(source, output):
    run_here(source, output)
    held_out, train = names(output, "held_out"), names(output, "train")
    copy = source / "copies"
    copy.mkdir()
    (copy / "exact.jpg").write_bytes((source / held_out[0]).read_bytes())
    save(copy / "near.jpg", cv2.resize(decode(source / held_out[1]), (50, 36)), 70)
    (copy / "of_a_training_picture.jpg").write_bytes((source / train[0]).read_bytes())
    listing = [
        entry._replace(split="held_out" if entry.name in held_out else "train")
        for entry in LAYOUTS["folder"](source)
    ]
    plan = make_plan(lambda: listing, shards=4, train_share=0.8)
    second = output.with_name("second")
    settings = {"size": 32, "min_edge": 8}
    prepare(plan, Here(lambda: listing, plan), second, settings=settings, transform=None, max_bad=0)
    report = json.loads((second / "report.json").read_text())
    assert report["duplicates"] == [
        {"name": "copies/exact.jpg", "of": held_out[0], "kind": "exact"},
        {"name": "copies/near.jpg", "of": held_out[1], "kind": "near"},
    ]
    assert sorted(names(second, "train")) == sorted([*train, "copies/of_a_training_picture.jpg"])


def left_half(image):
    """Cuts the left half out of a picture, and leaves out dark pictures."""
    return image[:, : image.shape[1] // 2] if image.mean() > 1 else None


def test_a_transform_comes_before_scaling_and_may_leave_pictures_out(source, output):
    save(source / "black.png", np.zeros((40, 40, 3), np.uint8))
    run_here(source, output, size=400, max_bad=0, transform=left_half)
    split = shards(str(output), **LIMITS)
    assert split.train[0].shape == (40, 28, 3)
    report = json.loads((output / "report.json").read_text())
    assert (report["passed_over"], report["left_out"]) == (["black.png"], [])
