"""Prints the description of fields: for --help_config, and the tables of docs/configs.md.

python -m glcic_jax.settings.document docs/configs.md

makes the tables of that file anew.
"""

import re
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.field_kinds import Several, Text, Word
from glcic_jax.runtime.fields import REQUIRED, Alternatives, Description, Field, dotted
from glcic_jax.settings.check import HOLES, fields_of, method_name
from glcic_jax.settings.common import DATA, MEASUREMENT, RUN, SEED
from glcic_jax.settings.config_files import read_config_file, shipped_folder


def config_table(config: ConfigDict) -> str:
    """Returns the fields of a config with their values and meanings, as text.

    Raises:
      UserError: an unknown method.
    """
    values = dotted(config.to_dict())
    lines = []
    for name, field in fields_of(method_name(config), values).items():
        value = values.get(name, field.default)
        lines.append(f"config.{name} {'is missing' if value is REQUIRED else f'= {value!r}'}")
        lines.append(f"    {explained(field)}")
    for name in values:
        if name.startswith(f"{HOLES}."):
            lines.append(f"config.{name} = {values[name]!r}")
    lines.append("    the kind of hole and its arguments: docs/holes.md")
    return "\n".join(lines)


def markdown_tables() -> dict[str, str]:
    """Returns the tables of docs/configs.md: of every config ("every"), and of each method by name.

    The column "default" has the values of configs/_common.py, and of the config that shows the
    method's fields best.
    """
    training = runpy.run_path(str(shipped_folder() / "_common.py"))["training"]
    values = dotted(training("").to_dict())
    every = {name: field for part in (SEED, DATA, MEASUREMENT, RUN) for name, field in part.items()}
    tables = {"every": _table(every, values)}
    for name, builder in METHODS.items():
        shown = dotted(read_config_file(builder.shown_by).to_dict())
        tables[name] = _table(builder.fields, shown)
    return tables


def with_tables(text: str) -> str:
    """Returns the text of docs/configs.md with its tables made anew.

    A table stands between <!-- fields of NAME --> and <!-- end -->.

    Raises:
      KeyError: a table of an unknown name.
    """
    tables = markdown_tables()
    return re.sub(
        r"(<!-- fields of (\w+) -->\n).*?(<!-- end -->)",
        lambda match: match[1] + tables[match[2]] + match[3],
        text,
        flags=re.DOTALL,
    )


def _table(description: Description, values: Mapping[str, Any]) -> str:
    """Returns a table of fields in Markdown; the fields of a group's kinds are named with it."""
    lines = ["| field | default | takes | meaning |", "|---|---|---|---|"]
    for name, entry in description.items():
        if isinstance(entry, Field):
            lines.append(_row(f"`{name}`", entry, values.get(name)))
            continue
        chooser = f"{name}.{entry.by}"
        kinds = Field(Word(tuple(entry.kinds)), entry.meaning)
        lines.append(_row(f"`{chooser}`", kinds, values.get(chooser)))
        lines += _rows_of_kinds(name, entry)
        lines += [_row(f"`{name}.{own}`", f, f.default) for own, f in entry.shared.items()]
    return "\n".join(lines) + "\n"


def _rows_of_kinds(group: str, entry: Alternatives) -> list[str]:
    """Returns the rows of the kinds' own fields; kinds that have the same field share its row."""
    kinds: dict[tuple[str, Field], list[str]] = {}
    for kind, fields in entry.kinds.items():
        for own, field in fields.items():
            kinds.setdefault((own, field), []).append(kind)
    return [
        _row(f"`{group}.{own}` ({', '.join(of)})", field, field.default)
        for (own, field), of in kinds.items()
    ]


def _row(name: str, field: Field, value: Any) -> str:
    written = "" if value is None or value is REQUIRED else f"`{_written(value)}`"
    return f"| {name} | {written} | {takes(field)} | {field.meaning} |"


def explained(field: Field) -> str:
    """Returns a line on what a field means and takes."""
    unit = f"{field.unit}: " if field.unit else ""
    return f"{unit}{field.meaning}; {field.kind}"


def takes(field: Field) -> str:
    """Returns what a field takes, as a table shows it: its range and unit, or its words."""
    if isinstance(field.kind, Word):
        return ", ".join(f"`{word}`" for word in field.kind.words)
    if isinstance(field.kind, Several) and isinstance(field.kind.each, Word):
        return "some of " + ", ".join(f"`{word}`" for word in field.kind.each.words)
    if isinstance(field.kind, Text):
        return field.unit or "text"
    return f"{field.kind}; {field.unit}" if field.unit else str(field.kind)


def _written(value: Any) -> str:
    """Returns a value as config files write it, with marks between thousands."""
    if type(value) is int and value >= 10_000:
        return f"{value:_}"
    return repr(value).replace("'", '"')


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        write_whole(path, with_tables(path.read_text("utf-8")))
