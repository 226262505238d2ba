"""Large pictures for networks that look at all of a picture: scaled, or in windows."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import glcic_jax
from glcic_jax.complete.__main__ import main
from glcic_jax.complete.completer import Completer
from glcic_jax.complete.far_seeing import WAYS, Large, check_large, fill_around, fill_scaled
from glcic_jax.complete.load import completer_of
from glcic_jax.complete.network_flags import address_and_settings
from glcic_jax.demo.served import named_fills
from glcic_jax.evaluate.rivals import rivals
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.runtime.errors import UserError

LARGEST = 64
RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (150, 200, 3), dtype=np.uint8)
BOXES = {
    "one": [(60, 75, 90, 110)],
    "far apart": [(0, 9, 0, 9), (140, 150, 190, 200)],
    "close": [(60, 66, 60, 66), (70, 76, 60, 66)],
    "longer than a window": [(20, 130, 95, 105)],
    "all but a frame": [(2, 148, 2, 198)],
    "thin": [(70, 71, 10, 190)],
}


def holes(*boxes, shape=(150, 200)):
    hole = np.zeros(shape, bool)
    for top, bottom, left, right in boxes:
        hole[top:bottom, left:right] = True
    return hole


class Network:
    """Fills with one grey, and keeps what it is given."""

    def __init__(self):
        self.given = []

    def __call__(self, image, hole):
        assert image.shape[:2] == hole.shape and max(hole.shape) <= LARGEST
        assert hole.any() and not hole.all()
        self.given.append((image, hole))
        return np.where(hole[..., None], np.uint8(99), image)


@pytest.mark.parametrize("boxes", BOXES.values(), ids=BOXES)
@pytest.mark.parametrize("way", [fill_scaled, fill_around])
def test_known_pixels_stay_holes_are_filled_and_never_read(way, boxes):
    hole = holes(*boxes)
    other = np.where(hole[..., None], 255 - PICTURE, PICTURE)
    networks = Network(), Network()
    ours, theirs = (
        way(image, hole, LARGEST, network)
        for image, network in zip((PICTURE, other), networks, strict=True)
    )
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(ours[~hole], PICTURE[~hole])
    assert (ours != PICTURE)[hole].any(axis=-1).mean() > 0.9
    for one, two in zip(*(network.given for network in networks), strict=True):
        np.testing.assert_array_equal(one[0][~one[1]], two[0][~two[1]])


def test_a_copy_is_of_the_size_that_was_asked_for():
    network = Network()
    hole = holes((40, 100, 60, 140))
    filled = fill_scaled(PICTURE, hole, LARGEST, network)
    assert [shown.shape for _, shown in network.given] == [(48, 64)]
    assert (filled[46:94, 66:134] == 99).all()  # but for the rim, which is mixed with known pixels


@pytest.mark.parametrize("way", [fill_scaled, fill_around])
def test_what_is_small_enough_is_given_as_it_is(way):
    network, hole = Network(), holes((10, 20, 10, 20), shape=(50, 64))
    image = np.ascontiguousarray(PICTURE[:50, :64])
    filled = way(image, hole, LARGEST, network)
    ((shown, shown_hole),) = network.given
    np.testing.assert_array_equal(shown, image)
    np.testing.assert_array_equal(shown_hole, hole)
    np.testing.assert_array_equal(filled, np.where(hole[..., None], np.uint8(99), image))


def test_holes_thinner_than_a_pixel_of_the_copy_need_no_network():
    hole = holes((70, 71, 10, 190))

    def fill(image, hole):
        raise AssertionError("nothing is left to fill")

    level = np.full_like(PICTURE, 40)
    assert (fill_scaled(level, hole, LARGEST, fill) == 40).all()


@pytest.mark.parametrize("box", [(60, 75, 90, 110), (0, 5, 0, 5), (135, 150, 30, 60)])
def test_windows_show_a_quarter_around_or_what_there_is(box):
    """Paints where each pixel of a window lies: it must be the picture's own place."""
    rows, columns = np.mgrid[:150, :200].astype(np.uint8)
    places = np.stack([rows, columns, rows * 0], axis=-1)
    network, hole = Network(), holes(box)
    fill_around(places, hole, LARGEST, network)
    ((shown, shown_hole),) = network.given
    assert shown.shape[:2] == (LARGEST, LARGEST)
    (top, left, _), (bottom, right, _) = shown[0, 0], shown[-1, -1]
    assert shown_hole.sum() == hole.sum()
    for first, last, start, stop, size in (
        (top, bottom, *box[:2], 150),
        (left, right, *box[2:], 200),
    ):
        assert first <= max(start - LARGEST // 4, 0)
        assert last + 1 >= min(stop + LARGEST // 4, size)


def test_a_hole_that_reaches_into_the_box_of_another_is_filled_from_one_window():
    """Whatever their order: the upper one of the two is filled first."""
    for flipped in (False, True):
        bent, other = holes((20, 22, 100, 130), (20, 46, 100, 102)), holes((44, 50, 122, 140))
        greys = iter((np.uint8(80), np.uint8(160)))

        def fill(image, hole, greys=greys):
            return np.full_like(image, next(greys))

        hole = np.flipud(bent | other) if flipped else bent | other
        filled = fill_around(PICTURE, hole, LARGEST, fill)
        for own in (bent, other):
            assert len(np.unique(filled[np.flipud(own) if flipped else own])) == 1


def test_a_window_is_twice_a_long_hole_and_scaled():
    network = Network()
    fill_around(PICTURE, holes((50, 100, 80, 120)), LARGEST, network)
    ((_, hole),) = network.given
    assert hole.shape == (64, 64)
    assert hole.any(axis=1).sum() == 32  # 50 of 100 pixels: half


@pytest.mark.parametrize("way", [fill_scaled, fill_around])
def test_a_completer_takes_that_way_for_larger_pictures_only(way):
    seen = []

    def complete(image, mask):
        seen.append(image.shape[1:3])
        return np.full(image.shape, 0.5, np.float32)

    completer = Completer(complete, (0, 0, 0), 0, large=Large(LARGEST, way))
    hole = holes((60, 75, 90, 110))
    filled = completer(PICTURE, hole)
    assert max(seen[-1]) == LARGEST
    np.testing.assert_array_equal(filled[~hole], PICTURE[~hole])
    small = np.ascontiguousarray(PICTURE[60:100, 60:124])
    completer(small, np.ascontiguousarray(hole[60:100, 60:124]))
    assert seen[-1] == (40, 64)
    assert [completer.takes(*size) for size in ((64, 64), (3, 65))] == [True, False]
    assert Completer(complete, (0, 0, 0), 0).takes(9000, 9000)


@pytest.mark.parametrize(
    ("way", "largest", "message"),
    [
        ("tile", None, "large tile: choose whole, scale or window"),
        (None, 512, "largest 512 is for large scale or window"),
        ("whole", 512, "largest 512 is for large scale or window"),
        ("scale", 63, "largest 63: choose 64 pixels or more"),
        ("window", 100.5, "largest 100.5: choose 64 pixels or more"),
    ],
)
def test_what_makes_no_sense_is_refused(way, largest, message):
    with pytest.raises(UserError, match=message):
        check_large(way, largest)
    with pytest.raises(UserError, match=message):
        glcic_jax.load("no such run", large=way, largest=largest)


def test_without_a_number_parts_are_of_1024_pixels():
    assert check_large("scale", None) == Large(1024, fill_scaled)
    assert check_large("window", 2000) == Large(2000, fill_around)
    assert check_large("scale", np.int64(900)) == Large(900, fill_scaled)  # pyright: ignore
    assert check_large(None, None) is check_large("whole", None) is None


@pytest.mark.parametrize("way", WAYS)
def test_networks_that_see_only_a_part_refuse_it(way, tmp_path):
    message = f"large is for networks .* this one sees {glcic_jax.load().reach} pixels around"
    with pytest.raises(UserError, match=message):
        glcic_jax.load(large=way)
    for build in (named_fills, lambda specs: rivals(specs, make_mesh(), 9)):
        with pytest.raises(UserError, match=message):
            build([f"a=pretrained:large={way}"])
    method = SimpleNamespace(size=32, reach=None)
    trained = SimpleNamespace(address="faces", completing=lambda: (method, None))
    with pytest.raises(UserError, match="faces: large is for .* this one takes 32 x 32 pixels"):
        completer_of(trained, large=way)


def test_settings_behind_an_address_are_split_off(tmp_path, monkeypatch):
    assert address_and_settings("runs/a@best") == ("runs/a@best", {})
    assert address_and_settings("hf://me/net") == ("hf://me/net", {})
    expected = ("runs/a", {"large": "scale", "largest": 900, "starts": 4})
    assert address_and_settings("runs/a:large=scale,largest=900,starts=4") == expected
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a:starts=4").mkdir()
    assert address_and_settings("a:starts=4") == ("a:starts=4", {})


def test_the_page_chooses_texture_and_blending_itself():
    with pytest.raises(UserError, match="pretrained:texture=1: texture is chosen on the page"):
        named_fills(["a=pretrained:texture=1"])
    with pytest.raises(UserError, match="pretrained:run=5: run is none of latent_steps, starts,"):
        named_fills(["a=pretrained:run=5"])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--largest", "512"], "largest 512 is for large scale or window"),
        (["--large", "whole", "--largest", "512"], "largest 512 is for large scale or window"),
        (["--dry-run", "--largest", "512"], "largest 512 is for large scale or window"),
        (["--dry-run", "--refine", "9"], "refine 9: choose 64 pixels or more"),
        (["--large", "scale", "--largest", "9"], "largest 9: choose 64 pixels or more"),
        (["--method", "telea", "--refine"], "needs no network: leave --refine out"),
        (["--method", "telea", "--large", "scale"], "needs no network: leave --large out"),
        (["--large", "scale"], "large is for networks that look at all of a picture"),
    ],
)
def test_the_command_refuses_it_in_one_line(flags, message, tmp_path, capsys):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    out = tmp_path / "out.png"
    where = ["--image", str(tmp_path / "a.png"), "--box", "5,5,9,9", "--output", str(out)]
    assert main([*where, *flags]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not out.exists()
