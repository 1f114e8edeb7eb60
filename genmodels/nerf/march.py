"""The baked volume's inner loop on the CPU. The browser's shader (demos/nerf/viewer.js) says the same with textures."""

from __future__ import annotations

import math

import numba
import numpy as np

from genmodels.nerf.kernels import MOST, OPAQUE, jit, parallel, span

FAINT = 1 / 256  # a sample that adds less than this to a pixel is not asked for its colour
BLOCKS = 64  # pieces of the picture that threads take in turn


@jit
def shades(d, scale, out):
    """The harmonics of direction d, each times the scale of its coefficient, in the order of a volume's row."""
    out[0] = 0
    for c in range(3):
        out[1 + 4 * c] = 0.28209479 * scale[0, 1 + 4 * c]
        out[2 + 4 * c] = -0.48860251 * d[1] * scale[0, 2 + 4 * c]
        out[3 + 4 * c] = 0.48860251 * d[2] * scale[0, 3 + 4 * c]
        out[4 + 4 * c] = -0.48860251 * d[0] * scale[0, 4 + 4 * c]


@parallel
def march(rays_o, rays_d, low, voxel, step, volume, free, scale, background, out):
    """Pictures of the baked volume: out (R, 5) as `kernels.render` gives it, plus the background behind it.

    volume (N, N, N, 16) uint8: raw density, then 4 coefficients each of red, green and blue, then padding; value v
    stands for (v - zero) * scale with scale (2, 16): scale and zero. step in voxels; rays_d (R, 3) of length 1.
    """
    n = volume.shape[0]
    high = low + voxel * (n - 1)
    ahead = np.float32(step * voxel)
    for g in numba.prange(BLOCKS):
        total, value = np.empty(5, np.float32), np.empty(16, np.float32)
        shade = np.empty(16, np.float32)
        for r in range(g * len(out) // BLOCKS, (g + 1) * len(out) // BLOCKS):
            o, d = rays_o[r], rays_d[r]
            t0, t1 = span(o, d, low, high)
            left, t = np.float32(1.0), np.float32(t0 + 0.5 * ahead)
            total[:] = 0
            if t0 < t1:
                shades(d, scale, shade)
            while t < t1:
                gx = (o[0] + t * d[0] - low[0]) / voxel
                gy = (o[1] + t * d[1] - low[1]) / voxel
                gz = (o[2] + t * d[2] - low[2]) / voxel
                i, j, u = min(max(int(gx), 0), n - 2), min(max(int(gy), 0), n - 2), min(max(int(gz), 0), n - 2)
                away = free[i, j, u]
                if away > 0:
                    t += ahead * max(1, int((away - 1) / step))
                    continue
                fx, fy, fz = np.float32(gx - i), np.float32(gy - j), np.float32(gz - u)
                raw = np.float32(0)
                for a in range(2):
                    for b in range(2):
                        w = (fx if a else 1 - fx) * (fy if b else 1 - fy)
                        raw += w * (1 - fz) * volume[i + a, j + b, u, 0] + w * fz * volume[i + a, j + b, u + 1, 0]
                alpha = 1 - math.exp(-math.exp(min((raw - scale[1, 0]) * scale[0, 0], MOST)) * ahead)
                weight = left * alpha
                if weight > FAINT:
                    value[:] = 0
                    for a in range(2):
                        for b in range(2):
                            for c in range(2):
                                w = (fx if a else 1 - fx) * (fy if b else 1 - fy) * (fz if c else 1 - fz)
                                corner = volume[i + a, j + b, u + c]
                                for m in range(16):
                                    value[m] += w * corner[m]
                    for c in range(3):
                        color = np.float32(0.5)
                        for m in range(4):
                            color += (value[1 + 4 * c + m] - scale[1, 1 + 4 * c + m]) * shade[1 + 4 * c + m]
                        total[c] += weight * max(color, np.float32(0))
                total[3] += weight
                total[4] += weight * t
                left *= 1 - alpha
                if left < OPAQUE:
                    break
                t += ahead
            for c in range(3):
                out[r, c] = total[c] + left * background
            out[r, 3], out[r, 4] = total[3], total[4]
