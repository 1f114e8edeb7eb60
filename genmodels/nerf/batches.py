"""Training rays: every pixel of the training views, drawn at random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from genmodels.nerf.rays import get_rays, sphere
from genmodels.nerf.render import Field, render_samples, stratified
from genmodels.nerf.scene import Scene


@dataclass(frozen=True)
class RayBatches:
    """Pixels as rays. rays_o, rays_d, target: (R, 3); near, far: (R,) in units of t; target on black, in [0, 1].

    Calling it with a step gives the endless batches from that step on, the same for the same seed: rays_o, rays_d,
    t_vals (size, samples), far and target of `size` rays.
    """

    rays_o: Tensor
    rays_d: Tensor
    near: Tensor
    far: Tensor
    target: Tensor
    size: int
    samples: int
    seed: int = 0

    @classmethod
    def between(
        cls, scene: Scene, views: Sequence[int], near: float, far: float, size: int, samples: int, seed: int = 0
    ) -> RayBatches:
        """Every pixel of those views, sampled from near to far along the camera's axis."""
        height, width = scene.images.shape[1:3]
        found = [get_rays(scene.poses[view], scene.focal, height, width) for view in views]
        rays_o, rays_d = (torch.from_numpy(np.stack(part).reshape(-1, 3)) for part in zip(*found, strict=True))
        target = torch.from_numpy(scene.targets(np.asarray(views)).reshape(-1, 3))
        blank = torch.zeros(len(rays_o))
        return cls(rays_o, rays_d, blank + near, blank + far, target, size, samples, seed)

    @classmethod
    def within(
        cls, scene: Scene, views: Sequence[int], radius: float, size: int, samples: int, seed: int = 0
    ) -> RayBatches:
        """The pixels of those views whose rays meet the sphere of that radius around the origin, sampled inside it."""
        every = cls.between(scene, views, 0.0, 0.0, size, samples, seed)
        near, far = map(torch.from_numpy, sphere(every.rays_o.numpy(), every.rays_d.numpy(), radius))
        hit = torch.nonzero(far > near).squeeze(1)
        rows = {name: getattr(every, name)[hit] for name in ("rays_o", "rays_d", "target")}
        return replace(every, near=near[hit], far=far[hit], **rows)

    def __call__(self, step: int) -> Iterator[tuple[Tensor, ...]]:
        while True:
            generator = torch.Generator().manual_seed(self.seed * 10_000_000 + step)
            pick = torch.randint(len(self.rays_o), (self.size,), generator=generator)
            near, far = self.near[pick], self.far[pick]
            t_vals = stratified(near, far, self.samples, generator)
            yield self.rays_o[pick], self.rays_d[pick], t_vals, far, self.target[pick]
            step += 1


def squared_error(field: Field, rays_o: Tensor, rays_d: Tensor, t_vals: Tensor, far: Tensor, target: Tensor) -> Tensor:
    r"""\lVert \hat C(r) - C(r) \rVert_2^2 averaged over rays and channels, on a black background.

    Source: eq. 6, without the coarse network.
    """
    rgb = render_samples(field, rays_o, rays_d, t_vals, far)["rgb"]
    return (rgb - target).square().mean()
