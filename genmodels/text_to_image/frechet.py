"""Fréchet distance between two sets of features (FID's distance, Heusel et al. 2017, arXiv:1706.08500, equation 6)."""

from __future__ import annotations

import numpy as np
from scipy.linalg import sqrtm

COMPONENTS = 64  # with a few hundred pictures, the covariance of more dimensions than these would be mostly noise


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)) of the normal distributions fitted to a (N, D) and b (M, D).

    Not below 0. Raises ValueError unless both have two rows or more of the same length.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"features are {a.shape} and {b.shape}; they must be (N, D) and (M, D) with N, M >= 2")
    apart = ((a.mean(0) - b.mean(0)) ** 2).sum()
    cov_a, cov_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a.astype(np.float64), b.astype(np.float64)))
    mixed = sqrtm(cov_a @ cov_b)
    return max(0.0, float(apart + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(mixed).real))


def components(features: np.ndarray, count: int = COMPONENTS) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and the first principal components (D, count) of features (N, D): x -> (x - mean) @ components."""
    mean = features.mean(0)
    _, _, rows = np.linalg.svd(features - mean, full_matrices=False)
    return mean, rows[:count].T


def mean_distance(groups: np.ndarray) -> float:
    """groups (G, K, D): the mean Euclidean distance between two of the K members of a group, over all groups."""
    apart = np.linalg.norm(groups[:, :, None] - groups[:, None], axis=-1)  # (G, K, K)
    k = groups.shape[1]
    return float(apart.sum((1, 2)).mean() / (k * (k - 1)))
