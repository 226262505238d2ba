import numpy as np
import pytest
from scipy.ndimage import correlate1d
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from glcic_jax.metrics import HELD_OUT, METRICS
from glcic_jax.metrics.columns import COLUMNS
from glcic_jax.metrics.similarity import SCALE_WEIGHTS

rng = np.random.default_rng(0)
target = rng.random((3, 24, 24, 3), np.float32)
mask = np.zeros((3, 24, 24, 1), np.float32)
mask[0, 3:9, 4:12] = mask[1, 0, 0] = mask[2, :, 12:] = 1


def noisy(clean):
    return np.clip(clean + rng.normal(0, 0.1, clean.shape).astype(np.float32), 0, 1)


def test_errors_by_hand():
    prediction = target + np.float32(0.1)
    scores = {name: metric(prediction, target, mask) for name, metric in METRICS.items()}
    for name in ("hole_l1", "l1"):
        np.testing.assert_allclose(scores[name], 0.1, rtol=1e-5)
    for name in ("hole_l2", "l2"):
        np.testing.assert_allclose(scores[name], 0.01, rtol=1e-5)
    for name in ("hole_psnr", "psnr"):
        np.testing.assert_allclose(scores[name], 20.0, rtol=1e-5)
    inside = np.where(mask == 1, prediction, target)  # the same error, diluted by known pixels
    share = mask.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(METRICS["l1"](inside, target, mask), 0.1 * share, rtol=1e-4)
    np.testing.assert_allclose(METRICS["l2"](inside, target, mask), 0.01 * share, rtol=1e-4)


def test_psnr_is_scikit_images_over_the_whole_picture():
    prediction = noisy(target)
    expected = [peak_signal_noise_ratio(*pair) for pair in zip(target, prediction, strict=True)]
    np.testing.assert_allclose(METRICS["psnr"](prediction, target, mask), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["hole_l1", "hole_l2", "hole_psnr"])  # windows reach further
def test_only_hole_metrics_leave_known_pixels_out(name):
    noise = np.where(mask == 1, 0, rng.random(target.shape, np.float32))
    whole = name.removeprefix("hole_")
    perfect, found = (METRICS[name](p, target, mask) for p in (target, target + noise))
    np.testing.assert_array_equal(found, perfect)
    assert (METRICS[whole](target + noise, target, mask) != perfect).all()


def skimage_ssim(prediction, clean, full=False):
    return structural_similarity(
        prediction.astype(np.float64), clean.astype(np.float64), data_range=1.0, channel_axis=-1,
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=full,
    )  # fmt: skip


@pytest.mark.parametrize("clean", [target, target * 0 + 0.9, target * 0.01])
def test_ssim_is_scikit_images(clean):
    prediction = noisy(clean)
    pairs = list(zip(prediction, clean, strict=True))
    found = METRICS["ssim"](prediction, clean, mask)
    np.testing.assert_allclose(found, [skimage_ssim(*pair) for pair in pairs], atol=1e-4)
    everywhere = METRICS["hole_ssim"](prediction, clean, np.ones_like(mask))
    maps = [skimage_ssim(*pair, full=True)[1].mean() for pair in pairs]
    np.testing.assert_allclose(everywhere, maps, atol=1e-4)
    np.testing.assert_allclose(METRICS["hole_ssim"](clean, clean, mask), 1, rtol=1e-6)


def test_ms_ssim_is_the_papers_formula():
    """Computes it anew after Wang et al. 2003: valid windows, 2 x 2 means, channel by channel."""
    clean = rng.random((1, 15, 14, 3), np.float32).repeat(13, axis=1).repeat(13, axis=2)
    prediction = noisy(clean)
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    taps /= taps.sum()

    def blur(x):
        return correlate1d(correlate1d(x, taps, 0), taps, 1)[5:-5, 5:-5]

    channels = []
    for channel in range(3):
        a, b = (p[0, ..., channel].astype(np.float64) for p in (prediction, clean))
        value = 1.0
        for scale, weight in enumerate(SCALE_WEIGHTS):
            ma, mb = blur(a), blur(b)
            va, vb, ab = blur(a * a) - ma**2, blur(b * b) - mb**2, blur(a * b) - ma * mb
            term = (2 * ab + 9e-4) / (va + vb + 9e-4)
            if scale == 4:
                term = term * (2 * ma * mb + 1e-4) / (ma**2 + mb**2 + 1e-4)
            value *= term.mean() ** weight
            a, b = (
                x[: len(x) // 2 * 2, : x.shape[1] // 2 * 2]
                .reshape(len(x) // 2, 2, x.shape[1] // 2, 2)
                .mean(axis=(1, 3))
                for x in (a, b)
            )
        channels.append(value)
    found = METRICS["ms_ssim"](prediction, clean, np.ones_like(clean[..., :1]))
    np.testing.assert_allclose(found, np.mean(channels), atol=1e-5)


def test_what_is_not_defined_is_nan():
    assert np.isnan(METRICS["ms_ssim"](target, target, mask)).all()
    tiny, hole = target[:1, :9, :9], mask[:1, :9, :9]
    assert np.isnan(METRICS["ssim"](tiny, tiny, hole)).all()
    assert np.isnan(METRICS["seam"](tiny, tiny, np.ones_like(hole))).all()


def test_the_seam_is_the_step_beyond_the_steps_beside_it():
    ramp = np.broadcast_to(
        np.arange(24, dtype=np.float32)[:, None, None] / 100, (1, 24, 24, 3)
    ).copy()
    hole = np.zeros((1, 24, 24, 1), np.float32)
    hole[:, 6:12] = 1  # whole rows, so that all of its boundary is crossed downwards
    np.testing.assert_allclose(METRICS["seam"](ramp, ramp, hole), 0, atol=1e-7)
    lifted = ramp + 0.2 * hole  # steps of 0.01 everywhere, 0.21 into the hole and 0.19 out of it
    np.testing.assert_allclose(METRICS["seam"](lifted, ramp, hole), 0.19, rtol=1e-5)
    turned = [x.transpose(0, 2, 1, 3) for x in (lifted, ramp, hole)]
    np.testing.assert_allclose(METRICS["seam"](*turned), 0.19, rtol=1e-5)
    rough = ramp + hole * rng.uniform(-0.5, 0.5, ramp.shape).astype(np.float32)
    assert METRICS["seam"](rough, ramp, hole) < 0.1


@pytest.mark.parametrize("metric", HELD_OUT.values(), ids=HELD_OUT)
def test_an_empty_mask_is_no_hole(metric):
    with pytest.raises(ValueError, match="a mask is empty"):
        metric(target, target, np.zeros_like(mask))


def test_every_column_is_a_metrics():
    assert set(METRICS) <= set(COLUMNS)
