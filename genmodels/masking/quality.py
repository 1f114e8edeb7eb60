"""How close a reconstruction is to the picture, on hidden pixels only: PSNR and SSIM of each picture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from genmodels.masking.patches import on_pixels, paste

SIGMA, RADIUS = 1.5, 5  # of SSIM's Gaussian window, in pixels
C1, C2 = 0.01**2, 0.03**2
LEAST = 1e-10  # mean square error that counts as none: 100 dB


def psnr_hidden(predicted: Tensor, pictures: Tensor, hidden: Tensor) -> Tensor:
    r"""-10 \log_{10} \mathrm{MSE} over hidden pixels, of values in [0, 1]: dB of each picture (B,), at most 100.

    predicted, pictures: (B, 3, S, S) in [-1, 1]; hidden: (B, L) bool. NaN where nothing is hidden.
    """
    error = ((predicted - pictures) / 2).square()
    return -10 * _mean_hidden(error, hidden).clamp(min=LEAST).log10()


def ssim_hidden(predicted: Tensor, pictures: Tensor, hidden: Tensor) -> Tensor:
    """Structural similarity (B,) of the pasted reconstruction and the picture, averaged over hidden pixels.

    Windows at the border of hidden patches reach into visible ones. NaN where nothing is hidden.
    Source: Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity".
    """
    x, y = paste(pictures, predicted, hidden) / 2 + 0.5, pictures / 2 + 0.5
    mean_x, mean_y, xx, yy, xy = _blur(torch.cat([x, y, x * x, y * y, x * y], 1)).split(3, 1)
    var_x, var_y, cov = xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y
    value = (2 * mean_x * mean_y + C1) * (2 * cov + C2) / ((mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2))
    return _mean_hidden(value, hidden)


def _mean_hidden(values: Tensor, hidden: Tensor) -> Tensor:
    mask = on_pixels(hidden, values.shape[-1])
    return (values * mask).sum((1, 2, 3)) / (mask.sum((1, 2, 3)) * values.shape[1])


def _blur(x: Tensor) -> Tensor:
    """Gaussian window over (B, C, S, S), mirrored beyond the border with the border repeated."""
    at = torch.arange(-RADIUS, RADIUS + 1, device=x.device)
    window = torch.exp(-(at**2) / (2 * SIGMA**2)).to(x.dtype)
    kernel = (window / window.sum()).expand(x.shape[1], 1, -1)
    size = x.shape[-1]
    index = torch.arange(-RADIUS, size + RADIUS, device=x.device)
    index = torch.where(index < 0, -1 - index, torch.where(index >= size, 2 * size - 1 - index, index))
    x = x[:, :, index][:, :, :, index]
    x = F.conv2d(x, kernel.unsqueeze(-1), groups=x.shape[1])
    return F.conv2d(x, kernel.unsqueeze(-2), groups=x.shape[1])
