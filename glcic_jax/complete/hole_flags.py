"""Reads the flags of holes: a mask's file, boxes, clicks, a border, alone or together.

Needs no JAX.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8

from glcic_jax.complete.remarks import print_remarks
from glcic_jax.masks.by_hand import check_mask_fits, grown, read_painted_mask
from glcic_jax.masks.select import Mark, select
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

HoleFinder = Callable[["PixelImage"], Bool[np.ndarray, "h w"]]
"""picture -> True where it is to be filled."""

HoleReader = Callable[[Path | None], HoleFinder]
"""Reads a mask's file, if one is given, and returns what finds the holes of its picture."""


class Box(NamedTuple):
    """Holds one --box, in pixels of the upright picture.

    Attributes:
      left: columns to the left of the box.
      top: rows above it.
      width: its columns.
      height: its rows.
    """

    left: int
    top: int
    width: int
    height: int


class Border(NamedTuple):
    """Holds --border: how many pixels along each edge of the upright picture are to be filled."""

    left: int
    top: int
    right: int
    bottom: int


def add_hole_flags(parser: argparse.ArgumentParser) -> None:
    """Adds --mask, --box, --click, --click-out, --border, --invert and --dilate."""
    holes = parser.add_argument_group("what is filled (at least one; together they add up)")
    holes.add_argument("--mask", type=Path, help="mask, or folder of masks; white = fill")
    holes.add_argument(
        "--box",
        type=_box,
        action="append",
        default=[],
        metavar="X,Y,W,H",
        help="fill a box: pixels to the left of it, above it, its width, its height; repeatable",
    )
    holes.add_argument(
        "--click",
        type=partial(_click, "--click"),
        action="append",
        default=[],
        metavar="X,Y",
        help="fill the thing at a pixel, which is found by its edges and colours; repeatable",
    )
    holes.add_argument(
        "--click-out",
        type=partial(_click, "--click-out"),
        action="append",
        default=[],
        metavar="X,Y",
        help="a pixel that is not of the thing; repeatable",
    )
    holes.add_argument(
        "--border",
        type=_border,
        metavar="N",
        help="fill N pixels along every edge, or L,T,R,B: left, top, right, bottom",
    )
    holes.add_argument("--invert", action="store_true", help="fill what is black in the mask")
    holes.add_argument(
        "--dilate", type=int, default=0, metavar="N", help="let holes grow by N pixels"
    )


def check_hole_flags(args: argparse.Namespace) -> None:
    """Refuses flags that cannot mean anything, before a picture is read.

    Raises:
      UserError: nothing to fill was named, --invert without a mask, --click-out without --click,
        or a negative --dilate.
    """
    if args.mask is None and not args.box and not args.click and args.border is None:
        raise UserError(
            "nothing to fill: give --mask FILE, --box X,Y,W,H or --border N, or --click X,Y"
        )
    if args.click_out and not args.click:
        raise UserError("--click-out is for --click, which is not given")
    if args.invert and args.mask is None:
        raise UserError("--invert is for --mask, which is not given")
    if args.dilate < 0:
        raise UserError(f"--dilate {args.dilate}: holes grow by 0 pixels or more")


def hole_reader(args: argparse.Namespace) -> HoleReader:
    """Returns what reads a mask and finds the holes of its picture.

    Both raise UserError: the mask cannot be read; it, a box or the border does not fit the picture,
    or they cover all of it.

    Args:
      args: with the flags that `add_hole_flags` adds.
    """

    @lru_cache(maxsize=1)  # one mask for all pictures is read, and remarked on, once
    def read_mask(path: Path) -> UInt8[np.ndarray, "h w"]:
        mask, remarks = read_painted_mask(path, invert=args.invert, dilate=args.dilate)
        print_remarks(remarks, path)
        return mask

    def read(path: Path | None) -> HoleFinder:
        mask = None if path is None else read_mask(path)

        def find(image: PixelImage) -> Bool[np.ndarray, "h w"]:
            drawn = np.zeros(image.shape[:2], np.uint8)
            for box in args.box:
                _draw_box(drawn, box)
            if args.click:
                drawn[_clicked(image, args.click, args.click_out)] = 1
            if args.border is not None:
                _draw_border(drawn, args.border)
            hole = grown(drawn, args.dilate) != 0
            if mask is not None:
                hole |= check_mask_fits(image, mask)
            if hole.all():
                raise UserError("all of the picture would be filled: leave known pixels")
            return hole

        return find

    return read


def _clicked(
    image: PixelImage, inside: list[tuple[int, int]], outside: list[tuple[int, int]]
) -> Bool[np.ndarray, "h w"]:
    height, width = image.shape[:2]
    for flag, points in (("--click", inside), ("--click-out", outside)):
        for x, y in points:
            if not (0 <= x < width and 0 <= y < height):
                raise UserError(
                    f"{flag} {x},{y} is not in the picture, which has {width}x{height} pixels: X "
                    f"is 0 to {width - 1}, Y 0 to {height - 1}"
                )
    marks = [Mark(True, (point,)) for point in inside]
    try:
        return select(image, marks + [Mark(False, (point,)) for point in outside])
    except UserError as error:
        raise UserError(f"--click: {error}") from error


def _draw_box(mask: np.ndarray, box: Box) -> None:
    height, width = mask.shape
    right, bottom = box.left + box.width, box.top + box.height
    if min(box.left, box.top) < 0 or right > width or bottom > height:
        raise UserError(
            f"--box {_written(box)} reaches out of the picture, which has {width}x{height} pixels "
            "(width x height)"
        )
    mask[box.top : bottom, box.left : right] = 1


def _draw_border(mask: np.ndarray, border: Border) -> None:
    height, width = mask.shape
    if border.left + border.right >= width or border.top + border.bottom >= height:
        raise UserError(
            f"--border {_written(border)} covers the whole picture, which has {width}x{height} "
            "pixels (width x height)"
        )
    inner = np.s_[border.top : height - border.bottom, border.left : width - border.right]
    known = np.zeros_like(mask)
    known[inner] = 1
    mask |= 1 - known


def _box(text: str) -> Box:
    """Reads the value of --box; raises UserError where it is none."""
    found = _numbers(text)
    if found is None or len(found) != 4:
        raise UserError(f"--box {text}: give X,Y,W,H in whole pixels, such as 40,60,120,80")
    box = Box(*found)
    if box.width < 1 or box.height < 1:
        raise UserError(f"--box {text} is empty: W and H are 1 or more")
    return box


def _click(flag: str, text: str) -> tuple[int, int]:
    """Reads the value of --click or --click-out; raises UserError where it is none."""
    found = _numbers(text)
    if found is None or len(found) != 2:
        raise UserError(f"{flag} {text}: give X,Y in whole pixels, such as 120,80")
    return found[0], found[1]


def _border(text: str) -> Border:
    """Reads the value of --border; raises UserError where it is none."""
    found = _numbers(text)
    if found is None or len(found) not in (1, 4):
        raise UserError(f"--border {text}: give N or L,T,R,B in whole pixels, such as 0,0,64,0")
    border = Border(*(found * 4 if len(found) == 1 else found))
    if min(border) < 0:
        raise UserError(f"--border {text}: give 0 or more")
    if not any(border):
        raise UserError(f"--border {text} leaves nothing to fill: give 1 or more somewhere")
    return border


def _numbers(text: str) -> list[int] | None:
    """Returns the whole numbers between commas; None where something else stands there."""
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        return None


def _written(numbers: tuple[int, ...]) -> str:
    """Returns numbers as they are written on a command line."""
    return ",".join(map(str, numbers))
