"""Reads the fields that a rater sends, and refuses what makes no sense."""

import unicodedata

from glcic_jax.user_study.page import LONGEST_NAME

LONGEST_LOOK = 86_400
"""Seconds that somebody may look at a picture; longer times are taken for errors."""


class StudyRefusal(Exception):
    """Refuses a request to the study's server.

    Args:
      status: HTTP status of the answer, other than 200.
      reason: one line for the page.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def rater_of(fields: dict[str, str]) -> str:
    """Returns the rater's name, in one spelling.

    It begins with a letter or digit, because spreadsheets take other beginnings for a formula.
    """
    name = " ".join(unicodedata.normalize("NFC", fields.get("rater", "")).split())
    if not (0 < len(name) <= LONGEST_NAME and name.isprintable() and name[0].isalnum()):
        raise StudyRefusal(
            400, f"A name has 1 to {LONGEST_NAME} characters and begins with a letter or digit"
        )
    return name


def seconds_of(fields: dict[str, str]) -> str:
    """Returns the seconds that the browser measured, or "" where it did not."""
    try:
        seconds = float(fields.get("seconds", ""))
    except ValueError:
        return ""
    return f"{seconds:.2f}" if 0 <= seconds <= LONGEST_LOOK else ""
