import numpy as np
import pytest

from glcic_jax.metrics import METRICS
from glcic_jax.metrics.scoring import score

rng = np.random.default_rng(0)


def examples(count):
    images = rng.integers(0, 256, (count, 16, 16, 3), np.uint8)
    masks = np.zeros((count, 16, 16, 1), np.uint8)
    masks[:, 4:9, 5:9] = 1
    return {"image": images, "mask": masks}


@pytest.mark.parametrize("batch_size", [1, 3, 7, 16])
def test_evaluation_weighs_every_picture_once_whatever_the_batch(batch_size):
    fixed = examples(7)

    def blacken(image, mask):
        return image * (1 - mask)

    scores = score(blacken, fixed, METRICS, batch_size)
    image, mask = fixed["image"].astype(np.float32) / 255, fixed["mask"].astype(np.float32)
    for name, metric in METRICS.items():
        expected = metric(image * (1 - mask), image, mask).mean()
        np.testing.assert_allclose(scores[name], expected, rtol=1e-5)
