"""Refuses sizes, counts and shares that cannot work, by the names of the arguments they came in."""

from glcic_jax.runtime.errors import UserError


def check_range(**ends: int) -> None:
    """Takes the lower and the upper end of a range of pixels or counts, at least 1.

    Raises:
      UserError: they are no range.
    """
    (low_name, low), (high_name, high) = ends.items()
    if not 1 <= low <= high:
        raise UserError(f"{low_name} {low} and {high_name} {high} are no range from 1 on")


def check_shares(smallest_share: float, largest_share: float) -> None:
    """Takes two shares of a picture's pixels, above 0 and below 1.

    Raises:
      UserError: they are no range.
    """
    if not 0 < smallest_share <= largest_share < 1:
        raise UserError(
            f"smallest_share {smallest_share} and largest_share {largest_share} "
            "are no range between 0 and 1"
        )


def check_hole_fits(height: int, width: int, **size: int) -> None:
    """Takes one size in pixels, at least 1 and at most that of the picture's shorter edge.

    Raises:
      UserError: it does not fit.
    """
    ((name, pixels),) = size.items()
    if pixels < 1:
        raise UserError(f"{name} is {pixels}: choose at least 1 pixel")
    if pixels > min(height, width):
        raise UserError(
            f"holes of up to {pixels} pixels do not fit {width}x{height} pixels: "
            f"lower {name} or take larger pictures"
        )
