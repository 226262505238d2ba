"""Every kind of hole: its form, its promises, its refusals, and mixtures."""

import pickle

import cv2
import numpy as np
import pytest
from PIL import Image

from glcic_jax.masks.files import MaskFiles
from glcic_jax.masks.kinds import HOLES, make_hole
from glcic_jax.masks.shapes import block_pixels, box, boxes, center, keep_patch, noise, outpaint
from glcic_jax.masks.strokes import freeform, irregular
from glcic_jax.runtime.errors import UserError

STROKES = {
    "most_strokes": 3,
    "fewest_vertices": 2,
    "most_vertices": 6,
    "thinnest": 2,
    "thickest": 7,
    "angle": 72.0,
    "angle_spread": 24.0,
}
ARGUMENTS = {
    "box": {"shortest": 6, "longest": 12},
    "boxes": {"fewest": 2, "most": 4, "shortest": 3, "longest": 9},
    "center": {"size": 16},
    "outpaint": {"sides": 3, "narrowest": 2, "widest": 9},
    "noise": {"smallest_share": 0.2, "largest_share": 0.3, "cell": 8},
    "freeform": STROKES,
    "irregular": {"smallest_share": 0.01, "largest_share": 0.6, "margin": 0},
    "lines": {"fewest": 1, "most": 9, "thinnest": 1, "thickest": 2},
    "keep_patch": {"size": 16},
    "block_pixels": {"probability": 0.5},
    "files": {"flip": True},
}
BINS = [(0.01, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6)]


@pytest.fixture
def masks(tmp_path):
    """Writes four masks of other sizes than are asked for, one of them in a folder below."""
    folder = tmp_path / "masks"
    (folder / "more").mkdir(parents=True)
    for index in range(4):
        mask = box(np.random.default_rng(index), 80, 70, shortest=20, longest=40)[..., 0]
        path = folder / ("more" if index == 3 else "") / f"{index}.png"
        Image.fromarray(mask * 255).save(path)
    return folder


def rngs(count):
    return [np.random.default_rng((7, index)) for index in range(count)]


@pytest.mark.parametrize("kind", HOLES)
def test_masks_are_binary_repeatable_and_never_empty_or_full(kind, masks):
    arguments = {"kind": kind, **ARGUMENTS[kind]}
    if kind == "files":
        arguments["folder"] = str(masks)
    hole = make_hole(arguments, 40, 56)
    again = pickle.loads(pickle.dumps(hole))  # as worker processes get it
    for first, second in zip(rngs(40), rngs(40), strict=True):
        mask = hole(first, 40, 56)
        assert mask.shape == (40, 56, 1)
        assert mask.dtype == np.uint8
        assert mask.flags.c_contiguous
        assert set(np.unique(mask)) == {0, 1}
        np.testing.assert_array_equal(mask, again(second, 40, 56))
    if kind != "center":
        assert len({hole(rng, 40, 56).tobytes() for rng in rngs(20)}) > 5


def sides(mask):
    rows, columns = np.nonzero(mask[..., 0])
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert height * width == mask.sum()  # a full rectangle
    return height, width


def parts(mask):
    return cv2.connectedComponents(mask)[0] - 1


def test_box_sides_are_drawn_apart_and_reach_both_ends():
    rng = np.random.default_rng(0)
    drawn = np.array([sides(box(rng, 20, 20, shortest=3, longest=5)) for _ in range(300)])
    assert set(drawn[:, 0]) == set(drawn[:, 1]) == {3, 4, 5}
    assert len({tuple(pair) for pair in drawn}) == 9


def test_boxes_reach_every_pixel():
    rng = np.random.default_rng(0)
    covered = sum(box(rng, 12, 12, shortest=3, longest=4) for _ in range(400))
    assert (covered > 0).all()


def test_several_boxes_are_as_many_as_asked_for():
    drawn = [boxes(rng, 400, 400, fewest=2, most=4, shortest=2, longest=3) for rng in rngs(200)]
    counts = [parts(mask) for mask in drawn]  # so small that hardly any two touch
    assert {2, 3, 4} <= set(counts) <= {1, 2, 3, 4}
    assert all(mask.sum() <= 4 * 9 for mask in drawn)


def test_one_of_several_boxes_is_the_box():
    for first, second in zip(rngs(20), rngs(20), strict=True):
        one = boxes(first, 30, 40, fewest=1, most=1, shortest=3, longest=9)
        np.testing.assert_array_equal(one, box(second, 30, 40, shortest=3, longest=9))


def test_center_is_the_middle_square():
    mask = center(np.random.default_rng(0), 128, 128, size=64)
    assert mask[32:96, 32:96].all()
    assert mask.sum() == 64 * 64


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_outpainting_leaves_a_rectangle_and_cuts_the_sides_asked_for(count):
    chosen = set()
    for rng in rngs(100):
        mask = outpaint(rng, 30, 50, sides=count, narrowest=3, widest=9)[..., 0]
        sides(1 - mask[..., None])
        rows, columns = np.nonzero(mask == 0)
        bands = rows.min(), 29 - rows.max(), columns.min(), 49 - columns.max()
        cut = tuple(side for side, band in enumerate(bands) if band)
        assert len(cut) == count
        assert all(3 <= bands[side] <= 9 for side in cut)
        chosen.add(cut)
    assert len(chosen) == {1: 4, 2: 6, 3: 4, 4: 1}[count]


def test_a_kept_patch_is_all_that_is_known_and_comes_everywhere():
    masks = [keep_patch(rng, 12, 20, size=7) for rng in rngs(400)]
    assert {sides(1 - mask) for mask in masks} == {(7, 7)}
    assert (np.min(masks, axis=0) == 0).all()


def test_pixels_are_blocked_apart_and_never_all_of_them():
    masks = np.stack([block_pixels(rng, 30, 40, probability=0.3) for rng in rngs(100)])[..., 0]
    assert abs(masks.mean() - 0.3) < 0.005
    assert abs(masks.mean(axis=0).std() - np.sqrt(0.21 / 100)) < 0.01  # no pixel is preferred
    assert abs((masks[:, :, 1:] & masks[:, :, :-1]).mean() - 0.09) < 0.005  # nor pairs of them
    for probability, count in ((1e-9, 1), (1 - 1e-9, 1199)):
        assert block_pixels(rngs(1)[0], 30, 40, probability=probability).sum() == count


def test_noise_covers_what_it_is_asked_to():
    rng = np.random.default_rng(0)
    for share in (0.05, 0.25, 0.6):
        mask = noise(rng, 64, 64, smallest_share=share, largest_share=share, cell=16)
        assert mask.sum() == round(share * 64 * 64)


def test_a_stroke_is_connected_and_as_thick_as_asked_for():
    one = STROKES | {"most_strokes": 1, "thinnest": 5, "thickest": 5}
    for rng in rngs(100):
        mask = freeform(rng, 60, 90, **one)
        assert parts(mask) == 1
        middle = cv2.distanceTransform(np.pad(mask[..., 0], 1), cv2.DIST_L2, 5).max()
        assert middle >= 2.5  # at least as far from the rim as half the brush


def test_the_angle_bends_strokes():
    def is_straight(rng, angle):
        two = {"fewest_vertices": 2, "most_vertices": 2, "most_strokes": 1, "thickest": 2}
        mask = freeform(rng, 400, 400, **STROKES | two | {"angle": angle, "angle_spread": 0.0})
        points = np.argwhere(mask[..., 0]) - np.argwhere(mask[..., 0]).mean(axis=0)
        return np.linalg.svd(points, compute_uv=False)[1] / np.sqrt(len(points)) < 1.5

    straight = {angle: sum(is_straight(rng, angle) for rng in rngs(40)) for angle in (0.0, 45.0)}
    assert straight[0.0] > 15 > 10 > straight[45.0]  # not all: some are mirrored at the border


@pytest.mark.parametrize("margin", [0, 6])
@pytest.mark.parametrize(("smallest", "largest"), BINS)
def test_irregular_holes_lie_in_their_bin_and_keep_the_margin(smallest, largest, margin):
    shares, rim = [], 0
    for rng in rngs(60):
        mask = irregular(rng, 72, 64, smallest_share=smallest, largest_share=largest, margin=margin)
        shares.append(mask.mean())
        inner = mask[margin : 72 - margin, margin : 64 - margin]
        assert inner.sum() == mask.sum()
        rim += inner[0].sum() + inner[-1].sum() + inner[:, 0].sum() + inner[:, -1].sum()
    assert smallest - 1e-3 <= min(shares) < max(shares) <= largest + 1e-3
    assert np.ptp(shares) > 0.7 * (largest - smallest)
    assert rim > 0  # up to the margin, or the border


def test_irregular_shares_are_met_to_the_pixel():
    for index, share in enumerate((0.0001, 0.013, 0.3, 0.6, 0.98)):
        for size in ((50, 41), (7, 9), (128, 128)):
            mask = irregular(
                np.random.default_rng(index),
                *size,
                smallest_share=share,
                largest_share=share,
                margin=0,
            )
            assert mask.sum() == max(1, round(share * size[0] * size[1]))


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


def test_a_mixture_draws_each_part_by_its_weight():
    hole = make_hole(
        {
            "kind": "mix",
            "center": {"weight": 3, "size": 16},
            "small": {"kind": "center", "weight": 1.0, "size": 4},
            "noise": {"weight": 0, **ARGUMENTS["noise"]},
        },
        32,
        32,
    )
    sizes = [int(hole(rng, 32, 32).sum()) for rng in rngs(800)]
    assert set(sizes) == {256, 16}
    assert 0.7 < sizes.count(256) / 800 < 0.8


@pytest.mark.parametrize(
    ("holes", "message"),
    [
        ({"kind": "star"}, 'kind is "star": choose box, boxes, .*, files, mix'),
        ({"kind": "box", "size": 4}, "holes of kind box take shortest, longest, not size"),
        ({"kind": "box", "shortest": 6, "longest": 40}, "40 pixels do not fit 32x32 pixels"),
        ({"kind": "box", "shortest": 9, "longest": 8}, "are not a range"),
        ({"kind": "box", "shortest": 0, "longest": 8}, "are not a range"),
        ({"kind": "box", "shortest": 2.5, "longest": 8}, "shortest is 2.5: .* type int"),
        ({"kind": "box", "shortest": True, "longest": 8}, "shortest is True: .* type int"),
        (
            {"kind": "boxes", **ARGUMENTS["boxes"], "fewest": 5},
            "fewest 5 and most 4 are not a range",
        ),
        ({"kind": "center", "size": 33}, "lower size"),
        ({"kind": "center", "size": 0}, "size is 0: choose at least 1 pixel"),
        ({"kind": "center", "size": 32}, "cover all of 32x32"),
        ({"kind": "outpaint", "sides": 5, "narrowest": 1, "widest": 2}, "sides is 5"),
        ({"kind": "outpaint", "sides": 1, "narrowest": 3, "widest": 16}, "leave nothing of 32x32"),
        (
            {"kind": "noise", **ARGUMENTS["noise"], "largest_share": 1.0},
            "are not a range between 0 and 1",
        ),
        ({"kind": "noise", **ARGUMENTS["noise"], "cell": 0}, "cell is 0"),
        ({"kind": "freeform", **STROKES, "thickest": 33}, "33 pixels do not fit"),
        (
            {"kind": "freeform", **STROKES, "thinnest": 8},
            "thinnest 8 and thickest 7 are not a range",
        ),
        ({"kind": "freeform", **STROKES, "most_strokes": 0}, "most_strokes is 0"),
        ({"kind": "freeform", **STROKES, "angle": 20.0}, "angle is 20.0 and angle_spread 24.0"),
        ({"kind": "irregular", **ARGUMENTS["irregular"], "smallest_share": 0.0}, "are not a range"),
        ({"kind": "irregular", **ARGUMENTS["irregular"], "margin": 4}, "a margin of 4 of 32x32"),
        ({"kind": "irregular", **ARGUMENTS["irregular"], "margin": 16}, "leaves no room"),
        ({"kind": "irregular", **ARGUMENTS["irregular"], "margin": -1}, "a margin of -1"),
        ({"kind": "keep_patch", "size": 32}, "keeps all of 32x32 pixels"),
        ({"kind": "keep_patch", "size": 33}, "lower size"),
        ({"kind": "block_pixels", "probability": 1.0}, "probability is 1.0: choose one above 0"),
        ({"kind": "block_pixels", "probability": 0.0}, "probability is 0.0: choose one above 0"),
        ({"kind": "files", "folder": "/no/such", "flip": False}, "/no/such: no such folder"),
        ({"kind": "mix"}, "needs a part with a weight above 0"),
        ({"kind": "mix", "center": {"weight": 0.0, "size": 4}}, "needs a part with a weight"),
        ({"kind": "mix", "center": {"weight": -1.0, "size": 4}}, "config.holes.center: weight is"),
        ({"kind": "mix", "center": {"size": 4}}, "config.holes.center: .* have a weight"),
        ({"kind": "mix", "shortest": 4}, "config.holes.shortest: the parts of a mix"),
        ({"kind": "mix", "a": {"weight": 1, "size": 4}}, 'config.holes.a: kind is "a"'),
    ],
)
def test_impossible_holes_are_refused(holes, message):
    with pytest.raises(UserError, match=message) as refused:
        make_hole(holes, 32, 32)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith("config.holes")


def test_a_folder_without_masks_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no mask")
    with pytest.raises(UserError, match="no masks"):
        MaskFiles(folder=str(tmp_path), flip=False)
