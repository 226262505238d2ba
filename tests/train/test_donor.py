"""Runs that start from converted weights."""

import sys
from dataclasses import replace
from functools import cache

import jax
import numpy as np
import pytest

from configs import finetune
from glcic_jax.convert.pytorch_glcic import from_state_dict
from glcic_jax.convert.pytorch_lama import from_state_dict as from_lama
from glcic_jax.convert.pytorch_partial_conv import from_state_dict as from_partial
from glcic_jax.main import main, run
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import read_records
from glcic_jax.train.start import read_start
from glcic_jax.weights.address import open_trained
from glcic_jax.weights.checkpoint_reader import restore_network
from glcic_jax.weights.exchange import write_exchange
from glcic_jax.weights.glcic import fold
from glcic_jax.weights.trained import flatten_variables
from tests.helpers import lama_port
from tests.helpers.methods import small_config_of
from tests.helpers.partial_port import STATE
from tests.helpers.pictures import make_collection
from tests.helpers.ports import MEAN, mean_of, state_of
from tests.helpers.small import small_config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Writes weights of every kind, each into a folder of its name."""
    folder = tmp_path_factory.mktemp("weights")
    for program in ("sequential", "glcic_pytorch", "mmagic"):
        weights = from_state_dict(state_of(program), mean_of(program), "")
        write_exchange(weights, folder / program)
    plain = from_state_dict(state_of("sequential"), MEAN, "")
    write_exchange(fold(plain), folder / "folded")
    write_exchange(replace(plain, run={"width": 2, "method": "glcic", "seed": 7}), folder / "run")
    write_exchange(from_partial(STATE, ""), folder / "partial")
    write_exchange(from_lama(lama_port.STATE, ""), folder / "lama")
    return folder


def config_of(**changes):
    return small_config(discriminators=(), phases__discriminator=0, phases__joint=0, **changes)


def start_of(address, config):
    """Returns what the completion network of a run of this config starts from."""
    method = METHODS[config.method](config, MEAN)
    return read_start(config, method, open_trained(address))["completion"]


@cache
def like():
    method = METHODS["glcic"](config_of(width=2), MEAN)
    return jax.eval_shape(method.init, jax.random.key(0)).networks["completion"]


@pytest.mark.parametrize("name", ["sequential", "sequential/model.safetensors"])
def test_a_run_starts_with_the_weights_and_their_mean_pixel(folder, name):
    start = start_of(folder / name, config_of(width=2))
    params, stats = start.params, start.batch_stats
    assert jax.tree.structure((params, stats)) == jax.tree.structure(
        (like().params, like().batch_stats)
    )
    theirs = from_state_dict(state_of("sequential"), MEAN, "").tensors
    for own, tensor in flatten_variables({"params": params, "batch_stats": stats}).items():
        np.testing.assert_array_equal(tensor, theirs[own])
    assert open_trained(folder / name).mean_pixel == pytest.approx(MEAN)


@pytest.mark.slow
def test_lama_and_its_average_start_with_the_authors_network(folder):
    config = small_config_of("lama")
    config.update(width=lama_port.WIDTH, blocks=lama_port.BLOCKS)
    start = read_start(config, METHODS["lama"](config, MEAN), open_trained(folder / "lama"))
    assert start.keys() == {"completion", "completion_average"}
    theirs = from_lama(lama_port.STATE, "").tensors
    for network in start.values():
        ours = flatten_variables({"params": network.params, "batch_stats": network.batch_stats})
        jax.tree.map(np.testing.assert_array_equal, ours, theirs)


@pytest.mark.parametrize(
    ("name", "method", "width", "message"),
    [
        ("sequential", "glcic", 4, r"of width 2, .*is \(2,\) and this run's \(4,\): give"),
        ("sequential", "ambient_gan", 4, r"of width 2, .*is \(2,\) and this run's \(4,\): give"),
        ("sequential", "partial_conv", 2, '"partial_conv" cannot start from it'),
        ("sequential", "context_encoder", 2, '"context_encoder" cannot start from it'),
        ("lama", "glcic", 2, 'a LaMa network .*"glcic" cannot start from it'),
        ("lama", "lama", 4, "give the config that network's width, and its blocks, levels"),
        ("partial", "glcic", 2, 'a partial-convolution network .*"glcic" cannot start from it'),
        ("glcic_pytorch", "glcic", 2, "ReLU, then batch norm, whose arithmetic is not the paper"),
        ("mmagic", "glcic", 2, "whose arithmetic is not the paper"),
        ("folded", "glcic", 2, "batch norm folded, whose arithmetic is not the paper"),
        ("none", "glcic", 2, "no such file or folder: give the --workdir"),
    ],
)  # fmt: skip
def test_weights_of_another_network_are_refused_in_a_line(folder, name, method, width, message):
    config = config_of(width=width) if method == "glcic" else small_config_of(method)
    with pytest.raises(UserError, match=message) as refused:
        start_of(folder / name, config)
    assert str(folder / name) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_networks_that_add_to_a_smooth_fill_are_kept_apart(folder):
    weights = from_state_dict(state_of("sequential"), MEAN, "")
    write_exchange(replace(weights, output="difference"), folder / "smooth")
    start = start_of(folder / "smooth", config_of(width=2, smooth_holes=True))
    assert flatten_variables({"params": start.params}).keys() <= weights.tensors.keys()
    assert finetune.get_config(str(folder / "smooth")).smooth_holes
    for name, smooth in (("smooth", False), ("sequential", True)):
        with pytest.raises(UserError, match=f"{not smooth} there and {smooth} here: set config"):
            start_of(folder / name, config_of(width=2, smooth_holes=smooth))


def test_finetuning_takes_what_the_weights_describe(folder):
    config = finetune.get_config(str(folder / "sequential"))
    assert (config.width, config.data.crop, config.holes.shortest) == (2, 256, 96)
    assert (config.phases.completion, config.init_from) == (0, str(folder / "sequential"))
    assert finetune.get_config(str(folder / "run")).seed == 7
    with pytest.raises(
        UserError, match="partial: a partial-convolution network of .*; configs/finetune"
    ):
        finetune.get_config(str(folder / "partial"))
    (folder / "config.json").write_text('{"method": "template"}')
    with pytest.raises(UserError, match='a "template" network; configs/finetune'):
        finetune.get_config(str(folder))


def test_finetuning_leaves_the_other_pictures_of_its_start_alone(tmp_path):
    theirs = small_config(accumulate=8, data__batch_size=96)
    theirs.data.update(more_roots=("b",), weights=(1.0, 2.0), held_out_sets=("night=c",))
    (tmp_path / "config.json").write_text(theirs.to_json())
    config = finetune.get_config(str(tmp_path))
    assert config.data.root == "data/pictures"
    assert not any(config.data[name] for name in ("more_roots", "weights", "held_out_sets"))
    assert (config.data.batch_size, config.accumulate) == (8, 1)


def test_a_refused_start_leaves_no_run_folder(folder, tmp_path, monkeypatch, capsys):
    command = ["main", "--config", "configs/places2.py", "--workdir", str(tmp_path / "run")]
    start = f"--config.init_from={folder / 'sequential'}"
    data = f"--config.data.root={make_collection(tmp_path / 'pictures', 4)}"
    small = ("--config.data.min_edge=16", "--config.data.held_out_examples=2")
    monkeypatch.setattr(sys, "argv", [*command, start, data, *small, "--config.data.batch_size=4"])
    assert main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "whose layer1.conv.bias is (2,) and this run's (64,)" in line
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_from_weights_scores_them_first_and_goes_on(folder, tmp_path):
    config = config_of(width=2, init_from=str(folder / "sequential"))
    config.data.update(root=str(make_collection(tmp_path / "pictures", 12)), held_out=0.25)
    config.data.update(held_out_examples=4, min_edge=16)
    config.phases.completion = 1
    config.optimizer.learning_rate = 0.0  # the parameters stay what they were given
    run(config, tmp_path / "run")
    records = read_records(tmp_path / "run")
    assert [r["step"] for r in records if r["kind"] == "held_out"] == [0, 1]
    params, _ = restore_network(tmp_path / "run", "completion", like())
    theirs = from_state_dict(state_of("sequential"), MEAN, "").tensors
    for name, leaf in flatten_variables({"params": params}).items():
        np.testing.assert_array_equal(leaf, theirs[name])
