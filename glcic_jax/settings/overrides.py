"""Sets fields of a config by the --config.FIELD=VALUE of a command line."""

import re
from collections.abc import Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from glcic_jax.masks.kinds import HOLES, default_arguments
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.errors import UserError, one_line
from glcic_jax.runtime.field_kinds import Number
from glcic_jax.runtime.fields import Alternatives, dotted, faults, resolved
from glcic_jax.settings.check import fields_of, method_name, unknown_field, with_defaults

OVERRIDE = re.compile(r"--?config\.([^=]+)(?:=(.*))?", re.DOTALL)
"""--config.FIELD=VALUE, or --config.FIELD before its VALUE."""


def split_overrides(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Sorts the words of a command line.

    Args:
      words: such as ["--config.seed=1", "--config.data.flip", "--config.width", "8", "extra"].

    Returns:
      The texts of values by dotted field, in their order ("True" where a switch has none), and the
      words that belong to no field.
    """
    given, rest, waiting = {}, [], ""
    for word in words:
        match = OVERRIDE.fullmatch(word)
        if match:
            name, text = match.groups()
            given.pop(name, None)
            given[name], waiting = ("True", name) if text is None else (text, "")
        elif waiting:
            given[waiting], waiting = word, ""
        else:
            rest.append(word)
    return given, rest


def override(config: ConfigDict, given: dict[str, str]) -> ConfigDict:
    """Returns a config with other values for some fields.

    A field that names a kind, such as holes.kind or optimizer.name, goes first: it brings the
    defaults of its kind, which the others can replace.

    Args:
      config: is not changed.
      given: texts of values by dotted field.

    Raises:
      UserError: no such field, or a value that is not of the field's type.
    """
    method = method_name(config)
    if method_name({"method": method, **given}) != method:
        raise UserError(
            f"--config.method is {given['method']}: every method has fields of its own; name a "
            "config of that method"
        )
    changed = with_defaults(config.to_dict())
    _choose_optimizers(method, changed, given)
    _choose_holes(changed, given)
    values = dotted(changed)
    fields = fields_of(method, values)
    for name, text in given.items():
        if name not in values:
            raise UserError(
                f"--config.{name}: the config file lacks this field: give it a value there"
                if name in fields
                else unknown_field(name, method, values, "--config.")
            )
        kind = fields[name].kind if name in fields else None
        if isinstance(kind, Number) and kind.words:  # the type of the new value counts
            _set(changed, name, text if text in kind.words else 0.0)
    result = ConfigDict(changed)
    for name, text in given.items():
        advice = f": choose {fields[name].kind}" if name in fields else ""
        result = _parsed(result, name, text, advice)
    return result


def _parsed(config: ConfigDict, name: str, text: str, advice: str) -> ConfigDict:
    """Returns the config with another value, which is parsed by the type of the one there is."""
    values, argv = flags.FlagValues(), ["glcic", f"--config.{name}={text}"]
    try:
        holder = config_flags.DEFINE_config_dict(
            "config", config, flag_values=values, sys_argv=argv
        )
        values(argv)
    except Exception as error:  # whatever the parsers of absl and ml_collections raise
        advice = advice or f": {one_line(error)}"
        raise UserError(f"--config.{name}={text}: not a value of its type{advice}") from error
    return holder.value.unlock()


def _choose_optimizers(method: str, config: dict[str, Any], given: dict[str, str]) -> None:
    """Sets the defaults of every kind of a group that is newly named, such as an optimizer's."""
    for name, entry in METHODS[method].fields.items():
        if isinstance(entry, Alternatives):
            chooser = f"{name}.{entry.by}"
            kind = given.get(chooser, "")
            found = faults({chooser: kind}, {chooser: resolved({name: entry}, {})[chooser]})
            if kind and found:  # before its settings are looked for
                raise UserError(f"--config.{found[0]}")
            if kind in entry.kinds and kind != dotted(config).get(chooser):
                _set(config, name, entry.defaults(kind))


def _choose_holes(config: dict[str, Any], given: dict[str, str]) -> None:
    """Sets the default arguments of every kind of hole that is newly named."""
    known, crop = dotted(config), given.get("data.crop", "")
    edge = int(crop) if crop.isdecimal() else known.get("data.crop")
    if type(edge) is not int:
        return  # `check` refuses the crop
    for name, kind in given.items():
        if re.fullmatch(r"holes(\..+)?\.kind", name) and kind in HOLES and kind != known.get(name):
            group = name.removesuffix(".kind")
            arguments = {"kind": kind, **default_arguments(kind, edge)}
            if kind == "files":
                arguments["folder"] = ""  # has no default, and must be given
            if f"{group}.weight" in known:
                arguments["weight"] = known[f"{group}.weight"]
            _set(config, group, arguments)


def _set(config: dict[str, Any], name: str, value: Any) -> None:
    """Sets a field or a group by its dotted name, whatever stood there."""
    *path, last = name.split(".")
    for part in path:
        if not isinstance(config.get(part), dict):
            config[part] = {}
        config = config[part]
    config[last] = value
