"""The fast field's inner loops, compiled for the CPU: march a ray, its gradient by hand, Adam.

A field is a sparse grid: `index` (N, N, N) int32 gives each vertex its row of `params` (M, C), or -1 where space is
empty; a row is the raw density, then K spherical-harmonic coefficients for each of red, green and blue, then padding.
Between vertices rows are interpolated trilinearly; sigma = exp(raw), colour = SH(direction) + 1/2, not below 0.
`render.py` says the same in plain equations, and tests hold these loops to it.
"""

from __future__ import annotations

import math

import numba
import numpy as np

EMPTY = -5.0  # raw density of a vertex without a row: sigma = exp(-5)
MOST = 9.0  # raw density above which sigma does not grow
OPAQUE = 1e-3  # transmittance below which a ray is not followed further
GROUPS = 4  # gradient buffers, whatever the number of threads, so that sums come out alike on every machine
STEP = 0.5  # of a voxel, between samples
jit = numba.njit(fastmath={"contract", "reassoc", "nsz", "arcp"}, cache=True, nogil=True)
parallel = numba.njit(fastmath={"contract", "reassoc", "nsz", "arcp"}, cache=True, nogil=True, parallel=True)


@jit
def harmonics(x, y, z, out):
    """Real spherical harmonics of a unit direction up to degree 2, in render.py's order; out (K,), K = 1, 4 or 9."""
    out[0] = 0.28209479
    if len(out) > 1:
        out[1] = -0.48860251 * y
        out[2] = 0.48860251 * z
        out[3] = -0.48860251 * x
    if len(out) > 4:
        out[4] = 1.0925484 * x * y
        out[5] = -1.0925484 * y * z
        out[6] = 0.31539157 * (2.0 * z * z - x * x - y * y)
        out[7] = -1.0925484 * x * z
        out[8] = 0.54627422 * (x * x - y * y)


@jit
def span(o, d, low, high):
    """Where the ray o + t d enters and leaves the box: (t0, t1), t1 <= t0 when it misses."""
    t0, t1 = 0.0, 1e9
    for axis in range(3):
        if abs(d[axis]) < 1e-9:
            if o[axis] < low[axis] or o[axis] > high[axis]:
                return 1.0, 0.0
            continue
        a, b = (low[axis] - o[axis]) / d[axis], (high[axis] - o[axis]) / d[axis]
        t0, t1 = max(t0, min(a, b)), min(t1, max(a, b))
    return t0, t1


@jit
def gather(o, d, jitter, low, voxel, index, free, params, basis, at, share, found):
    """The samples of one ray: corner rows `at` (S, 8), their weights `share` (S, 8), and `found` (S, 5): raw density,
    red, green, blue before the clamp, t. d is a unit vector, jitter in [0, 1). Returns the number of samples."""
    n, k = index.shape[0], len(basis)
    high = low + voxel * (n - 1)
    t0, t1 = span(o, d, low, high)
    step, count = STEP * voxel, 0
    reach, limit, left = t0 + jitter * step, len(at), 1.0
    while reach < t1 and count < limit:
        gx, gy = (o[0] + reach * d[0] - low[0]) / voxel, (o[1] + reach * d[1] - low[1]) / voxel
        gz = (o[2] + reach * d[2] - low[2]) / voxel
        i, j, u = min(max(int(gx), 0), n - 2), min(max(int(gy), 0), n - 2), min(max(int(gz), 0), n - 2)
        away = free[i, j, u]
        if away > 0:  # no occupied cell within `away - 1` cells: whole steps, so that samples keep their places
            reach += step * max(1, int((away - 1) / STEP))
            continue
        fx, fy, fz = gx - i, gy - j, gz - u
        raw, red, green, blue = 0.0, 0.0, 0.0, 0.0
        for corner in range(8):
            a, b, c = corner >> 2, (corner >> 1) & 1, corner & 1
            w = (fx if a else 1 - fx) * (fy if b else 1 - fy) * (fz if c else 1 - fz)
            row = index[i + a, j + b, u + c]
            at[count, corner], share[count, corner] = row, w
            if row < 0:
                raw += w * EMPTY
                continue
            raw += w * params[row, 0]
            for m in range(k):
                y = w * basis[m]
                red += y * params[row, 1 + m]
                green += y * params[row, 1 + k + m]
                blue += y * params[row, 1 + 2 * k + m]
        found[count, 0], found[count, 1], found[count, 2], found[count, 3] = raw, red + 0.5, green + 0.5, blue + 0.5
        found[count, 4] = reach
        left *= math.exp(-math.exp(min(raw, MOST)) * step)
        count += 1
        if left < OPAQUE:
            break
        reach += step
    return count


@parallel
def render(rays_o, rays_d, low, voxel, index, free, params, k, out):
    """out (R, 5): red, green, blue on black, opacity, expected distance. rays_d (R, 3) unit vectors."""
    longest = int(3.5 * index.shape[0] / STEP)
    for g in numba.prange(64):
        at, share = np.empty((longest, 8), np.int32), np.empty((longest, 8), np.float32)
        found, basis = np.empty((longest, 5), np.float32), np.empty(k, np.float32)
        for r in range(g * len(out) // 64, (g + 1) * len(out) // 64):
            d = rays_d[r]
            harmonics(d[0], d[1], d[2], basis)
            count = gather(rays_o[r], d, 0.5, low, voxel, index, free, params, basis, at, share, found)
            left, total = 1.0, np.zeros(5, np.float32)
            for s in range(count):
                alpha = 1 - math.exp(-math.exp(min(found[s, 0], MOST)) * STEP * voxel)
                weight = left * alpha
                for c in range(3):
                    total[c] += weight * max(found[s, 1 + c], 0.0)
                total[3] += weight
                total[4] += weight * found[s, 4]
                left *= 1 - alpha
            out[r] = total


@parallel
def gradient(rays_o, rays_d, jitter, target, low, voxel, index, free, params, k, grads, losses):
    """Gradient of the mean over rays of the squared error of red, green, blue and opacity, added to grads
    (GROUPS, M, C); losses (GROUPS,) gets the groups' sums. target (R, 4) premultiplied."""
    longest = int(3.5 * index.shape[0] / STEP)
    rays, step = len(target), STEP * voxel
    for g in numba.prange(GROUPS):
        at, share = np.empty((longest, 8), np.int32), np.empty((longest, 8), np.float32)
        found, basis = np.empty((longest, 5), np.float32), np.empty(k, np.float32)
        alphas, weights, error = np.empty(longest, np.float32), np.empty(longest, np.float32), np.empty(4, np.float32)
        shade, grad = np.empty(3, np.float32), grads[g]
        total = 0.0
        for r in range(g * rays // GROUPS, (g + 1) * rays // GROUPS):
            d = rays_d[r]
            harmonics(d[0], d[1], d[2], basis)
            count = gather(rays_o[r], d, jitter[r], low, voxel, index, free, params, basis, at, share, found)
            left = 1.0
            for c in range(4):
                error[c] = -target[r, c]
            for s in range(count):
                alphas[s] = 1 - math.exp(-math.exp(min(found[s, 0], MOST)) * step)
                weights[s] = left * alphas[s]
                left *= 1 - alphas[s]
                for c in range(3):
                    error[c] += weights[s] * max(found[s, 1 + c], 0.0)
                error[3] += weights[s]
            for c in range(4):
                total += error[c] * error[c]
                error[c] *= 2.0 / rays
            behind = 0.0  # sum of later weights times what they show, along the error
            for s in range(count - 1, -1, -1):
                seen = error[3]
                for c in range(3):
                    seen += error[c] * max(found[s, 1 + c], 0.0)
                    # a colour below 0 is clamped; the gradient passes when it pulls it back up
                    shade[c] = weights[s] * error[c] if found[s, 1 + c] > 0 or error[c] < 0 else 0.0
                after = weights[s] / max(alphas[s], 1e-9) * (1 - alphas[s])
                draw = (after * seen - behind) * step * math.exp(min(found[s, 0], MOST))
                behind += weights[s] * seen
                for corner in range(8):
                    row = at[s, corner]
                    if row < 0:
                        continue
                    w = share[s, corner]
                    grad[row, 0] += w * draw
                    for m in range(k):
                        y = w * basis[m]
                        grad[row, 1 + m] += y * shade[0]
                        grad[row, 1 + k + m] += y * shade[1]
                        grad[row, 1 + 2 * k + m] += y * shade[2]
        losses[g] = total


@parallel
def visibility(rays_o, rays_d, low, voxel, index, free, params, k, best):
    """best (GROUPS, M): the largest weight with which a vertex contributes to any of the rays."""
    longest = int(3.5 * index.shape[0] / STEP)
    rays = len(rays_o)
    for g in numba.prange(GROUPS):
        at, share = np.empty((longest, 8), np.int32), np.empty((longest, 8), np.float32)
        found, basis = np.empty((longest, 5), np.float32), np.zeros(k, np.float32)
        for r in range(g * rays // GROUPS, (g + 1) * rays // GROUPS):
            count = gather(rays_o[r], rays_d[r], 0.5, low, voxel, index, free, params, basis, at, share, found)
            left = 1.0
            for s in range(count):
                alpha = 1 - math.exp(-math.exp(min(found[s, 0], MOST)) * STEP * voxel)
                for corner in range(8):
                    row = at[s, corner]
                    if row >= 0:
                        best[g, row] = max(best[g, row], left * alpha * share[s, corner])
                left *= 1 - alpha


@parallel
def adam(params, grads, first, second, time, lr_density, lr_base, lr_view, k):
    """One step of Adam (Kingma and Ba 2015, arXiv:1412.6980, algorithm 1) on the sum of the gradient buffers, which
    are set to 0. Rows without any gradient rest. Rates for density, for the constant colours and for the rest."""
    fix1, fix2 = 1 - 0.9**time, 1 - 0.99**time
    for row in numba.prange(len(params)):
        for c in range(1 + 3 * k):
            value = np.float32(0)
            for g in range(GROUPS):
                value += grads[g, row, c]
                grads[g, row, c] = 0
            if value == 0:
                continue
            m = first[row, c] = 0.9 * first[row, c] + 0.1 * value
            v = second[row, c] = 0.99 * second[row, c] + 0.01 * value * value
            rate = lr_density if c == 0 else (lr_base if (c - 1) % k == 0 else lr_view)
            params[row, c] -= rate * (m / fix1) / (math.sqrt(v / fix2) + 1e-12)
