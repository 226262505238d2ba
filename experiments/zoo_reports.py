"""Shows reports of `evaluate` on the zoo's page: networks on the same pictures and holes."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from glcic_jax.evaluate.__main__ import make_parser
from glcic_jax.evaluate.tables import markdown, table
from glcic_jax.runtime.errors import UserError

SHOWN = ("hole_l1", "hole_psnr", "hole_ssim", "lpips")
"""The metrics that the page shows, where a report has them."""

PARTS = ("train", "test")
"""The names of folders that are parts of a collection."""

ALIKE = """## Scored alike

Each table is of the same pictures and holes for all its rows; networks have their names from
above, and brackets hold 95 % over the pictures ([evaluation.md](evaluation.md)). Commands give the
names of folders without their places.
"""


def shown_command(words: Sequence[str]) -> str:
    """Returns a command as a line, without where things lie on the machine that it ran on."""
    place = r"(?<![^=\s'\"(,])/[^\s'\"(),]+"  # a path, or one of several in brackets
    return shlex.join(re.sub(place, lambda found: shown_folder(found[0]), word) for word in words)


def shown_folder(path: str) -> str:
    """Returns the name of a folder of pictures, and that of its collection if it is a part."""
    parts = PurePath(path).parts
    return "/".join(parts[-2:] if parts[-1] in PARTS else parts[-1:])


def reports_section(folders: Sequence[Path], steps: Mapping[str, int]) -> str:
    """Returns a section on some reports, as Markdown.

    Args:
      folders: of the reports.
      steps: the updates of the networks on the page, by their names. A row of the report that has
        such a name must be of as many.

    Raises:
      UserError: there is no report, or it is of another network than that of the page.
    """
    return "\n".join([ALIKE, *(_report(folder, steps) for folder in folders)])


def _report(folder: Path, steps: Mapping[str, int]) -> str:
    try:
        results, manifest = (
            json.loads((folder / name).read_text("utf-8"))
            for name in ("results.json", "manifest.json")
        )
        scores, arguments = results["scores"], manifest["arguments"]
        for name in scores.keys() & steps.keys():
            scored = manifest["methods"][name]["step"]
            if scored != steps[name]:
                raise UserError(
                    f"{folder}: {name} was scored after {scored:,} updates and has "
                    f"{steps[name]:,}: evaluate it again"
                )
        shown = [name for name in SHOWN if all(name in row for row in scores.values())]
        rows = {method: {name: row[name] for name in shown} for method, row in scores.items()}
        pictures, command = results["pictures"], _command(arguments)
        place, software = shown_folder(arguments["data"]), manifest["software"]
        made = f"{manifest['devices']}, jax {software['jax']}"
        made += f", sources of glcic_jax {software['glcic_jax sources'][:8]}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder}: no report of evaluate: give its --output") from error
    title = f"### {pictures:,} pictures of {place}"
    return f"{title}\n\n    {command}\n\n{markdown(table(rows))}\n(On {made}.)\n"


def _command(arguments: Mapping[str, Any]) -> str:
    """Returns the command of an evaluation: all that was recorded of it and is no default."""
    words, parser = ["python", "-m", "glcic_jax.evaluate"], make_parser()
    for name, value in arguments.items():
        if value != parser.get_default(name):
            given = value if isinstance(value, list) else [value]
            words += [f"--{name}", *(str(each) for each in given if each is not True)]
    return shown_command(words)
