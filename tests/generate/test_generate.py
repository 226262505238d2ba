"""Pictures that a DCGAN draws: which ones, the files they come in, and refusals."""

import jax
import numpy as np
import pytest

from configs import dcgan_faces64
from glcic_jax.generate import __main__ as generate
from glcic_jax.generate.drawing import BATCH, draw, sheet
from glcic_jax.methods.by_name import METHODS
from glcic_jax.pictures.decode import decode
from glcic_jax.train.step import init_key
from glcic_jax.weights.address import open_trained
from glcic_jax.weights.checkpoint import Checkpoints
from glcic_jax.weights.pretrained import BUNDLED
from tests.helpers.saved_run import save_run
from tests.helpers.small import MEAN


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with a DCGAN of 32 pixels, of random weights large enough to draw by."""
    folder = tmp_path_factory.mktemp("dcgan") / "run"
    config = dcgan_faces64.get_config()
    config.update(width=4, latent=6)
    config.data.update(crop=32, resize=(32, 32))
    state = METHODS["dcgan_completion"](config, MEAN).init(init_key(0))
    network = state.networks["generator"]
    wide = network.replace(params=jax.tree.map(lambda p: 10 * p, network.params))
    state = state.replace(networks=state.networks | {"generator": wide})
    about = {"config": config.to_dict(), "mean_pixel": MEAN}
    with Checkpoints(folder, keep=2) as checkpoints:
        checkpoints.save(3, state, about=about, metrics={})
    return folder


def command(run, *flags, **named):
    return generate.main([f"--checkpoint={run}", *flags, *(f"--{n}={v}" for n, v in named.items())])


def test_pictures_follow_from_seed_and_number_alone(run):
    trained = open_trained(run)
    many = list(draw(trained, BATCH + 3, seed=5))
    assert len(many) == BATCH + 3
    assert {(p.shape, p.dtype.name) for p in many} == {((32, 32, 3), "uint8")}
    assert len({p.tobytes() for p in many}) == len(many)
    np.testing.assert_array_equal(list(draw(trained, 2, seed=5)), many[:2])
    assert (next(draw(trained, 1, seed=6)) != many[0]).any()


def test_a_picture_does_not_depend_on_those_beside_it(run):
    method, state = open_trained(run).completing()
    keys = jax.random.split(jax.random.key(1), 3)
    generated = jax.jit(method.generate)
    drawn, alone = generated(state, keys), generated(state, keys[1:2])
    assert 0 <= drawn.min() < drawn.max() <= 1
    np.testing.assert_allclose(alone[0], drawn[1], atol=1e-5)


def test_a_sheet_has_rows_as_nearly_square_as_they_come():
    pictures = [np.full((3, 4, 3), n, np.uint8) for n in range(5)]
    canvas = sheet(pictures)
    assert canvas.shape == (2 * 3 + 2, 3 * 4 + 2 * 2, 3)
    for number, (top, left) in enumerate([(0, 0), (0, 6), (0, 12), (5, 0), (5, 6)]):
        np.testing.assert_array_equal(canvas[top : top + 3, left : left + 4], pictures[number])
    assert (canvas[5:, 12:] == 255).all()
    assert (canvas[3:5] == 255).all()


def test_one_picture_of_all_and_single_files_show_the_same(run, tmp_path, capsys):
    assert command(run, output=tmp_path / "all.png", count=3, seed=2) == 0
    assert command(f"{run}@3", output=tmp_path / "each", count=3, seed=2) == 0
    assert f"3 pictures drawn, seed 2, in {tmp_path / 'each'}\n" in capsys.readouterr().out
    files = sorted((tmp_path / "each").iterdir())
    assert [path.name for path in files] == ["0000.png", "0001.png", "0002.png"]
    np.testing.assert_array_equal(decode(tmp_path / "all.png"), sheet([decode(p) for p in files]))


def test_mistakes_are_refused_in_one_line_and_nothing_is_written(run, tmp_path, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "photo.png").touch()
    (tmp_path / "folder.png").mkdir()
    glcic = save_run(tmp_path / "glcic")
    before = sorted(tmp_path.rglob("*"))
    for flags, message in {
        ("--count=0",): "--count 0: draw at least one picture",
        ("--seed=-1",): "--seed -1: choose 0 to 4294967295",
        (f"--output={tmp_path / 'full'}",): "full holds something else: choose another --output",
        (f"--output={tmp_path / 'full' / 'photo.png' / 'x'}",): "photo.png: cannot write",
        (f"--output={tmp_path / 'folder.png'}",): "folder.png is a folder: leave out .png",
        (f"--output={tmp_path / 'full' / 'photo.png' / 'x.png'}",): "photo.png: cannot write",
        ("--step=9",): "step 9",
        (f"--checkpoint={glcic}",): "a glcic network only completes, and draws no pictures of its",
        (f"--checkpoint={BUNDLED}",): "only completes, and draws no pictures of its own: give a",
        (f"--checkpoint={tmp_path / 'none'}",): "none: no such file or folder",
    }.items():
        assert command(run, f"--output={tmp_path / 'new'}", *flags) == 2
        refusal = capsys.readouterr().err
        assert message in refusal
        assert refusal.startswith("error: ")
        assert refusal.count("\n") == 1
    assert [p for p in sorted(tmp_path.rglob("*")) if "glcic" not in p.parts] == [
        p for p in before if "glcic" not in p.parts
    ]
