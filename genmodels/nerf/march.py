"""The baked volume's inner loop on the CPU. The browser's shader (demos/nerf/viewer.js) says the same with textures."""

from __future__ import annotations

import math

import numba
import numpy as np

from genmodels.nerf.kernels import MOST, jit, parallel, span

FAINT = 1 / 256  # a sample that adds less is not asked for its colour, and a ray with less left ends
FINE = 16  # entries of the table of opacities for each byte of raw density
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


@jit
def opacities(scale, ahead):
    """Opacity of a sample `ahead` long by its raw density in bytes, in steps of 1 / FINE of a byte."""
    table = np.empty(255 * FINE + 1, np.float32)
    for i in range(len(table)):
        raw = (np.float32(i) / FINE - scale[1, 0]) * scale[0, 0]
        table[i] = 1 - math.exp(-math.exp(min(raw, MOST)) * ahead)
    return table


@parallel
def march(rays_o, rays_d, low, voxel, step, volume, free, scale, background, out):
    """Pictures of the baked volume: out (R, 5) as `kernels.render` gives it, plus the background behind it.

    volume (N, N, N, 16) uint8: raw density, then 4 coefficients each of red, green and blue, then padding; value v
    stands for (v - zero) * scale with scale (2, 16): scale and zero. step in voxels; rays_d (R, 3) of length 1.
    """
    n = volume.shape[0]
    high = low + voxel * (n - 1)
    ahead, one, fine = np.float32(step * voxel), np.float32(1), np.float32(FINE)
    alphas = opacities(scale, ahead)
    for g in numba.prange(BLOCKS):
        total, value, shade = np.empty(5, np.float32), np.empty(16, np.float32), np.empty(16, np.float32)
        for r in range(g * len(out) // BLOCKS, (g + 1) * len(out) // BLOCKS):
            o, d = rays_o[r], rays_d[r]
            t0, t1 = span(o, d, low, high)
            left, t, end = one, np.float32(t0 + 0.5 * ahead), np.float32(t1)
            total[:] = 0
            if t0 < t1:
                shades(d, scale, shade)
            # the ray in units of voxels, from the grid's corner
            ox, oy, oz = (o[0] - low[0]) / voxel, (o[1] - low[1]) / voxel, (o[2] - low[2]) / voxel
            dx, dy, dz = d[0] / voxel, d[1] / voxel, d[2] / voxel
            while t < end:
                gx, gy, gz = ox + t * dx, oy + t * dy, oz + t * dz
                i, j, u = min(max(int(gx), 0), n - 2), min(max(int(gy), 0), n - 2), min(max(int(gz), 0), n - 2)
                away = free[i, j, u]
                if away > 0:
                    t += ahead * np.float32(max(1, int(np.float32(away - 1) / step)))
                    continue
                fx, fy, fz = gx - np.float32(i), gy - np.float32(j), gz - np.float32(u)
                raw = np.float32(0)
                for a in range(2):
                    for b in range(2):
                        w = (fx if a else one - fx) * (fy if b else one - fy)
                        near, far = volume[i + a, j + b, u, 0], volume[i + a, j + b, u + 1, 0]
                        raw += w * ((one - fz) * np.float32(near) + fz * np.float32(far))
                alpha = alphas[min(max(int(raw * fine), 0), len(alphas) - 1)]
                weight = left * alpha
                if weight > FAINT:
                    value[:] = 0
                    for a in range(2):
                        for b in range(2):
                            for c in range(2):
                                w = (fx if a else one - fx) * (fy if b else one - fy) * (fz if c else one - fz)
                                corner = volume[i + a, j + b, u + c]
                                for m in range(16):
                                    value[m] += w * np.float32(corner[m])
                    for c in range(3):
                        color = np.float32(0.5)
                        for m in range(4):
                            color += (value[1 + 4 * c + m] - scale[1, 1 + 4 * c + m]) * shade[1 + 4 * c + m]
                        total[c] += weight * max(color, np.float32(0))
                total[3] += weight
                total[4] += weight * t
                left *= one - alpha
                if left < FAINT:
                    break
                t += ahead
            for c in range(3):
                out[r, c] = total[c] + left * background
            out[r, 3], out[r, 4] = total[3], total[4]
