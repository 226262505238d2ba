"""Completion by latent search: the networks, the settings, the update, and the commands."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import glcic_jax
from configs import dcgan_faces64
from experiments import latent_search
from glcic_jax import main
from glcic_jax.complete import __main__ as complete
from glcic_jax.complete.completer import Completer
from glcic_jax.layers.plain import plain_convolution
from glcic_jax.methods.by_name import METHODS
from glcic_jax.methods.dcgan.networks import Discriminator, Generator, enlarge, halvings, start_edge
from glcic_jax.methods.procedural.poisson import blend
from glcic_jax.pictures.decode import decode, write_picture
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import NetworkState
from tests.helpers.small import MEAN, assert_same_network, change, make_batch, run_steps


def tiny(**changes):
    config = dcgan_faces64.get_config()
    config.update(width=4, latent=6, feature_matching=0.05)
    config.data.update(crop=32, resize=(32, 32), batch_size=8, threads=2)
    config.holes.size = 12
    config.phases.adversarial = 2
    config.completion.update(latent_steps=20, starts=3, preview_steps=3)
    return change(config, changes)


# The networks ------------------------------------------------------------------------------------


def test_enlarging_is_the_transpose_of_a_strided_convolution():
    rng = np.random.default_rng(0)
    shapes = (5, 5, 3, 7), (2, 4, 6, 7), (2, 8, 12, 3)
    kernel, x, y = (rng.normal(size=shape).astype(np.float32) for shape in shapes)

    @jax.jit
    def products(kernel, x, y):
        return jnp.vdot(plain_convolution(y, kernel, 2), x), jnp.vdot(y, enlarge(x, kernel))

    np.testing.assert_allclose(*products(kernel, x, y), rtol=1e-4)


@pytest.mark.parametrize(("size", "start", "layers"), [(64, 4, 4), (96, 6, 4)])
def test_networks_fit_their_pictures(size, start, layers):
    assert (start_edge(size), halvings(size)) == (start, layers)
    generator, discriminator = Generator(train=False, size=size), Discriminator(train=False)
    pictures, variables = jax.eval_shape(
        generator.init_with_output, jax.random.key(0), jnp.zeros((2, 100))
    )
    assert pictures.shape == (2, size, size, 3)
    kernel = variables["params"]["dense"]["kernel"]
    assert kernel.shape == (100, start**2 * 64 * 2**layers)
    (logits, features), variables = jax.eval_shape(
        discriminator.init_with_output, jax.random.key(0), jnp.zeros((2, size, size, 3))
    )
    assert logits.shape == (2,)
    assert features.shape == (2, start**2 * 64 * 2 ** (layers - 1))
    assert "norm1" not in variables["params"]


# Settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data__crop": 72}, "data.crop is 72: a DCGAN draws squares of 4, 5, 6 or 7 pixels"),
        ({"completion__starts": 0}, "completion.starts is 0: choose 1 or more"),
        ({"completion__window": 4}, "choose an odd number"),
        ({"latent": 0}, "latent is 0"),
        ({"dtype": "float16"}, "choose float32 or bfloat16"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        METHODS["dcgan_completion"](tiny(**changes), MEAN)


def test_blending_belongs_to_the_method():
    assert METHODS["dcgan_completion"](tiny(), MEAN).blends
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (32, 32, 3), np.uint8)
    mask = np.zeros((32, 32), np.uint8)
    mask[8:20, 8:20] = 1
    completer = Completer(lambda image, mask: image * 0 + 0.5, MEAN, 0, size=32, blends=True)
    plain = completer(image, mask, postprocess=False)
    assert (plain[mask == 1] == 128).all()
    np.testing.assert_array_equal(completer(image, mask), blend(image, plain, mask))


# Training, and all of it as a user ---------------------------------------------------------------


@pytest.fixture(scope="module")
def steps():
    return [run_steps(tiny(dtype="float64"), 2, devices=devices) for devices in (1, 4)]


@pytest.mark.slow
def test_device_count_changes_nothing(steps):
    one, four = steps
    for ours, theirs in zip(one[1], four[1], strict=True):
        for name, value in ours.items():
            np.testing.assert_allclose(value, theirs[name], rtol=1e-10, err_msg=name)
    for ours, theirs in zip(one[0], four[0], strict=True):
        for name in ours.networks:
            assert_same_network(ours.networks[name], theirs.networks[name])


@pytest.mark.slow
@jax.enable_x64()
def test_an_update_equals_the_formulas_written_again(steps):
    """Checks that D moves before G, G by the new D, and neither by the other's gradient."""
    (before, after, _), (metrics, _) = steps[0]
    real = 2 * jnp.asarray(make_batch(0)["image"], float) / 255 - 1
    key = jax.random.fold_in(jax.random.key(1), 0)
    z = jax.random.uniform(key, (8, 6), minval=-1, maxval=1)
    modules = {
        "generator": Generator(train=True, size=32, width=4, dtype=jnp.float64),
        "discriminator": Discriminator(train=True, width=4, dtype=jnp.float64),
    }
    adam = optax.adam(2e-4, b1=0.5, b2=0.999)

    def run(name, params, stats, x):
        output, changed = modules[name].apply(
            {"params": params, "batch_stats": stats}, x, mutable=["batch_stats"]
        )
        return output, changed["batch_stats"]

    def moved(network, gradients, stats):
        updates, opt_state = adam.update(gradients, network.opt_state)
        return NetworkState(optax.apply_updates(network.params, updates), stats, opt_state)

    old_g, old_d = before.networks["generator"], before.networks["discriminator"]

    def judging(params):
        fake, _ = run("generator", old_g.params, old_g.batch_stats, z)
        (on_real, _), stats = run("discriminator", params, old_d.batch_stats, real)
        (on_fake, _), stats = run("discriminator", params, stats, fake)
        loss = -jnp.log(jax.nn.sigmoid(on_real)) - jnp.log(1 - jax.nn.sigmoid(on_fake))
        return loss.mean(), stats

    def drawing(params, judge):
        fake, stats = run("generator", params, old_g.batch_stats, z)
        (on_fake, ours), _ = run("discriminator", judge.params, judge.batch_stats, fake)
        (_, theirs), _ = run("discriminator", judge.params, judge.batch_stats, real)
        distance = jnp.square(ours.mean(axis=0) - theirs.mean(axis=0)).sum()
        real_looking = -jnp.log(jax.nn.sigmoid(on_fake)).mean()
        return real_looking + 0.05 * distance, stats

    (d_loss, stats), d_gradients = jax.jit(jax.value_and_grad(judging, has_aux=True))(old_d.params)
    new_d = moved(old_d, d_gradients, stats)
    (g_loss, stats), g_gradients = jax.jit(jax.value_and_grad(drawing, has_aux=True))(
        old_g.params, new_d
    )
    assert_same_network(after.networks["generator"], moved(old_g, g_gradients, stats))
    assert_same_network(after.networks["discriminator"], new_d)
    for name, value in {
        "loss/discriminator": d_loss,
        "loss/generator": g_loss,
        "grad_norm/discriminator": optax.tree.norm(d_gradients),
        "grad_norm/generator": optax.tree.norm(g_gradients),
    }.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-10, err_msg=name)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Returns a folder of pictures, a trained run, and a mask whose size is not the networks'."""
    folder = tmp_path_factory.mktemp("dcgan")
    rng = np.random.default_rng(0)
    (folder / "pictures").mkdir()
    for number in range(8):
        coarse = rng.integers(0, 256, (10, 12, 3), np.uint8)
        write_picture(folder / "pictures" / f"{number}.png", coarse.repeat(4, 0).repeat(4, 1))
    mask = np.zeros((40, 48, 3), np.uint8)
    mask[10:20, 15:30] = 255
    write_picture(folder / "mask.png", mask)
    config = tiny(feature_matching=0.0)
    config.data.update(root=str(folder / "pictures"), held_out=0.25, held_out_examples=8)
    config.data.update(min_edge=16, batch_size=4)
    config.every.update(log=1, images=2, evaluate=2, checkpoint=1)
    main.run(config, folder / "run")
    return folder


@pytest.mark.slow
def test_a_run_completes_photographs_of_any_size(files, capsys):
    assert (files / "run" / "samples" / "00000002.png").exists()
    names = {"checkpoint": "run", "image": "pictures/0.png", "mask": "mask.png"}
    flags = [f"--{name}={files / path}" for name, path in names.items()]
    flags += ["--latent_steps=5", "--starts=2", f"--output={files / 'out.png'}"]
    assert complete.main(flags) == 0
    picture, hole = decode(files / "pictures/0.png"), decode(files / "mask.png")[..., 0] > 0
    completed = decode(files / "out.png")
    np.testing.assert_array_equal(completed[~hole], picture[~hole])
    completer = glcic_jax.load(files / "run", latent_steps=5, starts=2)
    np.testing.assert_array_equal(completer(picture, hole), completed)
    other = np.where(hole[..., None], 255 - picture, picture)
    np.testing.assert_array_equal(completer(other, hole), completed)
    assert complete.main([*flags, "--no-postprocess"]) == 0
    assert (decode(files / "out.png") != completed).any()
    capsys.readouterr()
    assert complete.main([*flags, "--starts=0"]) == 2
    message = f"error: {files / 'run'}: completion.starts is 0: choose 1 or more\n"
    assert capsys.readouterr().err == message


@pytest.mark.slow
def test_time_and_quality_follow_from_starts_and_steps(files, capsys):
    paths = {"checkpoint": "run", "data": "pictures", "output": "measured"}
    flags = [f"--{name}={files / path}" for name, path in paths.items()]
    flags += ["--starts", "1", "2", "--steps", "0", "--count", "8", "--batch_size", "4"]
    assert latent_search.main(flags) == 0
    table = (files / "measured" / "table.md").read_text()
    assert table in capsys.readouterr().out
    head, _, row = table.splitlines()
    assert head.count("starts") == 2
    one, _, two, _ = map(float, row.strip("| ").split(" | ")[1:])
    assert 0 < min(one, two) <= max(one, two) < 1
    assert decode(files / "measured" / "grid.png").shape == (22 + 8 * 36, 4 * 36 - 4, 3)
    assert latent_search.main([*flags, "--count", "7"]) == 2
    assert "--count 7" in capsys.readouterr().err
