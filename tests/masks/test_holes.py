"""Every kind of hole: what all of them keep, mixtures, and refusals."""

import pickle
from typing import Any

import numpy as np
import pytest

from glcic_jax.masks.kinds import HOLES, make_hole
from glcic_jax.runtime.errors import UserError
from tests.helpers.holes import STROKES, rngs, write_masks

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


@pytest.fixture
def masks(tmp_path):
    """Writes four masks of other sizes than are asked for, one of them in a folder below."""
    return write_masks(tmp_path / "masks")


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


def test_the_shares_of_a_mixture_end_at_1_on_every_python():
    parts = {f"part{n}": {"kind": "center", "weight": 0.1, "size": 4} for n in range(10)}
    hole: Any = make_hole({"kind": "mix", **parts}, 8, 8)
    assert hole.keywords["ends"][-1] == 1


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
