"""Refuses sizes, counts and shares of holes that cannot work, and names the arguments."""

from glcic_jax.runtime.errors import UserError


def check_range(**ends: int) -> None:
    """Checks the lower and the upper end of a range of pixels or counts.

    Args:
      ends: the two ends, by the names of their arguments.

    Raises:
      UserError: they are not a range whose lower end is 1 or more.
    """
    (low_name, low), (high_name, high) = ends.items()
    if not 1 <= low <= high:
        raise UserError(f"{low_name} {low} and {high_name} {high} are not a range from 1 on")


def check_shares(smallest_share: float, largest_share: float) -> None:
    """Checks two shares of a picture's pixels.

    Raises:
      UserError: they are not a range above 0 and below 1.
    """
    if not 0 < smallest_share <= largest_share < 1:
        raise UserError(
            f"smallest_share {smallest_share} and largest_share {largest_share} "
            "are not a range between 0 and 1"
        )


def check_hole_fits(height: int, width: int, **size: int) -> None:
    """Checks that a hole fits a picture.

    Args:
      height: of the picture, pixels.
      width: of the picture, pixels.
      size: one size of the hole in pixels, by the name of its argument.

    Raises:
      UserError: the size is below 1, or above the picture's shorter edge.
    """
    ((name, pixels),) = size.items()
    if pixels < 1:
        raise UserError(f"{name} is {pixels}: choose at least 1 pixel")
    if pixels > min(height, width):
        raise UserError(
            f"holes of up to {pixels} pixels do not fit {width}x{height} pixels: "
            f"lower {name} or take larger pictures"
        )
