"""Describes the fields of configs: their types, ranges, units and meanings. Needs no JAX.

A description is a dict of fields by dotted name. What checks a config, what docs/configs.md prints
and what --help_config prints is made from it.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from glcic_jax.runtime.field_kinds import Kind, Word

REQUIRED = object()
"""Stands for the default of a field that every config has."""


@dataclass(frozen=True)
class Field:
    """Describes one field of a config.

    Attributes:
      kind: the values that it takes.
      meaning: a phrase that explains it.
      unit: the unit of a number; "" if it has none.
      default: the value where a config does not have the field, as configs of older versions do.
        It keeps what these did. REQUIRED: every config has it.
    """

    kind: Kind
    meaning: str
    unit: str = ""
    default: Any = REQUIRED


Fields = Mapping[str, Field]
"""Fields by dotted name, such as "data.crop"."""


@dataclass(frozen=True)
class Alternatives:
    """Describes a group of fields: one of them names a kind, which decides the others.

    Attributes:
      by: the name, within the group, of the field that names the kind.
      meaning: a phrase that explains the choice.
      kinds: the other fields of each kind, by their names within the group. Each has a default,
        which is set when the kind is chosen on the command line.
      shared: fields that all kinds have, likewise.
      others: as `Word` has them, for kinds that there are not.
    """

    by: str
    meaning: str
    kinds: Mapping[str, Fields]
    shared: Fields = dataclasses.field(default_factory=dict)
    others: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def of(self, kind: str) -> Fields:
        """Returns the fields of one kind beside the one that names it."""
        return {**self.kinds.get(kind, {}), **self.shared}

    def defaults(self, kind: str) -> dict[str, Any]:
        """Returns the whole group with the defaults of one kind."""
        return {self.by: kind} | {n: field.default for n, field in self.of(kind).items()}


Description = Mapping[str, Field | Alternatives]
"""Fields by dotted name, and groups of fields by the group's dotted name."""


def resolved(description: Description, values: Mapping[str, Any]) -> dict[str, Field]:
    """Returns the fields that a config has, those of its groups by the kinds that it names.

    Args:
      description: fields and groups.
      values: the config's values by dotted name. A kind that it does not name is the first.
    """
    fields: dict[str, Field] = {}
    for name, entry in description.items():
        if isinstance(entry, Field):
            fields[name] = entry
            continue
        kinds = tuple(entry.kinds)
        chooser = f"{name}.{entry.by}"
        word = Word(kinds, entry.others)
        fields[chooser] = Field(word, entry.meaning, default=kinds[0])
        kind = values.get(chooser, kinds[0])
        own = entry.of(kind if isinstance(kind, str) else "")
        fields |= {f"{name}.{field}": described for field, described in own.items()}
    return fields


def faults(values: Mapping[str, Any], fields: Fields) -> list[str]:
    """Returns a line for each value that its field does not take, and for each that is missing.

    Args:
      values: a config's values by dotted name.
      fields: the description of its fields.

    Returns:
      Lines such as "seed is -1: choose a whole number, 0 or more".
    """
    lines = []
    for name, field in fields.items():
        if name in values:
            if not field.kind.takes(values[name]):
                hint = field.kind.hint(values[name]) if isinstance(field.kind, Word) else ""
                advice = f"{hint}: choose" if hint else "choose"
                lines.append(f"{name} is {shown(values[name])}: {advice} {field.kind}")
        elif field.default is REQUIRED:
            lines.append(f"{name} is missing: give {field.kind} ({field.meaning})")
    return lines


def absent_defaults(values: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """Returns the defaults of the described fields that a config lacks, by dotted name."""
    return {
        name: field.default
        for name, field in fields.items()
        if name not in values and field.default is not REQUIRED
    }


def completed(config: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """Returns a config with the defaults of the fields that it lacks.

    Args:
      config: nested dicts of plain values. It is not changed. A value in the place of a group of
        fields stays, for `faults` to find what is missing.
      fields: the description of its fields.
    """
    result = _copied(config)
    for name, default in absent_defaults(dotted(result), fields).items():
        *path, last = name.split(".")
        node = result
        for part in path:
            node = node.setdefault(part, {}) if isinstance(node, dict) else node
        if isinstance(node, dict):
            node[last] = default
    return result


def dotted(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns the values of nested dicts by dotted names, such as "data.crop"."""
    values = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            values |= dotted(value, f"{prefix}{name}.")
        else:
            values[f"{prefix}{name}"] = value
    return values


def _copied(value: Any) -> Any:
    """Returns nested dicts copied, and all else as it is."""
    if isinstance(value, Mapping):
        return {name: _copied(item) for name, item in value.items()}
    return value


def shown(value: Any) -> str:
    """Returns a value as a message shows it: in one line, cut where it is long."""
    plain = isinstance(value, str) and value.isprintable()
    text = f'"{value}"' if plain else " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
