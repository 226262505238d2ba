"""Pictures of many sizes by few programs: equal to those compiled for the very size."""

import jax
import numpy as np
import pytest

from glcic_jax.complete.any_size import make_any_size
from glcic_jax.complete.completer import Completer, completing_state, make_complete_fn
from glcic_jax.methods.by_name import METHODS
from glcic_jax.methods.glcic.tiled_network import TILE, capacities
from tests.helpers.small import MEAN, small_config

RNG = np.random.default_rng(1)


def completer(*capacities, **changes):
    """A network of random weights and statistics, with and without the program for any size."""
    alone = {"discriminators": (), "phases__discriminator": 0, "phases__joint": 0}
    method = METHODS["glcic"](small_config(**alone, **changes), MEAN)
    method = method._replace(capacities=capacities)
    state = completing_state(method, method.init(jax.random.key(0, impl="rbg")))
    network = state.networks["completion"]
    stats = jax.tree.map(lambda a: a + RNG.uniform(0.1, 0.5, a.shape), network.batch_stats)
    scales = jax.tree.map(lambda a: a * RNG.uniform(0.8, 1.2, a.shape), network.params)
    network = network.replace(params=scales, batch_stats=stats)
    state = state.replace(networks={"completion": network})
    options = {"reach": method.reach, "alignment": method.alignment}
    exact = Completer(make_complete_fn(method, state), MEAN, 0, **options)
    any_size = make_any_size(method, state, jax.random.key(0))
    return exact, Completer(exact.complete, MEAN, 0, any_size=any_size, **options)


def picture(height, width):
    coarse = RNG.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    image = coarse.repeat(8, 0).repeat(8, 1)[:height, :width]
    mask = np.zeros((height, width), bool)
    mask[height // 3 : height // 2 + 1, width // 4 : width // 2 + 1] = True
    mask[-2:] = mask[:, -1] = True
    return image, mask


def check(completers, sizes):
    exact, any_ = completers
    for height, width in sizes:
        image, mask = picture(height, width)
        found = any_(image, mask)
        difference = np.abs(found.astype(int) - exact(image, mask))
        assert difference.max() <= 1, (height, width)
        np.testing.assert_array_equal(found[~mask], image[~mask])
        image[mask] = 255 - image[mask]
        np.testing.assert_array_equal(any_(image, mask), found)  # what lies in the hole is not read
        small = np.zeros_like(mask)  # for which few tiles of the last layers are made
        small[height // 8 : height // 4 + 1, -(width // 4) - 1 :] = True
        difference = np.abs(any_(image, small).astype(int) - exact(image, small))
        assert difference.max() <= 1, (height, width)


@pytest.mark.parametrize("smooth_holes", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_picture_is_completed_as_by_a_program_of_its_size(smooth_holes):
    check(completer(128, smooth_holes=smooth_holes, dilated_layers=5), [(97, 62)])


@pytest.mark.slow
@pytest.mark.parametrize("smooth_holes", [False, True])
def test_it_is_at_every_remainder_too(smooth_holes):
    sizes = [(64 + r, 128 - 5 * r) for r in range(8)] + [(3, 5), (128, 128), (61, 127), (65, 2)]
    check(completer(128, smooth_holes=smooth_holes), sizes)


def test_few_programs_serve_all_sizes():
    """Counts what is compiled for twelve pictures of twelve sizes, large ones among them."""
    _, any_ = completer(512)
    any_(*picture(40, 50))
    (program,) = any_.any_size._programs.values()
    kernel = any_.any_size.state.networks["completion"].params["layer1"]["conv"]["kernel"]
    largest = 4 * 514**2 * kernel.shape[-1]  # bytes of the first layer's features
    assert program.memory_analysis().temp_size_in_bytes < 3 * largest  # layers share their memory
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, *_, **__: compiled.append(event) if "backend_compile" in event else None
    )
    for number in range(11):
        any_(*picture(60 + 37 * number, 470 - 31 * number))
    assert not compiled
    jax.block_until_ready(jax.jit(lambda x: x * 3.5)(np.ones(7)))
    assert compiled  # the listener hears what is compiled


def test_arrays_are_of_few_sizes():
    assert capacities(32) == (256, 512, 1024)
    assert capacities(64) == (256, 512)  # larger arrays would take a gigabyte
    assert all(edge % TILE == 0 for edge in capacities(16))
    _, any_ = completer(512, 1024)
    assert any_.any_size.takes(3, 1024)
    assert not any_.any_size.takes(1025, 3)


def test_methods_without_such_a_program_are_completed_as_before():
    config = small_config(dtype="bfloat16")
    assert METHODS["glcic"](config, MEAN).complete_within is None
    method = METHODS["glcic"](small_config(), MEAN)._replace(complete_within=None)
    state = jax.eval_shape(method.init, jax.random.key(0))
    assert make_any_size(method, state, jax.random.key(0)) is None
