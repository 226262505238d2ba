"""Context Encoders: what is hidden, what is predicted, and what each loss weighs."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import context_encoder_center, context_encoder_random
from glcic_jax.complete.completer import Completer, make_complete_fn
from glcic_jax.layers.convolution import convolution
from glcic_jax.methods.by_name import METHODS
from glcic_jax.methods.context_encoder.networks import channels
from glcic_jax.runtime.errors import UserError
from tests.helpers.small import MEAN, assert_same_network, first_state, make_batch, stepper

CONFIGS = {"center": context_encoder_center, "random": context_encoder_random}


def tiny(form, **changes):
    """Returns a config for 32 pixels, of which the center form predicts 16 and hides 8."""
    config = CONFIGS[form].get_config()
    config.update(width=4, bottleneck=8, **changes)
    config.data.update(crop=32, resize=(32, 32), batch_size=8)
    if form == "center":
        config.update(overlap=4, holes={"kind": "center", "size": 8})
    config.phases.joint = 2
    return config


def batches(form):
    for index in range(2):
        batch = make_batch(index)
        if form == "center":
            batch["mask"] = np.zeros_like(batch["mask"])
            batch["mask"][:, 12:20, 12:20] = 1
        yield batch


@pytest.fixture(scope="module", params=["center", pytest.param("random", marks=pytest.mark.slow)])
def form(request):
    return request.param


def steps(form, devices, starts=()):
    """Makes two updates, the second from the state that the first of `starts` left, if any."""
    config = tiny(form, dtype="float64")
    step, state, history = stepper(config, devices), first_state(config), []
    for number, batch in enumerate(batches(form)):
        state = starts[number] if starts else state
        after, metrics = step(state, batch)
        history.append((state, after, metrics))
        state = after
    return history


@pytest.fixture(scope="module")
def four(form):
    return steps(form, 4)


@pytest.mark.slow
def test_device_count_changes_nothing(form, four):
    one = steps(form, 1, [before for before, _, _ in four])
    for (_, ours, metrics), (_, theirs, their_metrics) in zip(one, four, strict=True):
        for name in metrics:
            np.testing.assert_allclose(metrics[name], their_metrics[name], rtol=1e-10, err_msg=name)
        for name in ("completion", "discriminator"):
            assert_same_network(ours.networks[name], theirs.networks[name])


def test_both_networks_move_the_completion_network_ten_times_as_far(four):
    before, after, _ = four[0]
    moved = {
        name: max(
            float(np.abs(a - b).max())
            for a, b in zip(
                jax.tree.leaves(before.networks[name].params),
                jax.tree.leaves(after.networks[name].params),
                strict=True,
            )
        )
        for name in ("completion", "discriminator")
    }
    np.testing.assert_allclose(moved["completion"], 2e-3, rtol=1e-2)  # Adam's first step
    np.testing.assert_allclose(moved["discriminator"], 2e-4, rtol=1e-2)


def test_l2_is_weighted_as_the_paper_says(form, four):
    """Computes the first update's L2 by hand, on one device, with images in [-1, 1]."""
    state, _, metrics = four[0]
    method = METHODS["context_encoder"](tiny(form), MEAN)
    encoder = method.previews.__self__  # pyright: ignore[reportFunctionMemberAccess]
    batch = next(batches(form))
    image, mask = batch["image"] / np.float32(255), batch["mask"].astype(np.float32)
    network = state.networks["completion"]
    variables = {"params": network.params, "batch_stats": network.batch_stats}
    seen = encoder._paint(jnp.asarray(image), jnp.asarray(mask))
    module = encoder.networks["completion"](train=True, axis_name=None)
    output, _ = jax.jit(partial(module.apply, mutable=["batch_stats"]))(variables, seen)
    part = slice(8, 24) if form == "center" else slice(0, 32)
    truth, hole = 2 * image[:, part, part] - 1, mask[:, part, part]
    weights = np.where(hole > 0, 1, 10 if form == "center" else 1)
    np.testing.assert_allclose(
        metrics["loss/l2"], (weights * (output - truth) ** 2).mean(), rtol=1e-4
    )


def test_what_a_hole_holds_and_the_hidden_middle_never_matter(form, four):
    method = METHODS["context_encoder"](tiny(form), MEAN)
    complete = make_complete_fn(method, four[-1][1])
    completer = Completer(complete, MEAN, 0, size=method.size, middle=method.middle)
    rng = np.random.default_rng(0)
    for shape in ((32, 32), (50, 41)):
        image = rng.integers(0, 256, (*shape, 3), np.uint8)
        mask = np.zeros(shape, bool)
        mask[14:19, 15:18] = True
        completed = completer(image, mask)
        other = np.where(mask[..., None], 255 - image, image)
        np.testing.assert_array_equal(completer(other, mask), completed)
        np.testing.assert_array_equal(completed[~mask], image[~mask])
        assert (completed[mask] != image[mask]).any()
    if form == "center":
        image = image[:32, :32].copy()
        mask = np.zeros((32, 32), bool)
        mask[14:19, 15:18] = True
        completed = completer(image, mask)
        image[12:20, 12:20] = 0
        np.testing.assert_array_equal(completer(image, mask)[mask], completed[mask])


def test_channels_are_the_release_s():
    assert channels(128) == (1, 1, 2, 4, 8)
    assert channels(64) == (1, 2, 4, 8)
    with pytest.raises(ValueError, match="defined for 96 pixels"):
        channels(96)


def test_full_size_is_the_release():
    method = METHODS["context_encoder"](context_encoder_center.get_config(), MEAN)
    state = jax.eval_shape(method.init, jax.random.key(0))
    kernels = jax.tree.map(lambda x: x.shape, state.networks["completion"].params)
    assert kernels["bottleneck"]["kernel"] == (4 * 4 * 512, 4000)
    assert kernels["unfold"]["kernel"] == (4000, 4 * 4 * 512)
    assert kernels["output"]["kernel"] == (4, 4, 3, 64)
    assert (method.size, method.middle, method.whole) == (128, 50, False)


def test_a_config_of_before_sees_squares_and_a_new_one_can_see_whole_pictures():
    config = tiny("random")
    assert not METHODS["context_encoder"](config, MEAN).whole
    config.completion.whole_picture = True
    assert METHODS["context_encoder"](config, MEAN).whole
    del config.completion
    assert not METHODS["context_encoder"](config, MEAN).whole


def test_even_kernels_convolve_alike_in_all_forms():
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(8, 64, 64, 3)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(4, 4, 3, 64)), jnp.float32)

    def plain(x, kernel):
        return jax.lax.conv_general_dilated(
            x, kernel, (2, 2), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    def value_and_gradients(function):
        value, backward = jax.vjp(function, x, kernel)
        return value, *backward(jnp.cos(value))

    ours, theirs = value_and_gradients(lambda *a: convolution(*a, 2)), value_and_gradients(plain)
    for left, right in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(
    ("form", "changes", "message"),
    [
        ("center", {"form": "middle"}, 'form is "middle": choose center or random'),
        ("center", {"holes": {"kind": "box"}}, "set holes.kind to center and holes.size to 8"),
        ("center", {"overlap": 8}, "overlap is 8: choose 0 to 3"),
        ("random", {"overlap": 7}, "the random form has none"),
        ("random", {"dtype": "float16"}, "choose float32 or bfloat16"),
    ],
)
def test_contradictions_are_refused(form, changes, message):
    config = tiny(form)
    config.update(changes)
    with pytest.raises(UserError, match=message):
        METHODS["context_encoder"](config, MEAN)


@pytest.mark.parametrize("crop", [96, 16])
def test_crops_that_do_not_halve_to_the_end_are_refused(crop):
    config = tiny("random")
    config.data.crop = crop
    with pytest.raises(UserError, match=f"data.crop is {crop}: a context encoder takes"):
        METHODS["context_encoder"](config, MEAN)
