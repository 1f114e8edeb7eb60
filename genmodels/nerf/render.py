r"""The reference renderer: one plain function for each equation of the paper. The fast ones are held to it by tests.

Mildenhall et al. 2020, "NeRF: Representing Scenes as Neural Radiance Fields for View Synthesis", arXiv:2003.08934.
A field is any function of points (..., 3) and unit directions (..., 3) that returns rgb (..., 3) in [0, 1] and
density sigma (...) >= 0. Lengths are in scene units; t counts multiples of a ray's direction, which need not be unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from genmodels.step import Step

Field = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
C0 = 0.28209479
C1 = 0.48860251
C2 = (1.0925484, -1.0925484, 0.31539157, -1.0925484, 0.54627422)


def positional_encoding(x: Tensor, L: int, include_input: bool) -> Tensor:
    r"""\gamma(p) = (\sin 2^0 p, \cos 2^0 p, \dots, \sin 2^{L-1} p, \cos 2^{L-1} p), of each coordinate.

    x: (..., D) -> (..., 2 L D), with x itself in front if include_input: (..., D + 2 L D).
    Source: eq. 4, without its factor \pi, as in the authors' code and notebook.
    """
    parts = [x] if include_input else [x[..., :0]]
    for k in range(L):
        parts += [torch.sin(2.0**k * x), torch.cos(2.0**k * x)]
    return torch.cat(parts, -1)


def stratified(near: Tensor, far: Tensor, n: int, generator: torch.Generator | None = None) -> Tensor:
    r"""t_i \sim U[t_n + \frac{i-1}{N}(t_f - t_n),\; t_n + \frac{i}{N}(t_f - t_n)], one sample in each of n bins.

    near, far: (...) -> (..., n), rising. Without a generator: the middle of each bin. Source: eq. 2.
    """
    shape = (*near.shape, n)
    u = torch.full(shape, 0.5) if generator is None else torch.rand(shape, generator=generator)
    share = (torch.arange(n, device=near.device) + u.to(near.device)) / n
    return near[..., None] + share * (far - near)[..., None]


def intervals(t_vals: Tensor, far: Tensor, rays_d: Tensor) -> Tensor:
    r"""\delta_i = (t_{i+1} - t_i) \lVert d \rVert, the last one up to far.

    t_vals: (..., n), far: (...), rays_d: (..., 3) -> (..., n) in scene units. Source: eq. 3; the authors' code makes
    the last interval endless instead, which turns any density left at the end of a ray into a wall.
    """
    ends = torch.cat([t_vals[..., 1:], far[..., None]], -1)
    return (ends - t_vals) * rays_d.norm(dim=-1, keepdim=True)


def alphas(sigma: Tensor, deltas: Tensor) -> Tensor:
    r"""\alpha_i = 1 - \exp(-\sigma_i \delta_i), the opacity of each interval. (..., n) -> (..., n). Source: eq. 3."""
    return 1 - torch.exp(-sigma * deltas)


def transmittance(alpha: Tensor) -> Tensor:
    r"""T_i = \prod_{j<i} (1 - \alpha_j) = \exp(-\sum_{j<i} \sigma_j \delta_j): what of the light passes up to sample i.

    (..., n) -> (..., n), the first being 1. Source: eq. 3.
    """
    # As in the authors' code: the gradient of a product is slow where a factor is 0.
    passed = torch.cumprod(1 - alpha + 1e-10, -1)
    return torch.cat([torch.ones_like(passed[..., :1]), passed[..., :-1]], -1)


def volume_weights(alpha: Tensor) -> Tensor:
    r"""w_i = T_i \alpha_i: the share of sample i in the pixel. (..., n) -> (..., n). Source: eq. 5."""
    return transmittance(alpha) * alpha


def composite(weights: Tensor, rgb: Tensor, background: float | Tensor) -> Tensor:
    r"""\hat C(r) = \sum_i w_i c_i + (1 - \sum_i w_i)\, c_{bg}.

    weights: (..., n), rgb: (..., n, 3), background: one level or (3,) -> (..., 3). Source: eq. 3 and 5.
    """
    return (weights[..., None] * rgb).sum(-2) + (1 - weights.sum(-1, keepdim=True)) * background


def expected_depth(weights: Tensor, t_vals: Tensor) -> Tensor:
    r"""\sum_i w_i t_i, in units of t; empty space counts as 0. (..., n), (..., n) -> (...)."""
    return (weights * t_vals).sum(-1)


def inverse_cdf(edges: Tensor, weights: Tensor, u: Tensor) -> Tensor:
    """Samples of the piecewise-constant density that has those weights between those edges: its inverse CDF at u.

    edges: (..., n + 1) rising, weights: (..., n) >= 0, u: (..., m) in [0, 1] -> (..., m). Source: section 5.2.
    """
    pdf = weights + 1e-5  # as in the authors' code: a ray through empty space is sampled evenly
    cdf = torch.cumsum(pdf / pdf.sum(-1, keepdim=True), -1)
    cdf = torch.cat([torch.zeros_like(cdf[..., :1]), cdf], -1)  # (..., n + 1)
    above = torch.searchsorted(cdf, u.contiguous(), right=True).clamp(1, edges.shape[-1] - 1)
    c0, c1 = cdf.gather(-1, above - 1), cdf.gather(-1, above)
    e0, e1 = edges.gather(-1, above - 1), edges.gather(-1, above)
    return e0 + ((u - c0) / (c1 - c0)).clamp(0, 1) * (e1 - e0)


def sample_pdf(edges: Tensor, weights: Tensor, n: int, generator: torch.Generator | None = None) -> Tensor:
    """n fine samples where a coarse pass found something: (..., m + 1), (..., m) -> (..., n), rising.

    One sample in each n-th of the density's mass; without a generator in its middle. Source: section 5.2.
    """
    zero = torch.zeros_like(weights[..., 0])
    return inverse_cdf(edges, weights, stratified(zero, zero + 1, n, generator))


def spherical_harmonics(dirs: Tensor, degree: int) -> Tensor:
    r"""Real spherical harmonics Y_{lm} of unit directions, l = 0..degree <= 2.

    dirs: (..., 3) -> (..., (degree + 1)^2) in the order 1; y, z, x; xy, yz, 3z^2 - 1, xz, x^2 - y^2, signed as in
    PlenOctrees (Yu et al. 2021, arXiv:2103.14024). Raises ValueError for another degree.
    """
    if degree not in (0, 1, 2):
        raise ValueError(f"degree is {degree}; it must be 0, 1 or 2")
    x, y, z = dirs.unbind(-1)
    found = [torch.full_like(x, C0)]
    if degree > 0:
        found += [-C1 * y, C1 * z, -C1 * x]
    if degree > 1:
        found += [C2[0] * x * y, C2[1] * y * z, C2[2] * (2 * z * z - x * x - y * y)]
        found += [C2[3] * x * z, C2[4] * (x * x - y * y)]
    return torch.stack(found, -1)


def render_samples(
    field: Field, rays_o: Tensor, rays_d: Tensor, t_vals: Tensor, far: Tensor, background: float | Tensor = 0.0
) -> dict[str, Tensor]:
    """The colour of each ray by quadrature at given samples, and everything on the way there.

    rays_o, rays_d: (R, 3); t_vals: (R, n) rising and far: (R,), in units of t. Returns rgb (R, 3), depth (R,) in units
    of t, acc (R,) opacity, and for each sample t_vals, sigma, transmittance, weights (R, n), colors (R, n, 3).
    """
    points = rays_o[..., None, :] + t_vals[..., None] * rays_d[..., None, :]  # (R, n, 3)
    dirs = (rays_d / rays_d.norm(dim=-1, keepdim=True))[..., None, :].expand_as(points)
    colors, sigma = field(points, dirs)
    alpha = alphas(sigma, intervals(t_vals, far, rays_d))
    weights = volume_weights(alpha)
    return {
        "rgb": composite(weights, colors, background),
        "depth": expected_depth(weights, t_vals),
        "acc": weights.sum(-1),
        "weights": weights,
        "t_vals": t_vals,
        "sigma": sigma,
        "transmittance": transmittance(alpha),
        "colors": colors,
    }


def render_rays(
    field: Field,
    rays_o: Tensor,
    rays_d: Tensor,
    near: float | Tensor,
    far: float | Tensor,
    n: int,
    background: float | Tensor = 0.0,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """`render_samples` at n stratified samples of each ray. near, far: numbers or (R,), in units of t."""
    blank = rays_o.new_zeros(rays_o.shape[:-1])
    t_vals = stratified(blank + near, blank + far, n, generator)
    return render_samples(field, rays_o, rays_d, t_vals, blank + far, background)


@torch.no_grad()
def image_steps(
    field: Field,
    rays_o: Tensor,
    rays_d: Tensor,
    near: float | Tensor,
    far: float | Tensor,
    n: int,
    background: float | Tensor = 0.0,
    chunk: int = 512,
) -> Iterator[Step]:
    """A picture, chunk by chunk of its rays; arguments as for `render_rays`, with (H, W) in place of (R,).

    Yields Step(rays done, rays, info={"rgb": (H, W, 3), "depth": (H, W), "acc": (H, W)}), filled in place on the way.
    Rays with far <= near are background, and the field is not asked about them.
    """
    rays_o, rays_d = (rays.expand_as(rays_d) for rays in (rays_o, rays_d))
    blank = rays_d.new_zeros(rays_d.shape[:-1])
    near, far = (blank + near).flatten(), (blank + far).flatten()
    found = {"rgb": blank[..., None] + blank.new_ones(3) * background, "depth": blank.clone(), "acc": blank.clone()}
    used = torch.nonzero(far > near).squeeze(1)
    flat_o, flat_d = rays_o.reshape(-1, 3), rays_d.reshape(-1, 3)
    for start in range(0, max(1, len(used)), chunk):
        rows = used[start : start + chunk]
        part = render_rays(field, flat_o[rows], flat_d[rows], near[rows], far[rows], n, background)
        for name, whole in found.items():
            whole.view(-1, *whole.shape[2:])[rows] = part[name]
        yield Step(min(start + chunk, len(used)), len(used), info=found)


def render_image(
    field: Field,
    rays_o: Tensor,
    rays_d: Tensor,
    near: float | Tensor,
    far: float | Tensor,
    n: int,
    background: float | Tensor = 0.0,
    chunk: int = 512,
) -> dict[str, Tensor]:
    """A whole picture: rgb (H, W, 3), depth (H, W), acc (H, W). Arguments as for `image_steps`."""
    *_, last = image_steps(field, rays_o, rays_d, near, far, n, background, chunk)
    return last.info
