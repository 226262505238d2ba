"""Folded networks for GLCIC-PyTorch's class: its names, its arithmetic, and what it cannot hold."""

import numpy as np
import pytest

from glcic_jax.complete.completer import make_complete_fn
from glcic_jax.convert import pytorch_folded
from glcic_jax.convert.pytorch_folded import IDENTITY, to_folded_state_dict
from glcic_jax.convert.pytorch_glcic import from_state_dict
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.exchange import write_exchange
from glcic_jax.weights.glcic import EPSILON, CompletionWeights, completion_shapes, fold
from tests.helpers.glcic_pytorch import completed, state_shapes
from tests.helpers.ports import convert, weights_of

MEAN, BLACK = (0.46, 0.42, 0.38), (0.0, 0.0, 0.0)
TOLERANCE = 1e-5


def random_weights(mean_pixel, width=8, near=False):
    """Draws a network; if `near`, its layers 5 to 12 look at one pixel each."""
    rng = np.random.default_rng(17)
    tensors = {}
    for name, shape in completion_shapes(width).items():
        if name.endswith("kernel"):
            fan_in = shape[0] * shape[1] * shape[2]
            tensor = rng.normal(0, np.sqrt(2 / fan_in), shape)
            number = int(name.partition(".")[0].removeprefix("layer"))
            if near and 5 <= number <= 12:
                middle = 3 * tensor[1, 1]
                tensor[:] = 0
                tensor[1, 1] = middle
        elif name.endswith(("scale", "var")):
            tensor = rng.uniform(0.5, 1.5, shape)
        else:
            tensor = rng.normal(0, 0.2, shape)
        tensors[name] = tensor.astype(np.float32)
    return CompletionWeights(tensors=tensors, mean_pixel=mean_pixel)


def drawn(height, width):
    rng = np.random.default_rng(height)
    mask = np.zeros((height, width, 1), np.float32)
    mask[2 : height // 2, 6 : width - 4] = 1
    return rng.random((height, width, 3), np.float32), mask


def ours(weights, image, mask):
    return np.asarray(make_complete_fn(*weights.completing())(image[None], mask[None]))[0]


@pytest.fixture
def narrow(monkeypatch):
    """Lets the class be as narrow as the networks here, which is faster to compute."""
    monkeypatch.setattr(pytorch_folded, "WIDTH", 8)


def test_names_shapes_and_types_are_the_classs():
    title, state = to_folded_state_dict(fold(random_weights(MEAN, width=64)))
    assert title == "GLCIC-PyTorch"
    assert {name: tensor.shape for name, tensor in state.items()} == state_shapes()
    for name, tensor in state.items():
        assert tensor.dtype == (np.int64 if name.endswith("tracked") else np.float32)


def test_its_batch_norm_changes_nothing():
    assert np.float32(IDENTITY["var"]) + np.float32(EPSILON) == 1


@pytest.mark.usefixtures("narrow")
def test_it_computes_what_ours_does():
    """With a black mean pixel the zeros around a picture are the same to both."""
    weights = random_weights(BLACK)
    state = to_folded_state_dict(fold(weights))[1]
    for size in (16, 16), (24, 36), (60, 44):
        image, mask = drawn(*size)
        output = completed(state, image, mask, BLACK)
        assert output[mask[..., 0] == 1].std() > 0.05
        np.testing.assert_allclose(ours(weights, image, mask), output, atol=TOLERANCE)


@pytest.mark.usefixtures("narrow")
def test_with_a_mean_pixel_it_does_so_away_from_the_edge():
    centred = random_weights(MEAN, near=True)
    image, mask = drawn(64, 72)
    mask[:] = 1
    mask[30:34, 30:34] = 0
    theirs = completed(to_folded_state_dict(fold(centred))[1], image, mask, MEAN)
    apart = np.abs(ours(centred, image, mask) - theirs).max(axis=2)
    assert apart[16:-16, 16:-16].max() < TOLERANCE
    assert apart[0].max() > 100 * TOLERANCE


@pytest.mark.usefixtures("narrow")
def test_read_back_it_computes_what_the_class_does():
    """Checks our reading of the class's files against the class itself, edges included."""
    state = to_folded_state_dict(fold(random_weights(MEAN)))[1]
    image, mask = drawn(24, 36)
    back = from_state_dict(state, MEAN, "net.pth")
    assert back.relu_first
    np.testing.assert_allclose(
        ours(back, image, mask), completed(state, image, mask, MEAN), atol=TOLERANCE
    )


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("sequential", "is 64 channels wide, and this one 2: leave --fold out"),
        ("mmagic", "no PyTorch program is known whose network computes as this one: leave --fold"),
    ],
)
def test_what_the_class_cannot_hold_is_refused(program, message, tmp_path, capsys):
    write_exchange(weights_of(program), tmp_path / "net")
    with pytest.raises(UserError, match=message):
        to_folded_state_dict(fold(weights_of(program)))
    assert convert(tmp_path / "net", tmp_path / "net.pth", "--fold") == 2
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert message in line
    assert not (tmp_path / "net.pth").exists()
