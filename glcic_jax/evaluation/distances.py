"""Distances between two collections of pictures, from features [n, d] of a network."""

import numpy as np
from jaxtyping import Float

from glcic_jax.evaluation.bootstrap import Estimate, pairs_mean

Features = Float[np.ndarray, "n d"]


def kernel_distance(completed: Features, truth: Features) -> Estimate:
    """Squared maximum mean discrepancy under k(x, y) = (x . y / d + 1)^3 (Binkowski et al. 2018).

    The unbiased estimate for pairs, eq. (4) of Gretton et al. 2012: row i of both is the same
    picture, and no pair of i with itself counts. It may be slightly below 0.
    """
    x, y = completed.astype(np.float64), truth.astype(np.float64)

    def kernel(a: Features, b: Features) -> Float[np.ndarray, "n n"]:
        return (a @ b.T / a.shape[1] + 1) ** 3

    mixed = kernel(x, y)
    return pairs_mean(kernel(x, x) + kernel(y, y) - mixed - mixed.T)


def frechet_distance(completed: Features, truth: Features) -> float:
    """Squared Frechet distance of two Gaussians with the features' means and covariances.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) (Heusel et al. 2017). Biased: the fewer pictures,
    the larger. NaN unless there are more of them than features, else the covariances say nothing.
    """
    x, y = completed.astype(np.float64), truth.astype(np.float64)
    if len(x) <= x.shape[1]:
        return np.nan
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    # The eigenvalues of C1 C2 are those of the symmetric R C2 R with R = C1^(1/2).
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    product = np.linalg.eigvalsh(root @ second @ root)
    between = np.sqrt(np.maximum(product, 0)).sum()
    apart = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    return float(apart + np.trace(first) + np.trace(second) - 2 * between)
