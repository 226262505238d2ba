"""Fields set on a command line: types, kinds with their defaults, and mistakes in one line."""

import pytest
from ml_collections import ConfigDict

from configs import places2, places2_mixed, pretrained
from glcic_jax.runtime.errors import UserError
from glcic_jax.settings.check import check
from glcic_jax.settings.document import config_table
from glcic_jax.settings.overrides import override, split_overrides

AROUND_IT = {
    "cosine": 0, "warm_up": 0, "steps": (), "step_factor": 0.1, "clip": 0.0, "weight_decay": 0.0,
    "discriminator_learning_rate": 0.0,
}  # fmt: skip
"""What every optimizer may have, off."""


def given(*words, config=None):
    values, rest = split_overrides([f"--config.{word}" for word in words])
    assert not rest
    return override(config or places2.get_config(), values)


def test_the_words_of_a_command_line_are_sorted():
    words = [
        "--config.seed=1",
        "extra",
        "--config.data.flip",
        "-config.width",
        "8",
        "--config.a=b=c",
    ]
    assert split_overrides(words) == (
        {"seed": "1", "data.flip": "True", "width": "8", "a": "b=c"},
        ["extra"],
    )
    assert split_overrides(["--config.seed", "-1"]) == ({"seed": "-1"}, [])


def test_values_have_the_types_of_their_fields():
    config = given("seed=3", "data.resize=(256,300)", "data.flip", "optimizer.learning_rate=1")
    assert (config.seed, tuple(config.data.resize), config.data.flip) == (3, (256, 300), True)
    assert type(config.optimizer.learning_rate) is float
    assert given("discriminators=()", "data.root=a=b").data.root == "a=b"
    check(config)


def test_the_config_itself_is_not_changed():
    config = places2.get_config()
    before = config.to_json_best_effort()
    given("seed=3", "holes.kind=center", "optimizer.name=adam", config=config)
    assert config.to_json_best_effort() == before


def test_an_optimizer_brings_its_settings():
    adam = given("optimizer.name=adam", "optimizer.b1=0.5").optimizer.to_dict()
    moments = {"b1": 0.5, "b2": 0.999, "eps": 1e-8}
    assert adam == {"name": "adam", "learning_rate": 1e-3, **moments, **AROUND_IT}
    own = pretrained.get_config().optimizer
    same = given("optimizer.name=adam", config=pretrained.get_config()).optimizer
    assert (same.learning_rate, same.eps) == (own.learning_rate, own.eps)  # chosen already
    back = given("optimizer.name=adadelta", config=pretrained.get_config()).optimizer.to_dict()
    averages = {"rho": 0.9, "eps": 1e-6}
    assert back == {"name": "adadelta", "learning_rate": 1.0, **averages, **AROUND_IT}


def test_a_kind_of_hole_brings_its_arguments_for_the_size_of_the_crop():
    config = given("holes.kind=irregular", "holes.margin=25")
    assert config.holes.to_dict() == {
        "kind": "irregular", "smallest_share": 0.01, "largest_share": 0.6, "margin": 25,
    }  # fmt: skip
    check(config)
    config = given("data.crop=128", "local_patch=64", "data.resize=(128,192)", "holes.kind=center")
    assert config.holes.to_dict() == {"kind": "center", "size": 64}
    check(config)


def test_a_part_of_a_mixture_changes_its_kind_and_keeps_its_weight():
    config = places2_mixed.get_config()
    name = next(part for part in config.holes if part != "kind")
    config.holes[name].kind = name
    weight = config.holes[name].weight
    part = given(f"holes.{name}.kind=center", config=config).holes[name].to_dict()
    assert part == {"kind": "center", "size": 128, "weight": weight}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("data=3", "--config.data: a group of fields: set --config.data.FIELD=VALUE"),
        ("data.root.x=1", "--config.data.root.x: the config has no such field; the nearest"),
        (
            "discriminator_width=3",
            "a field of ambient_gan and lama; this config is of glcic: leave it out",
        ),
        ("levels=3", "a field of partial_conv"),
        ("seed=1.5", "--config.seed=1.5: not a value of its type: choose a whole number"),
        ("data.flip=7", "choose True or False"),
        ("method=dcgan_completion", "every method has fields of its own"),
        ("method=gan", 'method is "gan": choose glcic'),
        (
            "optimizer.name=adamw",
            '.name is "adamw": it is adam with optimizer.weight_decay: choose adadelta',
        ),
        ("optimizer.name=Adagrd", 'is "Adagrd": the nearest is adagrad: choose adadelta or adam'),
        ("optimizer.name=lamb", 'is "lamb": it looks at whole layers, which fsdp could not split'),
        ("optimizer.name=none", 'is "none": choose adadelta or adam or'),
        (
            "optimizer.b1=0.5",
            "optimizer.b1: a setting of adam and 9 others: set optimizer.name to one of them",
        ),
    ],
)
def test_mistakes_name_the_field(word, message):
    with pytest.raises(UserError) as caught:
        given(word)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_field_that_the_config_file_lacks_is_named():
    config = places2.get_config()
    del config.data.crop
    assert "\nconfig.data.crop is missing\n" in config_table(config)
    with pytest.raises(UserError, match=r"--config.data.crop: the config file lacks this field"):
        given("data.crop=64", config=config)
    for word in ("seed=1", "holes.kind=center"):
        with pytest.raises(UserError, match=r"config.data.crop is missing"):
            check(given(word, config=config))
    with pytest.raises(UserError, match=r"method is None: choose glcic"):
        given("seed=1", config=ConfigDict({"seed": 0}))


def test_a_group_takes_the_place_of_a_value():
    config = places2.get_config()
    del config.optimizer
    config.optimizer = "adam"
    with pytest.raises(UserError, match=r"config.optimizer: a group of fields"):
        check(given("seed=1", config=config))
    assert given("optimizer.name=adam", config=config).optimizer.b2 == 0.999


def test_a_weight_may_be_a_word_and_a_number_again():
    config = given("adversarial.weight=balanced")
    assert config.adversarial.weight == "balanced"
    check(config)
    assert given("adversarial.weight=1e-4", config=config).adversarial.weight == 1e-4


def test_the_help_shows_every_field_with_its_value():
    text = config_table(given("seed=3", "holes.kind=center"))
    assert "config.seed = 3\n    seeds initial weights" in text
    assert "config.holes.kind = 'center'" in text
    assert "config.optimizer.rho = 0.9" in text
