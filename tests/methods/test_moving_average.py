"""Moving averages of networks: they forget their random start, then keep the share asked for."""

import jax.numpy as jnp
import numpy as np
import pytest

from configs import lama_places2, places2
from glcic_jax.methods.by_name import METHODS
from glcic_jax.methods.glcic import method as glcic_method
from glcic_jax.methods.lama import method as lama_method
from glcic_jax.methods.network_state import begin_average, follow
from glcic_jax.types import NetworkState


def network(value):
    return NetworkState({"bias": jnp.full(3, value)}, {"var": jnp.full(3, value)}, ())


@pytest.mark.parametrize("decay", [0.9, 0.999])
def test_a_short_run_completes_by_statistics_of_its_own_not_of_the_random_start(decay):
    average = begin_average(network(1.0))
    for step in range(60):
        average = follow(average, network(0.01), decay, jnp.asarray(step))
    np.testing.assert_allclose(average.batch_stats["var"], 0.01, rtol=1e-4)
    np.testing.assert_allclose(average.params["bias"], 0.01, rtol=1e-4)


def test_a_long_run_keeps_the_share_that_is_asked_for():
    average = follow(network(1.0), network(0.0), 0.999, jnp.asarray(20_000))
    np.testing.assert_allclose(average.params["bias"], 0.999, rtol=1e-6)
    assert average.params["bias"].dtype == jnp.float32


def test_a_trained_start_is_kept_as_asked_from_the_first_update_on():
    average = follow(network(1.0), network(0.0), 0.98, None)
    np.testing.assert_allclose(average.params["bias"], 0.98, rtol=1e-6)


@pytest.mark.parametrize("config", [places2.get_config(), lama_places2.get_config()])
def test_only_runs_that_begin_with_a_trained_network_keep_it(config, monkeypatch):
    seen = []
    builder = glcic_method.Glcic if config.method == "glcic" else lama_method.Lama
    name = "update_completion" if config.method == "glcic" else "update"
    monkeypatch.setattr(builder, name, property(lambda self: seen.append(self.trained_start)))
    config.average_decay = 0.9
    for start in ("", "runs/trained"):
        config.init_from = start
        METHODS[config.method](config, (0.5, 0.5, 0.5))
    assert seen == [False, True]
