"""Reads all pictures and holes before any method runs, and finds every one that is bad."""

import hashlib
from typing import NamedTuple

import numpy as np

from glcic_jax.evaluate.examples import Examples
from glcic_jax.runtime.bars import bar
from glcic_jax.runtime.errors import UserError

DESCRIBED = 3
"""Bad examples that a refusal describes; of the others it gives the number."""


class Checked(NamedTuple):
    """Holds what a look at all n examples found.

    Attributes:
      shares: share of each picture that its hole covers, in [0, 1], float [n].
      checksums: of each example, to notice that it has changed.
      digests: SHA-256 of the pictures' names and pixels ("data") and of the masks ("masks").
    """

    shares: np.ndarray
    checksums: list[int]
    digests: dict[str, str]


def check_examples(examples: Examples) -> Checked:
    """Reads every example as the methods will see it, a few at a time.

    Raises:
      UserError: some cannot be used; describes the first of them and gives their number.
    """
    data, masks = hashlib.sha256(), hashlib.sha256()
    shares: list[float] = []
    checksums: list[int] = []
    problems: dict[str, None] = {}  # each once: pictures may share a broken mask
    for reading in bar(examples.read_ahead(), len(examples), title="check"):
        try:
            example = reading.result()
        except UserError as error:
            problems[str(error)] = None
            continue
        data.update(f"{example.name} {example.image.shape}".encode())
        data.update(np.ascontiguousarray(example.image).data)
        masks.update(np.ascontiguousarray(example.mask).data)
        shares.append(example.share)
        checksums.append(example.checksum())
    if problems:
        raise UserError(_refusal(list(problems)))
    digests = {"data": data.hexdigest(), "masks": masks.hexdigest()}
    return Checked(np.array(shares), checksums, digests)


def _refusal(problems: list[str]) -> str:
    """Describes the first examples that cannot be used, in one line."""
    if len(problems) == 1:
        return problems[0]
    more = f"; and {len(problems) - DESCRIBED} more" if len(problems) > DESCRIBED else ""
    return f"{len(problems)} examples cannot be used: {'; '.join(problems[:DESCRIBED])}{more}"
