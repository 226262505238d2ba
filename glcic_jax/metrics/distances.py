"""Computes distances between two collections of pictures from a network's features [n, d]."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from glcic_jax.metrics.bootstrap import Estimate, pairs_mean

Features = Float[np.ndarray, "n d"]

SLACK = 1.0
"""Cost of an error relative to the length of the normal: C, at the default of LinearSVC."""

STEPS = 100
"""Most steps of Newton's method, which takes about ten."""

SHORTEST = 1e-6
"""Shortest part of a step that is tried. If it does not help, the minimum is reached."""


class Fooled(NamedTuple):
    """Holds how often a plane between features takes completions for the truth.

    Attributes:
      paired: share in [0, 1] of pictures whose completion looks more real than their truth.
      unpaired: share in [0, 1] of all pictures that lie on the wrong side.
    """

    paired: float
    unpaired: float


def kernel_distance(completed: Features, truth: Features) -> Estimate:
    """Returns the squared maximum mean discrepancy under (x . y / d + 1)^3 (Binkowski et al. 2018).

    This is the unbiased estimate for pairs, eq. (4) of Gretton et al. 2012: row i of both is the
    same picture, and no pair of i with itself counts. It may be slightly below 0.
    """
    x, y = completed.astype(np.float64), truth.astype(np.float64)

    def kernel(a: Features, b: Features) -> Float[np.ndarray, "m n"]:
        return (a @ b.T / a.shape[1] + 1) ** 3

    def rows(part: slice) -> Float[np.ndarray, "m n"]:
        own = kernel(x[part], x) + kernel(y[part], y)
        return own - kernel(x[part], y) - kernel(y[part], x)

    return pairs_mean(rows, len(x))


def frechet_distance(completed: Features, truth: Features) -> float:
    """Returns the squared Frechet distance of Gaussians with the features' means and covariances.

    It is |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) (Heusel et al. 2017). It is biased: the fewer
    pictures, the larger. With no more pictures than features the covariances do not have full rank.
    NaN for fewer than two pictures.
    """
    x, y = completed.astype(np.float64), truth.astype(np.float64)
    if len(x) < 2:
        return np.nan
    # With C = R' R, tr (C1 C2)^(1/2) is the sum of the singular values of R1 R2'. So neither a
    # covariance nor its root is computed.
    first, second = (
        np.linalg.qr(z - z.mean(axis=0), mode="r") / np.sqrt(len(z) - 1) for z in (x, y)
    )
    between = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    apart = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    return float(apart + np.square(first).sum() + np.square(second).sum() - 2 * between)


def fooled(completed: Features, truth: Features) -> Fooled:
    """Returns the discriminative scores P-IDS and U-IDS (Zhao et al. 2021, section 4).

    A linear support vector machine is trained on all features, truths against completions. Paired:
    the share of pictures whose completion it finds more real than their truth. Unpaired: the share
    of all that it takes for the other kind. Completions that look like the truth reach 0.5.
    """
    x = np.concatenate([truth, completed]).astype(np.float64)
    labels = np.repeat([1.0, -1.0], len(truth))
    real, filled = np.split(_separate(x, labels), 2)
    wrong = np.concatenate([real <= 0, filled > 0])
    return Fooled(float((filled > real).mean()), float(wrong.mean()))


def _separate(x: Features, labels: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Returns a linear support vector machine's decision values for what it was trained with.

    It is the minimum over w of |w|^2 / 2 + C sum_i max(0, 1 - y_i w . (x_i, 1))^2, which
    scikit-learn's LinearSVC approximates. Newton's method finds it exactly (Mangasarian 2002): as
    long as the same pictures lie within the margin, the objective is quadratic.
    """
    x = np.append(x, np.ones((len(x), 1)), axis=1)

    def within(w: np.ndarray) -> Bool[np.ndarray, "n"]:
        return labels * (x @ w) < 1

    def objective(w: np.ndarray) -> float:
        short = np.maximum(0, 1 - labels * (x @ w))
        return float(w @ w / 2 + SLACK * short @ short)

    w = np.zeros(x.shape[1])
    for _ in range(STEPS):
        chosen = within(w)
        inside = x[chosen]
        system = np.eye(len(w)) + 2 * SLACK * inside.T @ inside
        target = np.linalg.solve(system, 2 * SLACK * inside.T @ labels[chosen])
        # Shorten the step until the objective falls.
        step = 1.0
        while objective(w + step * (target - w)) >= objective(w) and step > SHORTEST:
            step /= 2
        if step <= SHORTEST:
            break
        w = w + step * (target - w)
        if step == 1 and (within(w) == chosen).all():
            break
    return x @ w
