"""Checks a whole config against the description of its fields, before anything is written."""

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from ml_collections import ConfigDict

from glcic_jax.data.transforms import check_sizes
from glcic_jax.masks.kinds import make_hole
from glcic_jax.methods.by_name import METHODS
from glcic_jax.metrics import HELD_OUT
from glcic_jax.runtime.errors import UserError, blaming
from glcic_jax.runtime.field_kinds import LARGEST, Word
from glcic_jax.runtime.fields import Alternatives, Field, completed, dotted, faults, resolved, shown
from glcic_jax.runtime.trackers import check_trackers
from glcic_jax.settings.common import DATA, MEASUREMENT, RUN, SEED
from glcic_jax.settings.schedules import check_schedules
from glcic_jax.types import Method, updates_of
from glcic_jax.weights.best import L1

HOLES = "holes"
"""The group whose fields are the arguments of a kind of hole; `make_hole` checks them."""


def fields_of(method: str, values: Mapping[str, Any]) -> dict[str, Field]:
    """Returns the description of all fields of a config but its holes, by dotted name.

    Args:
      method: a name in METHODS.
      values: the config's values by dotted name. They decide which groups and kinds it has.
    """
    measured = any(name.startswith("data.measurement.") for name in values)
    return {
        **SEED,
        "method": Field(Word(tuple(METHODS)), "name of the method in glcic_jax/methods"),
        **DATA,
        **(MEASUREMENT if measured else {}),
        **RUN,
        **resolved(METHODS[method].fields, values),
    }


def with_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a config with the fields that it lacks, set to what a program without them did.

    Args:
      config: nested dicts of plain values, such as the config of a run of an older version. One of
        an unknown method is returned as it is.
    """
    method = config.get("method")
    if not isinstance(method, str) or method not in METHODS:
        return dict(config)
    return completed(config, fields_of(method, dotted(config)))


def method_name(config: Mapping[str, Any] | ConfigDict) -> str:
    """Returns the name of a config's method.

    Raises:
      UserError: there is no such method.
    """
    name = config.get("method")
    if not isinstance(name, str) or name not in METHODS:
        raise UserError(f"method is {shown(name)}: choose {' or '.join(METHODS)}")
    return name


def check(config: ConfigDict, *, begun: bool = False) -> Method:
    """Refuses a config with a value that cannot be, or that contradicts itself.

    Nothing is written and no training picture is read. Files that the method needs are read.

    Args:
      config: as `get_config` of a config file returns it.
      begun: whether a run of it goes on, whose schedules stay as they were when it began, also
        those that a version before took.

    Returns:
      The method, built for a trial: its mean pixel is a placeholder.

    Raises:
      UserError: names the field, its value, and what to choose; or the extra that it takes.
    """
    values = dotted(config.to_dict())
    if values.get("data.measurement", "") is None:
        del values["data.measurement"]  # the group is left out
    name = method_name(config)
    # Each field by itself.
    fields = fields_of(name, values)
    found = faults(values, fields)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise UserError(f"config.{found[0]}{more}")
    unknown = [n for n in values if n not in fields and n.split(".")[0] != HOLES]
    if unknown:
        raise UserError(unknown_field(unknown[0], name, fields))
    # The fields together.
    _check_together(config)
    # A trial: the mean pixel is not known yet, and no setting depends on it.
    method = METHODS[name](config, (0.0, 0.0, 0.0))
    if method.measured != (config.data.get("measurement") is not None):
        needs = "measured pictures: give" if method.measured else "whole pictures: leave out"
        raise UserError(f"{name} learns from {needs} data.measurement")
    if not begun:
        check_schedules(config.to_dict().get("optimizer", {}), updates_of(method.phases))
    if config.data.leftovers and not method.given:
        raise UserError(f"{name} cannot learn from data.leftovers: set it to 0")
    with blaming("perceptual"):  # the one field that names a file which methods read
        method.prepare()
    return method


def unknown_field(name: str, method: str, known: Collection[str], prefix: str = "config.") -> str:
    """Returns the message for a field that a config cannot have.

    Args:
      name: the field, dotted.
      method: the config's method.
      known: the fields that it can have, dotted.
      prefix: what goes before the names of fields.
    """
    if any(other.startswith(f"{name}.") for other in known):
        return f"{prefix}{name}: a group of fields: set {prefix}{name}.FIELD=VALUE"
    for group, entry in METHODS[method].fields.items():
        if isinstance(entry, Alternatives) and name.startswith(f"{group}."):
            own = name.removeprefix(f"{group}.")
            of = [kind for kind, settings in entry.kinds.items() if own in settings]
            if of:
                several = f" and {len(of) - 1} others" if of[1:] else ""
                which = "one of them" if several else "it"
                return (
                    f"{prefix}{name}: a setting of {of[0]}{several}: set {group}.{entry.by} to "
                    f"{which}, or leave it out"
                )
    owners = [
        other
        for other, builder in METHODS.items()
        if other != method and name in resolved(builder.fields, {})
    ]
    if owners:
        return (
            f"{prefix}{name}: a field of {' and '.join(owners)}; this config is of {method}: leave "
            "it out"
        )
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)
    hint = f"; the nearest is {prefix}{nearest[0]}" if nearest else ""
    return f"{prefix}{name}: the config has no such field{hint}"


def _check_together(config: ConfigDict) -> None:
    """Refuses fields that are good by themselves and contradict each other."""
    total = sum(config.phases.values())
    if not total:
        raise UserError("all of config.phases are 0: nothing to train")
    if total > LARGEST:
        raise UserError(f"config.phases add up to {total:,} updates: choose at most {LARGEST:,}")
    if config.data.source != "scikit_image" and not config.data.root:
        raise UserError("config.data.root is empty: set it to the folder of the pictures")
    plain = config.to_dict()
    best, scores = config.get("best", L1), plain.get("scores", ())
    if best not in (*HELD_OUT, *scores):
        raise UserError(f"config.best is {best}: add it to config.scores, or choose another")
    check_sizes(config.data.resize, config.data.crop)
    check_trackers(plain.get("trackers", ()))
    if not isinstance(config.get(HOLES), ConfigDict):
        raise UserError("config.holes is missing: give a kind and its arguments (docs/holes.md)")
    make_hole(config.holes.to_dict(), config.data.crop, config.data.crop)
