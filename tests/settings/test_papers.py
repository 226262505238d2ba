"""What the papers do not have is off in their configs."""

import pytest

from glcic_jax.methods.common_fields import AROUND
from glcic_jax.runtime.fields import dotted
from glcic_jax.settings.check import fields_of
from tests.helpers.methods import config_of, names

OUR_OWN = {"pretrained", "quickstart"}
"""The configs whose recipes are no paper's."""

OPTIONS = (
    *(f"optimizer.{name}" for name in AROUND),
    *("optimizer.discriminator_learning_rate", "discriminator_norm", "adversarial.r1"),
    *("scores", "best", "trackers"),
    *("data.more_roots", "data.weights", "data.held_out_sets", "data.held_out_seed"),
)
"""Fields whose defaults are what a program without them does."""

OWN_RATES = {"context_encoder", "lama"}
"""Methods whose papers give the discriminator a learning rate of its own."""


@pytest.mark.parametrize("name", [name for name in names() if name not in OUR_OWN])
def test_options_are_off_in_the_configs_of_papers(name):
    config = config_of(name)
    values = dotted(config.to_dict())
    fields = fields_of(config.method, values)
    for option in OPTIONS:
        paper = option == "optimizer.discriminator_learning_rate" and config.method in OWN_RATES
        if option in fields and not paper:
            assert values.get(option, fields[option].default) == fields[option].default, option
    assert values.get("adversarial.weight") != "balanced"


def test_the_first_config_has_every_option():
    config = config_of("places2")
    assert set(OPTIONS) <= set(fields_of(config.method, dotted(config.to_dict())))
