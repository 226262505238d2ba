"""The partial convolution against a loop over pixels, and the network's promises."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glcic_jax.methods.partial_conv.network import Part, PartialConvolution, PartialUNet, reach
from tests.helpers.partial_loops import by_loops

rng = np.random.default_rng(0)


def parts_of(channels, height=7, width=6, batch=2):
    """Makes parts of one size, with some holes larger than a window."""
    found = []
    for count in channels:
        hole = (rng.random((batch, height, width, 1)) < 0.5).astype(np.float32)
        hole[0, :5, :5] = 1
        found.append(Part(rng.normal(size=(batch, height, width, count)).astype(np.float32), hole))
    return tuple(found)


@pytest.mark.parametrize(
    ("channels", "kernel", "stride"), [((3,), 7, 2), ((2,), 5, 2), ((4, 1), 3, 1), ((2,), 3, 2)]
)
def test_the_layer_is_the_papers_formula(channels, kernel, stride):
    parts, layer = parts_of(channels), PartialConvolution(5, kernel, stride)
    shape = (kernel, kernel, sum(channels), 5)
    params = {"kernel": rng.normal(size=shape), "bias": rng.normal(size=5)}
    output, hole = jax.jit(layer.apply)({"params": params}, parts)
    expected, expected_hole = by_loops(parts, params["kernel"], params["bias"], stride)
    np.testing.assert_array_equal(hole, expected_hole)
    np.testing.assert_allclose(output, expected, atol=2e-4)
    assert expected_hole.any()
    assert not expected_hole.all()


def test_gradients_are_those_of_the_formula_and_none_passes_through_masks():
    parts, layer = parts_of((2, 1), height=4, width=4, batch=1), PartialConvolution(2)
    params = {"kernel": rng.normal(size=(3, 3, 3, 2)), "bias": rng.normal(size=2)}
    weight = rng.normal(size=(1, 4, 4, 2))

    def loss(params, parts):
        return (layer.apply({"params": params}, parts).features * weight).sum()

    of_params, of_parts = jax.jit(jax.grad(loss, argnums=(0, 1)))(params, parts)

    def by_differences(array, function, step=1e-3):
        slopes = np.zeros(array.shape)
        for place in np.ndindex(array.shape):
            moved = [array.astype(np.float64), array.astype(np.float64)]
            moved[0][place] += step
            moved[1][place] -= step
            slopes[place] = (function(moved[0]) - function(moved[1])) / (2 * step)
        return slopes

    def expected(parts=parts, **changed):
        return (by_loops(parts, **(params | changed), stride=1)[0] * weight).sum()

    for name, gradient in of_params.items():
        slopes = by_differences(params[name], lambda value, n=name: expected(**{n: value}))
        np.testing.assert_allclose(gradient, slopes, atol=1e-3)
    first, second = parts
    slopes = by_differences(first.features, lambda x: expected((Part(x, first.hole), second)))
    np.testing.assert_allclose(of_parts[0].features, slopes, atol=1e-3)
    for part in of_parts:
        assert not np.any(part.hole)


def test_counts_are_exact_in_bfloat16():
    """Checks that the ratio sees 2,303 known of 2,304, which bfloat16 would round to 2,304."""
    hole = np.zeros((1, 3, 3, 1), np.float32)
    hole[0, 0, 0] = 1
    part = Part(np.ones((1, 3, 3, 256), np.float32), hole)
    layer = PartialConvolution(1, dtype=jnp.bfloat16)
    params = {"kernel": jnp.full((3, 3, 256, 1), 1 / 2304), "bias": jnp.zeros(1)}
    output, _ = layer.apply({"params": params}, (part,))
    assert output.dtype == jnp.bfloat16
    np.testing.assert_allclose(output[0, 1, 1].astype(np.float32), 1, rtol=4e-3)


# The network -------------------------------------------------------------------------------------


def network(levels=3, **options):
    module = PartialUNet(train=False, levels=levels, width=2, **options)
    size = 2**levels
    zeros = jnp.zeros((1, size, size, 3))
    return module, jax.jit(module.init)(jax.random.key(0, impl="rbg"), zeros, zeros[..., :1])


def test_full_size_has_the_papers_layers():
    module = PartialUNet(train=False, levels=8)
    x = jnp.zeros((1, 512, 512, 3))
    variables = jax.eval_shape(module.init, jax.random.key(0), x, x[..., :1])
    shapes = {n: p["kernel"].shape for n, p in variables["params"].items() if "kernel" in p}
    assert [shapes[f"encode{n}"] for n in (1, 2, 3, 4, 8)] == [
        (7, 7, 3, 64), (5, 5, 64, 128), (5, 5, 128, 256), (3, 3, 256, 512), (3, 3, 512, 512)
    ]  # fmt: skip
    assert [shapes[f"decode{n}"] for n in (8, 5, 4, 3, 2, 1)] == [
        (3, 3, 1024, 512), (3, 3, 1024, 512), (3, 3, 768, 256), (3, 3, 384, 128),
        (3, 3, 192, 64), (3, 3, 67, 3),
    ]  # fmt: skip
    norms = {name for name in variables["params"] if "norm" in name}
    assert norms == {f"{side}_norm{n}" for side in ("encode", "decode") for n in range(2, 9)}


def test_what_holes_hold_is_never_read():
    module, variables = network()
    image = rng.random((1, 16, 16, 3)).astype(np.float32)
    hole = np.zeros((1, 16, 16, 1), np.float32)
    hole[:, 3:14, 2:12] = 1
    apply = jax.jit(module.apply)
    clean, poisoned = (
        apply(variables, np.where(hole > 0, value, image), hole) for value in (0, np.nan)
    )
    np.testing.assert_array_equal(clean, poisoned)
    assert np.isfinite(clean).all()
    gradient = jax.jit(jax.grad(lambda x: module.apply(variables, x, hole).sum()))(image)
    assert not np.any(gradient[hole[..., 0] > 0])


def test_a_picture_without_known_pixels_gives_zeros():
    module, variables = network()
    ones = jnp.ones((1, 8, 8, 3))
    assert not np.any(module.apply(variables, ones, ones[..., :1]))


@pytest.mark.parametrize("levels", [2, 3])
def test_outputs_depend_on_what_lies_within_the_reach_and_no_less(levels):
    module, variables = network(levels)
    far, step = reach(levels), 2**levels
    size = -(-(2 * far + 2 * step) // step) * step
    # Means of what each tap sees: no unit is dead, so every dependence shows.
    params = jax.tree.map(lambda p: jnp.ones(p.shape) / p.shape[0], variables["params"])
    apply = partial(module.apply, {"params": params, "batch_stats": variables["batch_stats"]})
    x, hole = jnp.ones((1, size, size, 3)), jnp.zeros((1, size, size, 1))
    depends = jax.jit(jax.grad(lambda x, row: apply(x, hole)[0, row, row].sum()))
    found = 0
    for row in range(size // 2, size // 2 + step):
        seen = np.flatnonzero(np.abs(depends(x, row)).sum(axis=(0, 2, 3)))
        assert row - far <= seen[0]
        assert seen[-1] <= row + far
        found = max(found, row - seen[0], seen[-1] - row)
    assert found == far


def test_a_frozen_encoder_keeps_its_statistics():
    module, variables = network()
    module = module.clone(train=True, frozen_encoder=True)
    x = rng.random((2, 16, 16, 3)).astype(np.float32)
    _, changed = jax.jit(partial(module.apply, mutable=["batch_stats"]))(
        variables, x, x[..., :1] < 0.1
    )
    for name, stats in changed["batch_stats"].items():
        same = jax.tree.map(np.array_equal, stats, variables["batch_stats"][name])
        assert all(jax.tree.leaves(same)) == name.startswith("encode"), name
