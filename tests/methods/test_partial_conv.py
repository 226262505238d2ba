"""The method: devices that agree, a frozen encoder, VGG16, settings, any size of picture."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

import glcic_jax
from configs import pconv_cifar10, pconv_places2
from glcic_jax.complete import completer as completing
from glcic_jax.complete import large_pictures
from glcic_jax.complete.completer import Completer, make_complete_fn
from glcic_jax.convert.__main__ import main as convert
from glcic_jax.layers.vgg16 import CHANNELS, NAMES, read_vgg16
from glcic_jax.main import run
from glcic_jax.methods.by_name import METHODS
from glcic_jax.methods.partial_conv.network import ENCODER_NORMS, PartialUNet
from glcic_jax.methods.partial_conv.updates import TERMS
from glcic_jax.runtime.errors import UserError
from glcic_jax.train.step import init_key
from tests.helpers.small import MEAN, assert_same_network, make_batch, run_steps, stepper

rng = np.random.default_rng(0)


def small_config(**changes):
    config = pconv_places2.get_config("32")
    config.width, config.levels = 4, 3
    config.data.update(resize=(32, 32), batch_size=8, threads=2, min_edge=16)
    config.phases.update(initial=2, finetune=2)
    config.optimizer.learning_rate = 1e-3
    config.optimizer.finetune_rate = 1e-3
    config.update_from_flattened_dict(changes)
    return config


# The step ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def one():
    return run_steps(small_config(dtype="float64"), 4)


@pytest.mark.slow
def test_device_count_changes_no_loss_no_gradient_and_no_weight(one):
    states, metrics = one
    step = stepper(small_config(dtype="float64"), devices=4)
    for index in (0, 3):
        after, values = step(states[index], make_batch(index))
        for name, value in metrics[index].items():
            np.testing.assert_allclose(values[name], value, rtol=1e-10, err_msg=name)
        ours, theirs = (s.networks["completion"] for s in (states[index + 1], after))
        assert_same_network(ours, theirs)


@pytest.mark.slow
def test_the_second_stage_leaves_the_encoders_batch_norm_alone_and_only_that(one):
    states, _ = one
    for index, frozen in ((1, False), (2, True), (3, True)):
        before, after = (s.networks["completion"] for s in states[index : index + 2])
        for name, params in before.params.items():
            kept = jax.tree.leaves(jax.tree.map(np.array_equal, params, after.params[name]))
            fixed = frozen and name.startswith(ENCODER_NORMS)
            assert all(kept) if fixed else not any(kept), (index, name)
        for name, stats in before.batch_stats.items():
            kept = jax.tree.leaves(jax.tree.map(np.array_equal, stats, after.batch_stats[name]))
            fixed = frozen and name.startswith(ENCODER_NORMS)
            assert all(kept) if fixed else not any(kept), (index, name)


@pytest.mark.slow
def test_losses_reported_are_those_of_the_raw_output(one):
    """Computes the losses again from the network's raw output."""
    states, metrics = one
    method = METHODS["partial_conv"](small_config(), MEAN)
    assert method.phases[0].metrics == (
        "loss/valid",
        "loss/hole",
        "loss/tv",
        "grad_norm/completion",
    )
    assert all(value > 0 for value in metrics[0].values())
    batch = make_batch(0)
    image, mask = batch["image"] / np.float32(255), batch["mask"].astype(np.float32)
    network = states[0].networks["completion"]
    variables = {"params": network.params, "batch_stats": network.batch_stats}
    module = PartialUNet(train=True, levels=3, width=4)
    output, _ = module.apply(variables, image - np.float32(MEAN), mask, mutable=["batch_stats"])
    error = np.abs(output + np.float32(MEAN) - image)
    np.testing.assert_allclose(metrics[0]["loss/hole"], (error * mask).mean(), rtol=1e-4)
    np.testing.assert_allclose(metrics[0]["loss/valid"], (error * (1 - mask)).mean(), rtol=1e-4)


@pytest.fixture(scope="module")
def vgg16_file(tmp_path_factory):
    tensors = {}
    for name, inputs, outputs in zip(NAMES, CHANNELS[:-1], CHANNELS[1:], strict=True):
        shape = (outputs, inputs, 3, 3)
        tensors[f"features.{name}.weight"] = rng.normal(0, (4.5 * inputs) ** -0.5, shape)
        tensors[f"features.{name}.bias"] = np.zeros(outputs)
    path = tmp_path_factory.mktemp("weights") / "vgg16.safetensors"
    save_file({name: t.astype(np.float32) for name, t in tensors.items()}, path)
    return path


def test_vgg16_is_shortened_to_what_is_read(vgg16_file, tmp_path, capsys):
    whole = load_file(vgg16_file) | {"classifier.0.weight": np.zeros((4, 4), np.float32)}
    save_file(whole, tmp_path / "whole.safetensors")
    short = tmp_path / "short.safetensors"
    assert convert(["--vgg16", str(tmp_path / "whole.safetensors"), str(short)]) == 0
    assert load_file(short).keys() == load_file(vgg16_file).keys()
    jax.tree.map(np.testing.assert_array_equal, read_vgg16(short), read_vgg16(vgg16_file))
    assert convert(["--vgg16", str(short), str(tmp_path / "short.onnx")]) == 2
    assert "VGG16 is written as NAME.safetensors" in capsys.readouterr().err


@pytest.mark.slow
def test_vgg16_turns_all_six_losses_on_and_is_no_part_of_the_state(vgg16_file):
    config = small_config(perceptual=str(vgg16_file))
    method = METHODS["partial_conv"](config, MEAN)
    method.prepare()
    assert method.note.startswith("6 of 6 losses on: 1 valid, 6 hole, 0.1 tv, 0.05 perceptual")
    assert set(method.phases[0].metrics) == {f"loss/{t}" for t in TERMS} | {"grad_norm/completion"}
    (before, after), (values,) = run_steps(config, 1, devices=2)
    assert all(value > 0 for value in values.values())
    assert set(after.networks) == {"completion"}
    without = jax.eval_shape(METHODS["partial_conv"](small_config(), MEAN).init, init_key(0))
    assert jax.tree.structure(before) == jax.tree.structure(without)


def test_settings_that_contradict_each_other_are_refused(tmp_path):
    for changes, message in {
        ("levels", 9): "levels is 9: choose 2 to 8",
        ("levels", 6): "a crop of 32 pixels cannot be halved 6 times",
        ("weights.hole", -1.0): "weights.hole is -1",
        ("dtype", "float16"): "choose float32 or bfloat16",
    }.items():
        with pytest.raises(UserError, match=message):
            METHODS["partial_conv"](small_config(**dict([changes])), MEAN)
    nothing = dict.fromkeys(("weights.valid", "weights.hole", "weights.tv"), 0.0)
    with pytest.raises(UserError, match="no loss is left"):
        METHODS["partial_conv"](small_config(**nothing), MEAN)
    with pytest.raises(UserError, match=r"pconv_places2.py:300: choose 512, 256"):
        pconv_places2.get_config("300")
    config = small_config(perceptual=str(tmp_path / "none.pth"))
    with pytest.raises(UserError, match="none.pth: No such file"):
        run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_note_names_the_losses_that_are_on():
    note = METHODS["partial_conv"](pconv_cifar10.get_config(), MEAN).note
    assert note.startswith("2 of 6 losses on: 1 valid, 1 hole; off by weight 0: tv, perceptual,")
    note = METHODS["partial_conv"](pconv_places2.get_config(), MEAN).note
    assert note.startswith("3 of 6 losses on: 1 valid, 6 hole, 0.1 tv; off, as config.perceptual")


# Completion --------------------------------------------------------------------------------------


def test_any_size_is_completed_and_what_holes_hold_does_not_matter():
    method = METHODS["partial_conv"](small_config(), MEAN)
    complete, state = jax.jit(method.complete), method.init(init_key(0))
    for height, width in ((21, 37), (5, 3)):
        image = rng.random((1, height, width, 3)).astype(np.float32)
        mask = np.zeros((1, height, width, 1), np.float32)
        mask[:, 1:4, 1:] = 1
        filled, poisoned = (
            complete(state, np.where(mask > 0, value, image), mask, jax.random.key(0))
            for value in (image, np.nan)
        )
        np.testing.assert_array_equal(filled, poisoned)
        known = mask[..., 0] == 0
        np.testing.assert_array_equal(filled[known], image[known])
        assert np.all((filled >= 0) & (filled <= 1))


@pytest.mark.slow
def test_windows_answer_as_the_whole_picture_does(one, monkeypatch):
    monkeypatch.setattr(completing, "LARGE", 0)
    monkeypatch.setattr(large_pictures, "LONGEST_WINDOW", 128)
    method = METHODS["partial_conv"](small_config(), MEAN)
    complete = make_complete_fn(method, one[0][-1])
    image = rng.integers(0, 256, (203, 301, 3), np.uint8)
    mask = np.zeros((203, 301), bool)
    mask[90:130, 40:150] = mask[-9:, -5:] = True
    whole = Completer(complete, MEAN, 0)(image, mask)
    parts = Completer(complete, MEAN, 0, method.reach, alignment=method.alignment)(image, mask)
    assert np.abs(whole.astype(int) - parts.astype(int)).max() <= 1


@pytest.mark.slow
def test_a_run_trains_resumes_and_completes(vgg16_file, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(8):
        coarse = rng.integers(0, 256, (10, 10, 3), np.uint8)
        Image.fromarray(coarse.repeat(4, 0).repeat(4, 1)).save(pictures / f"{number}.png")
    config = small_config(perceptual=str(vgg16_file))
    config.data.update(root=str(pictures), held_out=0.25, held_out_examples=4, batch_size=4)
    config.every.update(log=1, images=4, evaluate=4, checkpoint=2)
    run(config, tmp_path / "whole")
    config.phases.finetune = 0
    run(config, tmp_path / "cut")
    vgg16_file.rename(tmp_path / "gone")  # completion needs none of it
    completer = glcic_jax.load(tmp_path / "whole")
    image = rng.integers(0, 256, (37, 45, 3), np.uint8)
    mask = np.zeros((37, 45), bool)
    mask[5:20, 8:30] = True
    completed = completer(image, mask)
    np.testing.assert_array_equal(completed[~mask], image[~mask])
    first = glcic_jax.load(tmp_path / "whole", step=2)(image, mask)
    np.testing.assert_array_equal(first, glcic_jax.load(tmp_path / "cut")(image, mask))
    assert (first != completed).any()
    log = (tmp_path / "whole" / "log.txt").read_text()
    assert "6 of 6 losses on" in log
    assert jnp.isfinite(completed.mean())
