"""Describes how the tables of an evaluation show each metric."""

from collections.abc import Callable
from typing import NamedTuple


class Column(NamedTuple):
    """Describes how a table shows a metric.

    Attributes:
      label: the column's heading.
      scale: the number shown is the metric times this.
      digits: digits after the decimal point.
      best: min or max, whichever is better; None if neither is.
    """

    label: str
    scale: float = 1.0
    digits: int = 3
    best: Callable | None = None


COLUMNS = {
    "hole_l1": Column("L1 hole x100", 100, 2, min),
    "hole_l2": Column("L2 hole x100", 100, 2, min),
    "l1": Column("L1 x100", 100, 2, min),
    "l2": Column("L2 x100", 100, 3, min),
    "psnr": Column("PSNR", 1, 2, max),
    "hole_psnr": Column("PSNR hole", 1, 2, max),
    "ssim": Column("SSIM", 1, 4, max),
    "hole_ssim": Column("SSIM hole", 1, 3, max),
    "ms_ssim": Column("MS-SSIM", 1, 4, max),
    "seam": Column("seam x100", 100, 2),
    "lpips": Column("LPIPS", 1, 4, min),
    "st_lpips": Column("ST-LPIPS", 1, 4, min),
    "kd_efflite0": Column("KD-EffLite0 x100", 100, 3, min),
    "fd_efflite0": Column("FD-EffLite0", 1, 2, min),
    "fid": Column("FID", 1, 2, min),
    "kid": Column("KID x1000", 1000, 2, min),
    "p_ids": Column("P-IDS %", 100, 1, max),
    "u_ids": Column("U-IDS %", 100, 1, max),
}
"""A metric without an entry is shown under its name, with three digits and no best value."""


def column_of(name: str) -> Column:
    """Returns how a metric is shown, also one of a set of its own: "night/l1" is "night: L1 x100".

    Args:
      name: of the metric, with the set's name and a slash before it or not.
    """
    group, _, metric = name.rpartition("/")
    column = COLUMNS.get(metric, Column(metric))
    return column._replace(label=f"{group}: {column.label}") if group else column
