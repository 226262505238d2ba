"""The form with two layers at each level: its layers, by loops, its reach, devices, weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import pconv_cifar10
from glcic_jax.convert.__main__ import main as convert
from glcic_jax.methods.by_name import METHODS
from glcic_jax.methods.partial_conv.network import Part
from glcic_jax.methods.partial_conv.paired_network import PairedUNet, paired_reach
from glcic_jax.runtime.errors import UserError
from glcic_jax.train.step import init_key
from glcic_jax.weights.address import open_trained
from glcic_jax.weights.checkpoint import Checkpoints
from tests.helpers.partial_loops import by_loops
from tests.helpers.small import MEAN, assert_same_network, make_batch, run_steps, stepper

rng = np.random.default_rng(0)


def small_config(**changes):
    config = pconv_cifar10.get_config("paired")
    config.width, config.levels = 2, 2
    config.data.batch_size = 8
    config.phases.initial = 2
    config.update_from_flattened_dict(changes)
    return config


def network(levels=2, width=2):
    module = PairedUNet(train=False, levels=levels, width=width)
    x = jnp.zeros((1, 2**levels, 2**levels, 3))
    return module, jax.jit(module.init)(jax.random.key(0, impl="rbg"), x, x[..., :1])


def test_the_config_has_the_layers_of_that_project():
    config = pconv_cifar10.get_config("paired")
    method = METHODS["partial_conv"](config, MEAN)
    assert method.alignment == 16
    assert [phase.steps for phase in method.phases] == [6_250, 0]
    params = jax.eval_shape(method.init, init_key(0)).networks["completion"].params
    kernels = {n: p["kernel"].shape for n, p in params.items() if n != "output"}
    assert len(kernels) == 16
    assert kernels == {
        "encode1_1": (3, 3, 3, 32), "encode1_2": (3, 3, 32, 32),
        **{f"encode{n}_{m}": (3, 3, 32, 32) for n in (2, 3, 4) for m in (1, 2)},
        "decode4_1": (3, 3, 64, 256), "decode4_2": (3, 3, 256, 128),
        "decode3_1": (3, 3, 160, 128), "decode3_2": (3, 3, 128, 64),
        "decode2_1": (3, 3, 96, 64), "decode2_2": (3, 3, 64, 32),
        "decode1_1": (3, 3, 64, 32), "decode1_2": (3, 3, 32, 3),
    }  # fmt: skip
    assert params["output"]["conv"]["kernel"].shape == (3, 3, 3, 3)


def written_again(params, image, hole):
    """Computes PairedUNet with two levels by loops over pixels."""

    def layer(name, parts, stride=1, least=0):
        kernel, bias = (np.asarray(params[name][part]) for part in ("kernel", "bias"))
        x, hole = by_loops(parts, kernel, bias, stride)
        return Part(np.maximum(x, least), hole)

    def up(part):
        return Part(*(np.kron(x, np.ones((1, 2, 2, 1))) for x in part))

    fine = layer("encode1_1", (Part(image, hole),))
    middle = layer("encode2_1", (layer("encode1_2", (fine,), 2),))
    coarse = layer("encode2_2", (middle,), 2)
    middle = layer("decode2_2", (layer("decode2_1", (middle, up(coarse))),))
    fine = layer("decode1_2", (layer("decode1_1", (fine, up(middle))),), least=-np.inf)
    known = Part(fine.features, np.zeros_like(fine.hole))
    padded = Part(*(np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))) for x in known))
    last = {n: np.asarray(p) for n, p in params["output"]["conv"].items()}
    x, _ = by_loops((padded,), last["kernel"], last["bias"], 1)
    return 1 / (1 + np.exp(-x[:, 1:-1, 1:-1])), fine.hole


def test_the_network_is_that_of_loops_over_pixels():
    module, variables = network()
    image = rng.random((1, 8, 8, 3)).astype(np.float32)
    apply = jax.jit(module.apply)
    for holes in ((rng.random((1, 8, 8, 1)) < 0.4), np.arange(64).reshape(1, 8, 8, 1) > 1):
        hole = holes.astype(np.float32)
        expected, void = written_again(variables["params"], image, hole)
        np.testing.assert_allclose(apply(variables, image, hole), expected, atol=1e-5)
        assert not void.any()


def test_what_holes_hold_is_never_read():
    module, variables = network()
    image = rng.random((1, 16, 16, 3)).astype(np.float32)
    hole = np.zeros((1, 16, 16, 1), np.float32)
    hole[:, 3:14, 2:12] = 1
    apply = jax.jit(module.apply)
    clean, poisoned = (apply(variables, np.where(hole > 0, v, image), hole) for v in (0, np.nan))
    np.testing.assert_array_equal(clean, poisoned)
    assert np.all((clean > 0) & (clean < 1))


@pytest.mark.parametrize("levels", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_outputs_depend_on_what_lies_within_the_reach_and_no_less(levels):
    module, variables = network(levels)
    far, step = paired_reach(levels), 2**levels
    size = -(-(2 * far + 2 * step) // step) * step
    # Means of what each tap sees: no unit is dead, so every dependence shows.
    params = jax.tree.map(lambda p: jnp.ones(p.shape) / max(1, p[..., 0].size), variables["params"])
    x, hole = jnp.ones((1, size, size, 3)), jnp.zeros((1, size, size, 1))
    depends = jax.jit(
        jax.grad(lambda x, row: module.apply({"params": params}, x, hole)[0, row, row].sum())
    )
    found = 0
    for row in range(size // 2, size // 2 + step):
        seen = np.flatnonzero(np.abs(depends(x, row)).sum(axis=(0, 2, 3)))
        found = max(found, row - seen[0], seen[-1] - row)
    assert found == far


@pytest.mark.slow
def test_device_count_changes_no_loss_no_gradient_and_no_weight():
    states, metrics = run_steps(small_config(dtype="float64"), 1)
    after, values = stepper(small_config(dtype="float64"), devices=4)(states[0], make_batch(0))
    for name, value in metrics[0].items():
        np.testing.assert_allclose(values[name], value, rtol=1e-10, err_msg=name)
    assert_same_network(states[1].networks["completion"], after.networks["completion"])


def test_weights_are_converted_and_complete_as_the_run_does(tmp_path, capsys):
    config = small_config()
    method = METHODS["partial_conv"](config, MEAN)
    about = {"config": config.to_dict(), "mean_pixel": MEAN}
    with Checkpoints(tmp_path / "run", keep=2) as checkpoints:
        checkpoints.save(3, method.init(init_key(0)), about=about, metrics={})
    assert convert([str(tmp_path / "run"), str(tmp_path / "weights")]) == 0
    assert '"paired" partial-convolution network of width 2, 2 levels' in capsys.readouterr().out
    image = rng.random((1, 21, 30, 3)).astype(np.float32)
    mask = np.zeros((1, 21, 30, 1), np.float32)
    mask[:, 4:9, 5:25] = 1
    filled = []
    for name in ("run", "weights"):
        found, state = open_trained(tmp_path / name).completing()
        assert (found.reach, found.alignment) == (method.reach, 4)
        filled.append(jax.jit(found.complete)(state, image, mask, jax.random.key(0)))
    np.testing.assert_array_equal(*filled)
    known = mask[..., 0] == 0
    np.testing.assert_array_equal(filled[0][known], image[known])
    assert convert([str(tmp_path / "weights"), str(tmp_path / "out.pth")]) == 2
    assert 'has no "paired" partial-convolution network' in capsys.readouterr().err


def test_other_forms_are_refused():
    with pytest.raises(UserError, match='form is "twice": choose paper or paired'):
        METHODS["partial_conv"](small_config(form="twice"), MEAN)
    with pytest.raises(UserError, match="pconv_cifar10.py:16: choose paper or paired"):
        pconv_cifar10.get_config("16")
    config = small_config().to_dict()
    old = {name: value for name, value in config.items() if name != "form"}
    assert (
        METHODS["partial_conv"](old, MEAN).reach
        == METHODS["partial_conv"]({**config, "form": "paper"}, MEAN).reach
    )
