import subprocess
import sys

import cv2
import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import splu
from skimage import data

from glcic_jax.methods.procedural.fills import mean_fill, navier_stokes, telea
from glcic_jax.methods.procedural.poisson import BLENDS, blend
from glcic_jax.runtime.errors import UserError

photograph = np.asarray(data.chelsea())[60:188, 100:260]
rng = np.random.default_rng(0)


def hole(*boxes, shape=(128, 160)):
    mask = np.zeros(shape, np.uint8)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = 1
    return mask


MASKS = {
    "middle": hole((40, 80, 50, 100)),
    "edge": hole((0, 30, 20, 60)),
    "corner": hole((100, 128, 130, 160)),
    "strip": hole((50, 70, 0, 160)),
    "several": hole((10, 30, 10, 30), (60, 90, 100, 140), (0, 8, 150, 160)),
    "one pixel": hole((64, 65, 80, 81)),
    "pixels": (rng.random((128, 160)) < 0.2).astype(np.uint8),
    "all but one": 1 - hole((64, 65, 80, 81)),
}


def tinted(image):
    """Makes a network's output with right gradients, a wrong colour and wild known pixels."""
    return np.clip(image.astype(int) + np.array([30, -25, 20]), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("way", BLENDS)
@pytest.mark.parametrize("name", MASKS)
def test_known_pixels_never_change(way, name):
    mask = MASKS[name]
    blended = blend(photograph, tinted(photograph), mask, way=way)
    assert blended.dtype == np.uint8
    np.testing.assert_array_equal(blended[mask == 0], photograph[mask == 0])


@pytest.mark.parametrize("way", BLENDS)
@pytest.mark.parametrize("name", MASKS)
def test_neither_picture_is_read_where_it_must_not_be(way, name):
    mask = MASKS[name][..., None]
    output = tinted(photograph)
    clean = blend(photograph, output, mask[..., 0], way=way)
    poison = rng.integers(0, 256, photograph.shape, np.uint8)
    uncut_hidden = np.where(mask == 1, poison, photograph)
    known_hidden = np.where(mask == 1, output, poison)
    poisoned = blend(uncut_hidden, known_hidden, mask[..., 0], way=way)
    np.testing.assert_array_equal(clean, poisoned)


@pytest.mark.parametrize("way", BLENDS)
@pytest.mark.parametrize("name", MASKS)
def test_the_surroundings_are_all_that_counts(way, name, monkeypatch):
    near = blend(photograph, tinted(photograph), MASKS[name], way=way)
    monkeypatch.setattr("glcic_jax.methods.procedural.poisson.BLEND_MARGIN", 10_000)
    whole = blend(photograph, tinted(photograph), MASKS[name], way=way)
    np.testing.assert_array_equal(near, whole)


@pytest.mark.parametrize("way", BLENDS)
@pytest.mark.parametrize("shape", [(1, 2), (1, 9), (2, 1), (2, 2), (3, 3), (5, 2), (17, 11)])
def test_pictures_may_have_any_size(way, shape):
    image, output = rng.integers(0, 256, (2, *shape, 3), np.uint8)
    for share in (0.2, 0.5, 0.9):
        mask = (rng.random(shape) < share).astype(np.uint8)
        mask.flat[rng.integers(mask.size)] = 0
        blended = blend(image, output, mask, way=way)
        np.testing.assert_array_equal(blended[mask == 0], image[mask == 0])


def solved_directly(values, guide, mask, across=0):
    """The equation by a sparse factorisation, in double precision: another program.

    `across` is the share of the guide's differences that counts across the boundary.
    """
    if not mask.any():
        return values.astype(int)
    number = np.full(mask.shape, -1)
    number[mask == 1] = np.arange(mask.sum())
    matrix = sparse.lil_matrix((mask.sum(), mask.sum()))
    right = np.zeros((mask.sum(), 3))
    for row, column in np.argwhere(mask == 1):
        own = number[row, column]
        for other in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if not (0 <= other[0] < mask.shape[0] and 0 <= other[1] < mask.shape[1]):
                continue
            matrix[own, own] += 1
            if number[other] < 0:
                difference = guide[row, column].astype(float) - guide[other]
                right[own] += values[other] + across * difference
            else:
                matrix[own, number[other]] -= 1
                right[own] += guide[row, column].astype(float) - guide[other]
    result = values.astype(float)
    result[mask == 1] = splu(matrix.tocsc()).solve(right)
    return np.rint(np.clip(result, 0, 255)).astype(int)


@pytest.mark.parametrize("name", MASKS)
def test_the_result_is_the_direct_solutions_to_a_grey_level(name):
    mask, noise = MASKS[name], rng.integers(0, 256, photograph.shape, np.uint8)
    for output in (tinted(photograph), noise):
        direct = solved_directly(photograph, output, mask)
        assert np.abs(blend(photograph, output, mask) - direct).max() <= 1


@pytest.mark.parametrize("name", MASKS)
def test_the_papers_way_is_fast_marching_then_the_equation_of_perez(name):
    """The rim of the hole is Telea's; within it the gradients are the output's: eq. (7) there."""
    mask, noise = MASKS[name], rng.integers(0, 256, photograph.shape, np.uint8)
    known = np.where(mask[..., None] == 1, 0, photograph)
    filled = cv2.inpaint(known, mask, 1, cv2.INPAINT_TELEA)
    wide = np.pad(mask, 1, constant_values=1)
    inner = mask * wide[:-2, 1:-1] * wide[2:, 1:-1] * wide[1:-1, :-2] * wide[1:-1, 2:]
    for output in (tinted(photograph), noise):
        direct = solved_directly(filled, output, inner, across=1)
        assert np.abs(blend(photograph, output, mask, way="paper") - direct).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("way", BLENDS)
def test_a_hole_of_4_megapixels_is_solved_within_a_gigabyte(way):
    """Solved to a grey level. The memory is the whole process's, Python and JAX included."""
    code = """
import re, sys
from pathlib import Path
import numpy as np
from glcic_jax.methods.procedural.poisson import blend
size = 2_100
ramp = np.linspace(40, 200, size)
image = np.rint((ramp[:, None, None] + ramp[None, ::-1, None]) / 2 + np.arange(3)).astype(np.uint8)
hole = np.zeros((size, size), np.uint8)
hole[40:-30, 25:] = 1  # ends at the picture's edge
output = np.where(hole[..., None] == 1, image - 33, 0).astype(np.uint8)
blended = blend(image, output, hole, way=sys.argv[1])
off = np.abs(blended.astype(int) - image).max()
status = Path("/proc/self/status").read_text()  # getrusage counts the parent's memory too
print(hole.sum(), off, int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024)
"""
    command = [sys.executable, "-c", code, way]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    pixels, off, mebibytes = map(int, done.stdout.split())
    assert pixels > 4_000_000
    assert off <= {"smooth": 1, "paper": 3}[way]  # fast marching itself misses a ramp
    assert mebibytes < 1024


def hole_psnr(image, mask):
    error = (image.astype(float) - photograph)[mask == 1] / 255
    return -10 * np.log10((error**2).mean())


@pytest.mark.parametrize("name", ["middle", "edge", "corner", "strip", "several"])
def test_the_colour_cast_goes(name):
    mask = MASKS[name]
    output = tinted(photograph)
    raw = np.where(mask[..., None] == 1, output, photograph)
    assert hole_psnr(blend(photograph, output, mask), mask) > hole_psnr(raw, mask) + 6


def test_a_constant_offset_beside_a_constant_picture_goes_wholly():
    flat = np.full((20, 24, 3), 100, np.uint8)
    mask = hole((0, 9, 5, 24), shape=(20, 24))
    np.testing.assert_array_equal(blend(flat, flat + 57, mask), flat)


def test_solution_satisfies_the_poisson_equation():
    """Checks that inside the rim the result's Laplacian is the output's, before rounding."""
    mask = MASKS["middle"]
    smooth = np.round(
        np.linspace(60, 180, 160)[None, :, None] + np.linspace(0, 30, 128)[:, None, None]
    ).astype(np.uint8)
    smooth = smooth.repeat(3, axis=2)
    blended = blend(smooth, np.clip(smooth + 40, 0, 255), mask).astype(int)
    assert np.abs(blended - smooth).max() <= 2


def test_empty_masks_copy_and_full_ones_are_refused():
    copy = blend(photograph, tinted(photograph), hole())
    np.testing.assert_array_equal(copy, photograph)
    assert copy is not photograph
    with pytest.raises(UserError, match="covers the whole picture"):
        blend(photograph, photograph, hole((0, 128, 0, 160)))
    with pytest.raises(UserError, match="choose smooth or paper"):
        blend(photograph, photograph, MASKS["middle"], way="clone")


@pytest.mark.parametrize("fill", [telea, navier_stokes])
def test_procedural_fills_keep_known_pixels_and_never_read_the_hole(fill):
    mask = MASKS["several"].astype(np.float32)[None, ..., None]
    image = (photograph / np.float32(255))[None]
    filled = fill(image, mask)
    np.testing.assert_array_equal(filled[mask[..., 0] == 0], image[mask[..., 0] == 0])
    poisoned = fill(np.where(mask == 1, rng.random(image.shape, np.float32), image), mask)
    np.testing.assert_array_equal(filled, poisoned)
    middle = fill(np.full_like(image, 0.6), mask)
    np.testing.assert_allclose(middle, 0.6, atol=6 / 255)  # OpenCV is that exact


def test_mean_fill_paints_the_hole_only():
    mask = MASKS["corner"].astype(np.float32)[None, ..., None]
    image = (photograph / np.float32(255))[None]
    filled = mean_fill(image, mask, mean_pixel=(0.1, 0.2, 0.3))
    np.testing.assert_allclose(filled[0, 127, 159], (0.1, 0.2, 0.3), rtol=1e-6)
    np.testing.assert_array_equal(filled[mask[..., 0] == 0], image[mask[..., 0] == 0])
