"""Fixed sets of masks: drawn, repeated, verified, and refused."""

import json

import cv2
import numpy as np
import pytest

from glcic_jax.masks.__main__ import main
from glcic_jax.masks.kinds import HOLES, default_arguments, make_hole
from glcic_jax.masks.mask_set import MANIFEST, MaskSet, write_mask_set
from glcic_jax.masks.recipe import MaskRecipe
from glcic_jax.pictures.mask_files import decode_mask
from glcic_jax.runtime.errors import UserError


def draw(output, *more, kind="irregular", size="40x32", count=6):
    arguments = ["--kind", kind, "--size", size, "--count", str(count), "--output", str(output)]
    return main([*arguments, *more])


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_set_tells_how_it_was_made_and_reads_back(tmp_path):
    assert draw(tmp_path / "set", "--seed", "3", "--set", "margin=2") == 0
    masks = MaskSet(tmp_path / "set")
    arguments = {"smallest_share": 0.01, "largest_share": 0.6, "margin": 2}
    assert masks.about == {
        "kind": "irregular",
        "arguments": arguments,
        "seed": 3,
        "width": 40,
        "height": 32,
    }
    assert len(masks) == 6
    hole = make_hole({"kind": "irregular", **arguments}, 32, 40)
    listed = json.loads((tmp_path / "set" / MANIFEST).read_text())["masks"]
    for index, entry in enumerate(listed):
        mask = masks[index]
        np.testing.assert_array_equal(mask, hole(np.random.default_rng((3, index)), 32, 40))
        assert entry["share"] == mask.mean()
        pixels = cv2.imread(str(tmp_path / "set" / entry["file"]), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(pixels, mask[..., 0] * 255)


def test_the_same_command_writes_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert draw(tmp_path / name, "--seed", seed) == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    hashes = {MaskSet(tmp_path / name).sha256 for name in "abc"}
    assert len(hashes) == 2


def test_a_recipe_stands_for_the_set(tmp_path, capsys):
    for name in ("set", "recipe.json"):
        assert draw(tmp_path / name, "--seed", "3") == 0
    masks, recipe = MaskSet(tmp_path / "set"), MaskRecipe(tmp_path / "recipe.json")
    assert (recipe.sha256, len(recipe)) == (masks.sha256, len(masks))
    for index in range(len(masks)):
        np.testing.assert_array_equal(recipe[index], masks[index])
    text = (tmp_path / "recipe.json").read_text()
    assert len(text.splitlines()) < 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace('"seed": 0', '"seed": 1'), "are not those it was written for"),
        (lambda text: text.replace('"kind"', '"sort"'), "not a recipe"),
        (lambda text: text[:-9], "not a recipe"),
        (lambda text: "[]", "not a recipe"),
    ],
)
def test_a_recipe_for_other_masks_is_refused(tmp_path, change, message):
    path = tmp_path / "recipe.json"
    draw(path)
    path.write_text(change(path.read_text()))
    with pytest.raises(UserError, match=message):
        MaskRecipe(path)


def test_longer_sets_begin_with_shorter_ones(tmp_path):
    for name, count in (("short", 3), ("long", 5)):
        assert draw(tmp_path / name, count=count) == 0
    short, long = MaskSet(tmp_path / "short"), MaskSet(tmp_path / "long")
    for index in range(3):
        np.testing.assert_array_equal(short[index], long[index])


@pytest.mark.parametrize("kind", HOLES)
@pytest.mark.parametrize("edge", [16, 256, 515])
def test_every_kind_has_arguments_that_suit_the_size(kind, edge, tmp_path):
    arguments = default_arguments(kind, edge)
    if kind == "files":
        draw(tmp_path / "set", kind="box")
        arguments["folder"] = str(tmp_path / "set")
    hole = make_hole({"kind": kind, **arguments}, edge, 2 * edge)
    assert 0 < hole(np.random.default_rng(0), edge, 2 * edge).mean() < 1


def test_masks_of_a_folder_can_be_made_a_set(tmp_path):
    assert draw(tmp_path / "a", kind="box") == 0
    folder = f"folder={tmp_path / 'a'}"
    assert draw(tmp_path / "b", "--set", folder, "--set", "flip=true", kind="files") == 0
    assert MaskSet(tmp_path / "b").about["arguments"]["flip"] is True


def test_a_set_that_is_there_is_left_and_other_contents_are_refused(tmp_path, capsys):
    (tmp_path / "set").mkdir()  # empty: may be filled
    assert draw(tmp_path / "set") == 0
    before = contents(tmp_path / "set")
    assert draw(tmp_path / "set") == 0
    assert "holds these masks already" in capsys.readouterr().out
    for change in (["--seed", "1"], ["--set", "margin=1"]):
        assert draw(tmp_path / "set", *change) == 2
        assert "set holds something else: choose another --output" in capsys.readouterr().err
    assert contents(tmp_path / "set") == before
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"")
    (tmp_path / "file").write_bytes(b"")
    assert draw(tmp_path / "photos") == draw(tmp_path / "file") == 2


def test_a_changed_mask_is_refused(tmp_path, capsys):
    draw(tmp_path / "set")
    path = tmp_path / "set" / "000002.png"
    mask = decode_mask(path)
    mask[0, 0] ^= 1
    cv2.imwrite(str(path), mask * 255)
    masks = MaskSet(tmp_path / "set")
    assert masks[1].shape == (32, 40, 1)
    with pytest.raises(UserError, match=r"000002.png: the mask has changed"):
        masks[2]
    assert draw(tmp_path / "set") == 2
    assert "has changed" in capsys.readouterr().err
    cv2.imwrite(str(path), decode_mask(path)[:-1])
    with pytest.raises(UserError, match="has changed"):
        masks[2]
    path.unlink()
    with pytest.raises(UserError, match="No such file"):
        masks[2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: len(text) // 2], "not a manifest of masks, or damaged"),
        (lambda text: "[]", "not a manifest"),
        (lambda text: text.replace('"masks"', '"files"'), "not a manifest"),
        (lambda text: json.dumps({**json.loads(text), "masks": []}), "added, removed or changed"),
    ],
)
def test_a_damaged_manifest_is_refused(change, message, tmp_path):
    draw(tmp_path / "set")
    manifest = tmp_path / "set" / MANIFEST
    manifest.write_text(change(manifest.read_text()))
    with pytest.raises(UserError, match=message):
        MaskSet(tmp_path / "set")


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(UserError, match="No such file or directory: give a folder of"):
        MaskSet(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "margin=20"], "--kind irregular: a margin of 20 of 40x32 pixels"),
        (["--set", "margin=x"], "--kind irregular: margin is 'x': choose a value of type int"),
        (["--set", "colour=1"], "take smallest_share, largest_share, margin, not colour"),
        (["--set", "margin"], '--set "margin": write NAME=VALUE'),
        (["--set", "kind=mix"], "use --kind"),
        (["--kind", "files"], "holes of kind files also need folder"),
        (["--count", "0"], "at least one mask"),
        (["--output", "/proc/masks"], "/proc/masks: cannot write"),
    ],
)
def test_mistakes_get_one_line_and_exit_code_2(arguments, message, tmp_path, capsys):
    assert draw(tmp_path / "set", *arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert message in error[-1]
    assert sum(line.startswith("error: ") for line in error) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--size", "0"], ["--size", "5x"], ["--count", "-1"]])
def test_sizes_and_counts_that_are_none_are_refused(arguments, tmp_path):
    with pytest.raises(SystemExit, match="2"):
        draw(tmp_path / "set", *arguments)


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(small_disk, capsys):
    (small_disk / "other").write_bytes(bytes(2**22 - 2**16))
    assert draw(small_disk / "set", count=100) == 2
    assert "set: cannot write: No space left on device" in capsys.readouterr().err
    assert [path.name for path in small_disk.iterdir()] == ["other"]


def test_an_interrupted_set_leaves_nothing(tmp_path):
    def masks():
        yield np.ones((4, 4, 1), np.uint8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_mask_set(tmp_path / "set", masks(), {})
    assert list(tmp_path.iterdir()) == []
