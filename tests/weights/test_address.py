"""Every kind of address opens the network that is there, and every method's survives conversion."""

import json
import shutil
import sys
import types

import jax
import numpy as np
import pytest

import glcic_jax
from glcic_jax.convert.__main__ import main as convert
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.address import locate, open_trained
from glcic_jax.weights.checkpoint import Checkpoints
from glcic_jax.weights.exchange import read_exchange
from glcic_jax.weights.pretrained import BUNDLED
from tests.helpers.methods import every_method, small_config_of
from tests.helpers.small import MEAN, make_batch, small_config


def random_state(method, seed):
    """Returns a method's state with random numbers in all arrays; nothing is compiled for it."""
    rng = np.random.default_rng(seed)
    like = jax.eval_shape(method.init, jax.random.key(0))
    return jax.tree.map(lambda a: rng.uniform(0.1, 0.2, a.shape).astype(a.dtype), like)


def save_run(folder, config, *steps, **changes):
    """Writes a run folder whose checkpoint of each step holds other numbers."""
    method = METHODS[config.method](config, MEAN)
    about = {"config": config.to_dict() | changes, "mean_pixel": MEAN}
    with Checkpoints(folder, keep=len(steps)) as checkpoints:
        for step in steps:
            checkpoints.save(step, random_state(method, step), about=about, metrics={})


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Holds `run` with steps 3 and 5, `weights` made of step 5, and `hub` with the same weights."""
    root = tmp_path_factory.mktemp("places")
    config = small_config(width=2, discriminators=(), phases__discriminator=0, phases__joint=0)
    save_run(root / "run", config, 3, 5)
    assert convert([str(root / "run"), str(root / "weights")]) == 0
    shutil.copytree(root / "weights", root / "hub/someone/small")
    return root


@pytest.fixture
def here(places, monkeypatch):
    """Goes to `places`, with a Hugging Face Hub that is the folder `hub`."""

    def snapshot_download(name, revision, allow_patterns):
        del allow_patterns
        assert revision in (None, "main")
        if not (places / "hub" / name).is_dir():
            raise RuntimeError(f"404 no {name}")
        return str(places / "hub" / name)

    module = types.ModuleType("huggingface_hub")
    module.snapshot_download = snapshot_download  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    monkeypatch.chdir(places)


def same(first, second):
    """Returns whether the networks that two opened addresses complete with are the same."""
    trees = [
        [(network.params, network.batch_stats) for network in state.networks.values()]
        for _, state in (first.completing(), second.completing())
    ]
    assert jax.tree.structure(trees[0]) == jax.tree.structure(trees[1])
    return all(np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, trees), strict=True))


# Every kind of address ---------------------------------------------------------------------------


ADDRESSES = (
    "run",
    "run@5",
    "weights",
    "weights/model.safetensors",
    "hf://someone/small",
    "hf://someone/small@main",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_all_kinds_of_addresses_open_the_same_network(here, address):
    trained = open_trained(address)
    method, state = trained.completing()
    known, _ = open_trained("run").completing()
    assert (trained.step, int(state.step)) == (5, 5)
    assert trained.mean_pixel == trained.hole_colour == MEAN
    assert trained.config["method"] == "glcic"
    assert trained.settings == {}
    fields = ("networks", "reach", "alignment", "size", "middle", "blends")
    for field in fields:
        assert getattr(method, field) == getattr(known, field), field
    assert same(trained, open_trained("run"))


def test_the_digest_is_that_of_what_was_opened(here):
    digests = {address: open_trained(address).sha256 for address in (*ADDRESSES, "run@3")}
    assert digests["run"] == digests["run@5"]
    assert len({digests[address] for address in ADDRESSES[2:]}) == 1
    assert len(set(digests.values())) == 3


def test_steps_are_chosen_in_the_address_or_besides(here):
    assert open_trained("run@3").step == open_trained("run", 3).step == 3
    assert open_trained("run@3", 3).step == 3
    assert same(open_trained("run@3"), open_trained("run", 3))
    assert not same(open_trained("run@3"), open_trained("run"))


def test_a_folder_whose_name_has_a_step_goes_first(here, places, tmp_path):
    shutil.copytree(places / "run", tmp_path / "run@3")
    shutil.copytree(places / "run", tmp_path / "run")
    assert locate(tmp_path / "run@3").step is None
    assert open_trained(tmp_path / "run@3").step == 5
    assert open_trained(f"{tmp_path}/run@3@3").step == 3
    shutil.rmtree(tmp_path / "run@3")
    assert open_trained(tmp_path / "run@3").step == 3


def test_the_network_that_comes_with_the_package_has_a_name(here):
    trained = open_trained("pretrained")
    assert trained.sha256 == open_trained(BUNDLED).sha256
    assert trained.step == json.loads((BUNDLED / "config.json").read_text())["step"]


# Mistakes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "step", "message"),
    [
        ("nowhere", None, "nowhere: no such file or folder: give the --workdir"),
        ("nowhere@3", None, "nowhere: no such file or folder: give the --workdir"),
        ("nowhere.safetensors", None, "nowhere.safetensors: no such file"),
        ("weights/other.safetensors", None, "other.safetensors: no such file"),
        ("hub", None, "hub: no run folder with a checkpoint"),
        ("weights/config.json", None, "weights/config.json is a part of weights: give that folder"),
        ("run@4", None, r"run: no checkpoint of step 4; there are \[3, 5\]"),
        ("run", 4, r"run: no checkpoint of step 4; there are \[3, 5\]"),
        ("run@3", 5, "run@3 is step 3, but step 5 is asked for"),
        ("weights", 5, "weights holds one network, not a run's checkpoints: leave the step out"),
        ("weights@5", None, "weights holds one network, not a run's checkpoints: leave @5 out"),
        ("pretrained", 5, "pretrained holds one network, not a run's checkpoints: leave the step"),
        ("hf://someone/small", 5, "^hf://someone/small holds one network, not a run's"),
        ("hf://someone/else", None, "hf://someone/else: cannot download it: 404 no someone/else"),
        ("hf://someone", None, "hf://someone: write hf://OWNER/NAME"),
    ],
)
def test_addresses_where_nothing_is_are_refused(here, address, step, message):
    with pytest.raises(UserError, match=message) as refusal:
        open_trained(address, step)
    assert len(str(refusal.value).splitlines()) == 1


def test_converting_refuses_steps_of_what_has_none(here, tmp_path, capsys):
    (tmp_path / "net.t7").write_bytes(b"\3\0\0\0 and more")
    for arguments, message in (
        (("weights@5",), "weights holds one network, not a run's checkpoints: leave @5 out"),
        ((f"{tmp_path}/net.t7@5",), "net.t7 holds one network, not a run's checkpoints: leave @5"),
        (("run@3", "--step=5"), "run@3 is step 3, but step 5 is asked for"),
    ):
        assert convert([*arguments, str(tmp_path / "out")]) == 2
        assert message in capsys.readouterr().err


def test_a_method_that_is_not_known_here_is_refused(tmp_path):
    config = small_config(width=2, discriminators=(), phases__discriminator=0, phases__joint=0)
    save_run(tmp_path, config, 1, method="other")
    trained = open_trained(tmp_path)  # its config can be looked at
    assert trained.config["method"] == "other"
    with pytest.raises(UserError, match=f'{tmp_path} holds a "other" network, known here are'):
        trained.completing()


def test_settings_that_a_method_does_not_have_are_refused(here):
    for address in ("run", "weights"):
        with pytest.raises(UserError, match=f"{address}: .* has no latent_steps: leave it out"):
            open_trained(address).completing(latent_steps=3)


# Every method ------------------------------------------------------------------------------------


def batch_for(config, method):
    """Returns pictures and holes that a method takes: in the middle where it fills nothing else."""
    batch = make_batch(0, 2, config.data.crop)
    image, mask = np.float32(batch["image"] / 255), np.float32(batch["mask"])
    if method.middle:
        around = (config.data.crop - method.middle) // 2
        mask = np.zeros_like(mask)
        mask[:, around:-around, around:-around] = 1
    return image, mask


@pytest.mark.parametrize("name", every_method())
def test_a_converted_run_of_every_method_completes_as_the_run_does(name, tmp_path):
    config = small_config_of(name)
    save_run(tmp_path / "run", config, 3)
    assert convert([str(tmp_path / "run"), str(tmp_path / "out")]) == 0
    method, _ = open_trained(tmp_path / "run").completing()
    image, mask = batch_for(config, method)
    run, converted = glcic_jax.load(tmp_path / "run"), glcic_jax.load(tmp_path / "out")
    completed = np.asarray(run.complete(image, mask))
    np.testing.assert_array_equal(converted.complete(image, mask), completed)
    assert (completed != image).any()
    for field in ("step", "mean_pixel", "reach", "alignment", "size", "middle", "blends"):
        assert getattr(converted, field) == getattr(run, field), field
    trained = open_trained(tmp_path / "out")
    assert trained.config == json.loads(json.dumps(config.to_dict()))
    assert trained.settings == open_trained(tmp_path / "run").settings


def test_a_description_whose_run_builds_no_network_is_refused(tmp_path):
    config = small_config_of("template")
    save_run(tmp_path / "run", config, 3)
    assert convert([str(tmp_path / "run"), str(tmp_path / "out")]) == 0
    path = tmp_path / "out/config.json"
    described = json.loads(path.read_text())
    for broken, message in (
        ({"method": "template"}, "config.json: no network can be built from its run"),
        (described["run"] | {"width": "wide"}, "config.json: no network can be built from its run"),
        (described["run"] | {"width": 0}, "model.safetensors: width is 0: choose"),
        (described["run"] | {"width": 5}, "model.safetensors: completion.params"),
    ):
        path.write_text(json.dumps(described | {"run": broken}))
        with pytest.raises(UserError, match=message) as refusal:
            read_exchange(tmp_path / "out")
        assert len(str(refusal.value).splitlines()) == 1
