import numpy as np
import pytest
from skimage.metrics import structural_similarity

from glcic_jax.evaluate import evaluate
from glcic_jax.metrics import METRICS, hole_l1, hole_psnr, hole_ssim

rng = np.random.default_rng(0)
target = rng.random((3, 24, 24, 3), np.float32)
mask = np.zeros((3, 24, 24, 1), np.float32)
mask[0, 3:9, 4:12] = mask[1, 0, 0] = mask[2, :, 12:] = 1


def test_l1_and_psnr_by_hand():
    prediction = target + np.float32(0.1)
    np.testing.assert_allclose(hole_l1(prediction, target, mask), 0.1, rtol=1e-5)
    np.testing.assert_allclose(hole_psnr(prediction, target, mask), 20.0, rtol=1e-5)


def test_known_pixels_do_not_count():
    noise = np.where(mask == 1, 0, rng.random(target.shape, np.float32))
    np.testing.assert_array_equal(hole_l1(target + noise, target, mask), 0)
    np.testing.assert_array_equal(hole_psnr(target + noise, target, mask), 100)


def test_ssim_is_scikit_images_map_inside_the_hole():
    prediction = np.clip(target + rng.normal(0, 0.1, target.shape).astype(np.float32), 0, 1)
    everything = np.ones_like(mask)
    expected = [
        structural_similarity(
            *pair, data_range=1.0, channel_axis=-1, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False, full=True,
        )[1].mean()
        for pair in zip(prediction, target, strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose(hole_ssim(prediction, target, everything), expected, rtol=1e-6)
    np.testing.assert_allclose(hole_ssim(target, target, mask), 1, rtol=1e-6)


@pytest.mark.parametrize("name", METRICS)
def test_an_empty_mask_is_no_hole(name):
    with pytest.raises(ValueError, match="a mask is empty"):
        METRICS[name](target, target, np.zeros_like(mask))


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

    scores = evaluate(blacken, fixed, METRICS, batch_size)
    image, mask = fixed["image"].astype(np.float32) / 255, fixed["mask"].astype(np.float32)
    for name, metric in METRICS.items():
        np.testing.assert_allclose(scores[name], metric(image * (1 - mask), image, mask).mean())
