"""What windows cover, and that a network answers through them as if it had seen everything."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glcic_jax.complete import large_pictures
from glcic_jax.complete.completer import Completer, make_complete_fn
from glcic_jax.complete.large_pictures import WINDOW_STEP, windows
from glcic_jax.methods.by_name import METHODS
from glcic_jax.methods.glcic.completion_network import CompletionNetwork
from glcic_jax.train.step import init_key
from tests.helpers.small import MEAN, small_config

rng = np.random.default_rng(0)


def strokes(height, width, *boxes):
    mask = np.zeros((height, width), bool)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


MASKS = {
    "one small hole": strokes(900, 1300, (400, 600, 450, 700)),
    "at the corners": strokes(900, 1301, (0, 0, 9, 9), (880, 1290, 900, 1301)),
    "far apart": strokes(901, 1300, (5, 5, 9, 9), (5, 1200, 30, 1250), (800, 10, 850, 20)),
    "larger than a window": strokes(700, 800, (100, 50, 650, 750)),
    "one pixel": strokes(603, 601, (602, 600, 603, 601)),
    "scattered": rng.random((700, 900)) < 1e-4,
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize(
    ("reach", "longest", "alignment"), [(153, 640, 32), (10, 128, 32), (100, 640, 256)]
)
def test_windows_cover_the_holes_with_all_they_depend_on(mask, reach, longest, alignment):
    answered = np.zeros_like(mask)
    for seen, answer in windows(mask, reach, longest, alignment):
        answered[answer] = True
        for outer, inner, size in zip(seen, answer, mask.shape, strict=True):
            assert outer.start % alignment == 0
            assert outer.start <= max(inner.start - reach, 0)
            assert outer.stop >= min(inner.stop + reach, size)
            assert outer.stop <= size
            assert outer.stop - outer.start <= longest + max(WINDOW_STEP, alignment)
    assert not (mask & ~answered).any()


def test_no_hole_takes_no_window():
    assert windows(np.zeros((9, 9), bool), 153, 640, 32) == []


def test_outputs_depend_on_nothing_beyond_the_reach():
    network = CompletionNetwork(train=False, width=2)
    reach = network.reach
    size = 2 * reach + 94
    x = jnp.ones((1, size, size, 4))
    drawn = jax.eval_shape(network.init, jax.random.key(0), x)["params"]
    # Means of what each tap sees: no unit is dead, so every dependence shows.
    params = jax.tree.map(lambda p: jnp.ones(p.shape) / max(p.size // p.shape[-1], 1), drawn)
    norms = {name: {"norm": {"mean": 0.0, "var": 1.0}} for name in drawn if "norm" in name}
    variables = {"params": params, "batch_stats": norms}
    depends = jax.jit(
        lambda x, row: jax.grad(lambda x: network.apply(variables, x)[0, row, row].sum())(x)
    )
    for row in range(reach + 44, reach + 48):  # all phases of the two halvings
        seen = np.flatnonzero(np.abs(depends(x, row)).sum(axis=(0, 2, 3)))
        assert row - reach <= seen[0]
        assert seen[-1] <= row + reach
        assert seen[-1] - seen[0] + 1 >= 299  # no more is given than is needed


@pytest.mark.parametrize(
    "name", ["at the corners", pytest.param("larger than a window", marks=pytest.mark.slow)]
)
def test_windows_answer_as_the_whole_picture_does(name, monkeypatch):
    monkeypatch.setattr(large_pictures, "LONGEST_WINDOW", 640)
    config = small_config(width=4, discriminators=(), phases__discriminator=0, phases__joint=0)
    method = METHODS["glcic"](config, MEAN)
    complete = make_complete_fn(method, method.init(init_key(0)))
    mask = MASKS[name]
    image = rng.integers(0, 256, (*mask.shape, 3), np.uint8)
    whole = Completer(complete, MEAN, 0, reach=None)(image, mask)
    through_windows = Completer(complete, MEAN, 0, method.reach)(image, mask)
    assert method.reach == 153
    assert np.abs(whole.astype(int) - through_windows.astype(int)).max() <= 1
    np.testing.assert_array_equal(through_windows[~mask], image[~mask])
