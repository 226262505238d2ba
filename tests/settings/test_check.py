"""Every field of every config that ships, fed with values that cannot be, and some that can."""

import copy
import math

import pytest
from ml_collections import ConfigDict

from configs import places2
from glcic_jax.masks import kinds
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.fields import dotted
from glcic_jax.settings.check import check, fields_of, with_defaults
from tests.helpers.methods import config_of, names
from tests.helpers.small import change

HUGE = 10**30
STRANGE = (
    -1, 0, HUGE, float(HUGE), math.nan, math.inf, None, "x", "", True, (), (1,), [1], {"x": 1}, 0.5,
)  # fmt: skip


def refusal(config):
    """The message with which a config is refused; "" if it is taken."""
    try:
        check(config)
    except UserError as error:
        assert "\n" not in str(error)
        return str(error)
    return ""


def changed(config, name, value):
    other = copy.deepcopy(config).unlock()
    *path, last = name.split(".")
    node = other
    for part in path:
        node = node[part]
    del node[last]
    node[last] = ConfigDict(value) if isinstance(value, dict) else value
    return other


@pytest.mark.parametrize("name", names())
def test_no_value_of_any_field_ends_in_a_traceback(name, monkeypatch):
    """A value is refused in one line or taken, and what its field does not take is refused."""
    monkeypatch.setattr(kinds, "TRIALS", 1)  # of holes, which take most of the time
    config = config_of(name)
    assert not refusal(config)
    fields = fields_of(config.method, dotted(config.to_dict()))
    for field in dotted(config.to_dict()):
        for value in STRANGE:
            message = refusal(changed(config, field, value))
            fits = field.startswith("holes.") or (
                not isinstance(value, dict) and fields[field].kind.takes(value)
            )
            assert fits or message, f"{field} = {value!r} is taken"
            if not fits and not isinstance(value, dict) and field != "method":
                assert message.startswith(f"config.{field} is "), message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("every.log", -1), ("data.held_out_examples", 0), ("seed", -1), ("data.resize", 96),
        ("data.resize", (96,)), ("data.resize", (200, 100)), ("data.workers", -1),
        ("data.threads", -1), ("local_patch", 0), ("phases.joint", -1),
        ("data.mean_pixel", (120, 115, 104)), ("data.batch_size", 0), ("keep", 0),
        ("average_decay", 1.0), ("optimizer.name", "sgd"), ("discriminators", ("local", "local")),
        ("holes.shortest", -3), ("holes.longest", 0), ("holes.shortest", math.nan),
        ("holes.kind", None), ("dtype", "float64"), ("data.root", ""),
    ],
)  # fmt: skip
def test_values_that_ended_in_a_traceback_or_were_taken_are_refused(name, value):
    assert name.split(".")[0] in refusal(changed(places2.get_config(), name, value))


def test_nothing_happens_at_0_and_a_config_says_so():
    config = change(places2.get_config(), {"every__log": 0, "every__images": 0})
    assert not refusal(config)


def test_missing_unknown_and_foreign_fields_are_named():
    config = places2.get_config()
    del config.local_patch
    assert refusal(config).startswith("config.local_patch is missing: give a whole number")
    config = places2.get_config()
    config.optimzer = 1
    assert "config.optimzer: the config has no such field; the nearest is" in refusal(config)
    config = places2.get_config()
    config.discriminator_width = 64
    assert "a field of ambient_gan and lama; this config is of glcic" in refusal(config)
    del config.holes, config.discriminator_width
    assert "config.holes is missing" in refusal(config)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("holes", "box", "config.holes is missing: give a kind"),
        ("optimizer", "adam", "config.optimizer: a group of fields"),
        ("data", None, "config.data.source is missing: give"),
        ("phases", 3, "config.phases.completion is missing: give"),
        ("data.root", "a\nb", r"config.data.root is 'a\nb': choose a text in one line"),
        ("method", ["glcic"], "method is ['glcic']: choose glcic"),
        ("seed", 2**32, "config.seed is 4294967296: choose a whole number, 0 to 4,294,967,295"),
    ],
)
def test_a_value_in_the_place_of_a_group_is_named_with_and_without_overrides(name, value, message):
    config = changed(places2.get_config(), name, value)
    assert message in refusal(config)
    assert message in refusal(ConfigDict(with_defaults(config.to_dict())))


@pytest.mark.parametrize("name", ["places2", "pconv_places2", "lama_places2"])
def test_a_file_that_is_not_there_is_refused_by_its_field(name):
    config = changed(config_of(name), "perceptual", "none.pth")
    assert refusal(config).startswith("perceptual: none.pth: No such file")


def test_phases_must_add_up():
    config = changed(places2.get_config(), "phases.joint", 2**31 - 1)
    assert "add up to" in refusal(config)
    for phase in config.phases:
        config.phases[phase] = 0
    assert "nothing to train" in refusal(config)


@pytest.mark.parametrize(
    ("phases", "field", "fits", "value", "message"),
    [
        ((60, 9, 50), "cosine", 110, 109, "the completion network makes 110 updates in"),
        ((0, 100, 600), "cosine", 700, 600, "for the last 100: set it to 700 or more"),
        ((60, 9, 50), "steps", (3, 109), (3, 110), "steps has 110 and no network makes more than"),
        ((60, 9, 50), "warm_up", 110, 111, "warm_up is 111 and no network makes more than 110"),
    ],
)
def test_a_schedule_must_fit_the_updates_of_each_network(phases, field, fits, value, message):
    config = ConfigDict(with_defaults(places2.get_config().to_dict()))
    names = ("completion", "discriminator", "joint")
    config.phases.update(dict(zip(names, phases, strict=True)))
    assert not refusal(changed(config, f"optimizer.{field}", fits))
    refused = refusal(changed(config, f"optimizer.{field}", value))
    assert refused.startswith(f"config.optimizer.{field} ")
    assert message in refused
    wrong = changed(config, f"optimizer.{field}", value)
    check(wrong, begun=True)  # a run of the version before goes on


def test_absent_fields_are_what_a_program_without_them_did():
    config = places2.get_config().to_dict()
    assert with_defaults(config) == with_defaults(with_defaults(config))
    assert with_defaults(config).items() >= config.items()
    for name in ("accumulate", "smooth_holes", "fsdp", "profile", "init_from"):
        del config[name]
    del config["optimizer"]["rho"]
    whole = with_defaults(config)
    assert (whole["accumulate"], whole["smooth_holes"], whole["fsdp"]) == (1, False, 1)
    assert whole["optimizer"]["rho"] == 0.9
    assert "accumulate" not in config
    assert with_defaults({"method": "unknown"}) == {"method": "unknown"}


def test_every_default_is_a_value_that_its_field_takes():
    for name in names():
        config = config_of(name)
        for field, described in fields_of(config.method, dotted(config.to_dict())).items():
            assert described.meaning
            if type(described.default) is not object:
                assert described.kind.takes(described.default), field
    assert all(builder.fields for builder in METHODS.values())
