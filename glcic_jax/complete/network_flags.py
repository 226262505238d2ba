"""Reads the flags and texts that choose a network and how it completes. Needs no JAX."""

import argparse
import re
from pathlib import Path
from typing import Any

from glcic_jax.complete.far_seeing import WAYS, check_large, check_refine
from glcic_jax.complete.large_pictures import LONGEST_WINDOW

SEARCH = {
    "latent_steps": "steps of the search",
    "starts": "places to search from; the best result is kept",
}
"""Settings of completing that some methods have, with their descriptions."""

SETTINGS = (*SEARCH, "large", "largest", "refine")
"""The flags that `glcic_jax.load` takes by their names."""

SETTING = r"(?:large=[a-z]+|\w+=\d+)"
"""One of them in a text."""


def add_network_flags(parser: argparse.ArgumentParser) -> None:
    """Adds --checkpoint and --step."""
    parser.add_argument(
        "--checkpoint",
        metavar="RUN",
        help="run folder, converted weights, or hf://OWNER/NAME; by default the network that comes "
        "with the package",
    )
    parser.add_argument("--step", type=int, help="step of the checkpoint; the latest by default")


def add_setting_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of SETTINGS."""
    far = parser.add_argument_group("for networks that look at all of a picture, such as LaMa's")
    far.add_argument(
        "--large",
        choices=WAYS,
        help="how they are given pictures longer than --largest: whole, which is the default; as a "
        "smaller copy (scale); or in a window around each group of holes (window)",
    )
    far.add_argument(
        "--largest",
        type=int,
        metavar="N",
        help=f"longest edge of a copy or window, in pixels; {LONGEST_WINDOW:,} by default",
    )
    far.add_argument(
        "--refine",
        nargs="?",
        type=int,
        const=True,
        metavar="N",
        help="LaMa's only: refine completions from a copy whose shortest edge is about N pixels, "
        "512 by default; takes many times as long",
    )
    searching = parser.add_argument_group(
        "for networks that search (by default as in the config of their training)"
    )
    for name, about in SEARCH.items():
        searching.add_argument(f"--{name}", type=int, metavar="N", help=about)


def check_network_flags(args: argparse.Namespace) -> None:
    """Refuses flags that do not go together.

    Raises:
      UserError: as `check_large` and `check_refine`.
    """
    check_large(args.large, args.largest)
    if args.refine is not None:
        check_refine(args.refine)


def address_and_settings(text: str) -> tuple[str, dict[str, Any]]:
    """Splits "ADDRESS:starts=4,large=scale" into the address of a network and settings of `load`.

    A file or folder of exactly this name goes first.
    """
    found = re.fullmatch(rf"(.+):({SETTING}(?:,{SETTING})*)", text)
    if found is None or Path(text).exists():
        return text, {}
    pairs = (setting.split("=") for setting in found[2].split(","))
    return found[1], {name: int(value) if value.isdigit() else value for name, value in pairs}


def given_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Returns those of SETTINGS that the command line has."""
    settings = {name: getattr(args, name) for name in SETTINGS}
    return {name: value for name, value in settings.items() if value is not None}
