"""How close a rendered view is to the true one: PSNR and SSIM, as the paper's tables state them."""

from __future__ import annotations

import math

from skimage.metrics import structural_similarity
from torch import Tensor


def psnr(picture: Tensor, truth: Tensor) -> float:
    r"""-10 \log_{10} \mathrm{MSE} in dB, of values in [0, 1] of equal shape; infinite for equal pictures."""
    error = float((picture.double() - truth.double()).square().mean())
    return -10 * math.log10(error) if error else math.inf


def ssim(picture: Tensor, truth: Tensor) -> float:
    """Structural similarity of two pictures (H, W, 3) in [0, 1], averaged over channels and places; at most 1.

    Source: Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity", with its
    Gaussian window of sigma = 1.5, by scikit-image.
    """
    return float(
        structural_similarity(
            picture.double().numpy(),
            truth.double().numpy(),
            channel_axis=-1,
            data_range=1.0,
            gaussian_weights=True,
            use_sample_covariance=False,
        )
    )
