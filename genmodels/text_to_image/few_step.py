"""The few-step sibling: from noise to picture in one to four steps, guidance folded in, distilled from the teacher.

A consistency function (Song et al. 2023, arXiv:2303.01469; Luo et al. 2023, arXiv:2310.04378): from noise straight to
the end of the guided teacher's trajectory, which is short enough to be solved (Luhman and Luhman 2021,
arXiv:2101.02388), so no target is bootstrapped from the student. Sampling in several steps adds new noise to what the
student saw, and under guidance such points are not on the trajectories from noise; so half of the trajectories begin
where the student itself arrives, as when it samples (Ross et al. 2011, arXiv:1011.0686). A regression alone averages
what it cannot tell apart, which looks blurred in one step; a latent adversarial term on the teacher's own features
(Sauer et al. 2024, arXiv:2403.12015) sharpens it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels import registry, train, weights
from genmodels.data import emoji
from genmodels.step import Step
from genmodels.text_to_image import pipeline
from genmodels.text_to_image.batches import DiffusionBatches
from genmodels.text_to_image.denoiser import EmojiTransformer2DModel, modulate
from genmodels.text_to_image.latents import picture_vectors, variants
from genmodels.train import Budget, Trained

ID, TEACHER = "emoji-fewstep", "emoji-diffusion"
GRID = (999, 939, 879, 759, 679, 589, 499, 339, 259, 119)  # the teacher's: LCMScheduler's for 1 to 4 steps, and others
ARRIVALS = tuple((steps, done) for steps in (2, 3, 4) for done in range(1, steps))  # of the student's steps, how many
GUIDANCE = 3.0
PICTURES, BATCH = 168_000, 32
POOL, REUSE = 2_400, 6  # trajectories kept, and batches drawn from them for each new batch of trajectories
ARRIVED = 0.5  # of the trajectories begin where the student arrives, the others from noise
ADVERSARIAL = 0.5  # norm of the adversarial gradient, in norms of the regression's
SEEN_LAYERS = (1, 3, 5)  # blocks of the teacher whose outputs the discriminator's heads see


class Distillation(nn.Module):
    """What one optimiser trains: the student, and the discriminator's heads on the teacher's features."""

    def __init__(self, student: EmojiTransformer2DModel) -> None:
        super().__init__()
        self.student = student
        dim = student.config.dim
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, 128), nn.SiLU(), nn.Linear(128, 1)) for _ in SEEN_LAYERS
        )

    @property
    def blocks(self) -> nn.ModuleList:
        return self.student.blocks


def recipe(budget: Budget) -> Iterator[Step]:
    """Regression onto the ends of the teacher's guided trajectories, with an adversarial term; averaged weights."""
    data = emoji.load()
    autoencoder = registry.load("emoji-autoencoder", "cpu")
    teacher = pipeline.EmojiPipeline.read(registry.folder(TEACHER)).transformer.requires_grad_(False).eval()
    teacher = teacher.to(budget.device)
    student, trained = copy.deepcopy(teacher).requires_grad_(True), Trained()
    if budget.resume and not train.checkpoint(ID).is_file():
        student.load_state_dict(pipeline.EmojiPipeline.read(registry.folder(ID)).transformer.state_dict())
        trained = Trained(**weights.read_card(ID)["trained"])
        budget = replace(budget, resume=False)
    train_set = variants(data, autoencoder)
    pictures = picture_vectors(data, registry.load("emoji-clip", "cpu"))
    model = Distillation(student)
    yield from train.fit(
        ID,
        model,
        TrajectoryBatches(teacher, student, DiffusionBatches(data, train_set, BATCH, pictures=pictures), budget.device),
        distillation_loss(teacher),
        budget=budget,
        steps=PICTURES // BATCH,
        lr=4e-4,
        warmup=30,
        average=0.995,
        decay=train.cooldown,
        optimizers=train.muon,
        trained=trained,
    )
    write(model.student, teacher, autoencoder, trained, budget)


class TrajectoryBatches:
    """Called with a step, an endless stream of (x_t, t, end, real, t_seen, eps, tokens, mask, style).

    The teacher's trajectory from x_t (B, 12, 8, 8) at t (B,) ends in `end`; real (B, 12, 8, 8) are latents of the
    training set under the same captions; t_seen (B,) and eps say how the discriminator sees both.
    """

    def __init__(
        self, teacher: EmojiTransformer2DModel, student: EmojiTransformer2DModel, asked: DiffusionBatches, device: str
    ) -> None:
        self.teacher, self.student, self.asked, self.device = teacher, student, asked, device

    def __call__(self, step: int) -> Iterator[tuple[Tensor, ...]]:
        rng, generator = np.random.default_rng(step), torch.Generator().manual_seed(step)
        stream = self.asked(step)
        pool: list[tuple[Tensor, ...]] = []
        while True:
            pool = [*pool[-(POOL // self.asked.size) + 1 :], self._solve(next(stream), rng, generator)]
            for _ in range(min(REUSE, len(pool))):
                x_t, t, end, real, *given = pool[rng.integers(len(pool))]
                t_seen = torch.randint(20, 600, t.shape, generator=generator)
                yield x_t, t, end, real, t_seen, torch.randn(end.shape, generator=generator), *given

    def _solve(
        self, batch: tuple[Tensor, ...], rng: np.random.Generator, generator: torch.Generator
    ) -> tuple[Tensor, ...]:
        """New trajectories, asked for as the rows of a batch for the denoiser: start, t, end, real, and what asks."""
        x_t, v, t, tokens, mask, style = batch
        alpha = self.asked.alphas_cumprod[t].view(-1, 1, 1, 1)
        real = alpha.sqrt() * x_t - (1 - alpha).sqrt() * v
        noise = torch.randn(x_t.shape, generator=generator).to(self.device)
        given = [part.to(self.device) for part in (tokens, mask, style)]
        steps, done = ARRIVALS[rng.integers(len(ARRIVALS))] if rng.random() < ARRIVED else (1, 0)
        with train.precision(self.device):
            start, x = arrive(self.student, noise, *given, steps, done, generator)
            end = trajectory(self.teacher, x, *given, times=GRID[GRID.index(start) :])
        return x.cpu(), torch.full_like(t, start), end.cpu(), real, tokens, mask, style


@torch.no_grad()
def arrive(
    student: EmojiTransformer2DModel,
    noise: Tensor,
    tokens: Tensor,
    mask: Tensor,
    style: Tensor,
    steps: int,
    done: int,
    generator: torch.Generator,
) -> tuple[int, Tensor]:
    """The timestep and x_t (B, 12, 8, 8) at which the student is after `done` of its `steps` from noise, same shape."""
    solver = pipeline.new_scheduler("lcm")
    solver.set_timesteps(steps, device=str(noise.device))
    x = noise
    for t in solver.timesteps[:done]:
        out = student(x, t.expand(len(x)), tokens, mask, style).sample.float()
        x = solver.step(out, t, x, generator=generator).prev_sample
    return int(solver.timesteps[done]), x


@torch.no_grad()
def trajectory(
    teacher: EmojiTransformer2DModel,
    x: Tensor,
    tokens: Tensor,
    mask: Tensor,
    style: Tensor,
    guidance_scale: float = GUIDANCE,
    times: tuple[int, ...] = GRID,
) -> Tensor:
    """Where the guided teacher comes from x_t (B, 12, 8, 8) at the first of `times` by way of the others: same shape.

    By DPM-Solver++ of second order (Lu et al. 2022, arXiv:2211.01095).
    """
    solver = pipeline.new_scheduler("dpm++")
    solver.set_timesteps(timesteps=list(times), device=str(x.device))
    tokens, style = torch.cat([tokens, tokens]), torch.cat([style, style])
    mask = torch.cat([torch.zeros_like(mask), mask])
    for t in solver.timesteps:
        out = teacher(torch.cat([x, x]), t.expand(len(tokens)), tokens, mask, style).sample.float()
        empty, asked = out.chunk(2)
        x = solver.step(empty + guidance_scale * (asked - empty), t, x).prev_sample
    return x


def consistency(
    model: EmojiTransformer2DModel, x_t: Tensor, t: Tensor, tokens: Tensor, mask: Tensor, style: Tensor
) -> Tensor:
    """The end (B, 12, 8, 8) that the student sees from x_t (B, 12, 8, 8) at t (B,): c_skip x_t + c_out x0.

    LCMScheduler's parametrisation, which is the identity at t = 0 (arXiv:2310.04378, equation 9).
    """
    alpha = pipeline.alphas_cumprod().to(x_t.device)[t].view(-1, 1, 1, 1)
    v = model(x_t, t, tokens, mask, style).sample
    x0 = alpha.sqrt() * x_t - (1 - alpha).sqrt() * v
    scaled = 10.0 * t.to(x_t).view(-1, 1, 1, 1)  # timestep_scaling, and sigma_data 0.5
    return x_t * 0.25 / (scaled.square() + 0.25) + x0 * scaled / (scaled.square() + 0.25).sqrt()


def pseudo_huber(error: Tensor) -> Tensor:
    """sqrt(|e|^2 + c^2) - c by picture, e (B, C, H, W) -> (B,), c = 0.00054 sqrt(d) (arXiv:2310.14189, eq. 7)."""
    c = 0.00054 * error[0].numel() ** 0.5
    return (error.square().sum((1, 2, 3)) + c**2).sqrt() - c


class distillation_loss:
    """loss(model, *batch of TrajectoryBatches): regression and adversarial term on the student, hinge on the heads.

    Both terms meet at the student's x0: there the adversarial gradient is scaled to ADVERSARIAL norms of the
    regression's, picture by picture, so that no weight has to be found (as in arXiv:2012.09841, equation 7).
    """

    def __init__(self, teacher: EmojiTransformer2DModel) -> None:
        self.teacher = teacher
        self.kept = pipeline.alphas_cumprod()

    def __call__(
        self,
        model: Distillation,
        x_t: Tensor,
        t: Tensor,
        end: Tensor,
        real: Tensor,
        t_seen: Tensor,
        eps: Tensor,
        *given: Tensor,
    ) -> Tensor:
        x0 = consistency(model.student, x_t, t, *given)
        seen = x0.detach().requires_grad_()
        regression = pseudo_huber(seen - end).mean()
        fake = self.features(seen, t_seen, eps, *given)
        fooled = -sum(_frozen(head, f).mean() for head, f in zip(model.heads, fake, strict=True))
        pull, push = torch.autograd.grad(regression, seen)[0], torch.autograd.grad(fooled, seen)[0]
        size, adverse = (g.flatten(1).norm(dim=1).view(-1, 1, 1, 1) for g in (pull, push))
        gradient = pull + ADVERSARIAL * size / adverse.clamp_min(1e-12) * push
        with torch.no_grad():
            true = self.features(real, t_seen, eps, *given)
        judged = sum(
            F.relu(1 - head(r)).mean() + F.relu(1 + head(f.detach())).mean()
            for head, r, f in zip(model.heads, true, fake, strict=True)
        )
        carried = (x0 * gradient).sum()  # its gradient at x0 is `gradient`
        return judged + carried + (regression - carried).detach()

    def features(self, x0: Tensor, t: Tensor, eps: Tensor, *given: Tensor) -> list[Tensor]:
        """Normalised outputs (B, N, D) of the teacher's SEEN_LAYERS for x0 (B, 12, 8, 8) under noise eps of t (B,)."""
        alpha = self.kept.to(x0.device)[t].view(-1, 1, 1, 1)
        found: list[Tensor] = []
        hooks = [
            self.teacher.blocks[i].register_forward_hook(lambda block, given, out: found.append(out))
            for i in SEEN_LAYERS
        ]
        try:
            self.teacher(alpha.sqrt() * x0 + (1 - alpha).sqrt() * eps, t, *given)
        finally:
            for hook in hooks:
                hook.remove()
        zero = torch.zeros((), device=x0.device)
        return [modulate(f, zero, zero) for f in found]


def _frozen(head: nn.Module, x: Tensor) -> Tensor:
    """head(x) with a gradient for x alone."""
    return torch.func.functional_call(head, {k: v.detach() for k, v in head.named_parameters()}, x)


@torch.no_grad()
def fidelity(
    student: EmojiTransformer2DModel, teacher: EmojiTransformer2DModel, asked: DiffusionBatches, count: int = 128
) -> dict[str, float]:
    """Mean square distance in latents from the teacher's end of the same x_t, at each of the student's four timesteps.

    `variance` is the mean square of the teacher's ends around their mean: what a student that ignores its noise
    and its prompt would have.
    """
    generator = torch.Generator().manual_seed(11)
    rng = np.random.default_rng(11)
    rows = rng.choice(len(asked.chosen.subject), count)
    *_, tokens, mask, style = asked.batch(rows, asked.times(count, generator), rng, generator, "pt")
    noise = torch.randn(count, *asked.chosen.latents.shape[1:], generator=generator)
    figures: dict[str, float] = {}
    for done in range(4):
        t, x = arrive(student, noise, tokens, mask, style, 4, done, generator)
        end = trajectory(teacher, x, tokens, mask, style, times=GRID[GRID.index(t) :])
        x0 = consistency(student, x, torch.full((count,), t), tokens, mask, style)
        figures[f"from_{t}"] = float((x0 - end).square().mean())
        figures.setdefault("variance", float((end - end.mean(0)).square().mean()))
    return {name: round(value, 4) for name, value in figures.items()}


def write(
    student: EmojiTransformer2DModel,
    teacher: EmojiTransformer2DModel,
    autoencoder: nn.Module,
    trained: Trained,
    budget: Budget,
) -> None:
    """The pipeline's folder and its card."""
    data = emoji.load()
    whole = pipeline.EmojiPipeline(autoencoder.cpu(), student.cpu()).eval()
    whole.write(weights.ASSETS / ID, weights.SHARD)
    held = DiffusionBatches(data, variants(data, autoencoder, emoji.HELD_PAIR, copies=False), BATCH, no_caption=0.0)
    weights.write_card(
        ID,
        trained=vars(trained),
        device=budget.device,
        recipe=f"python -m genmodels train {ID}",
        params=sum(p.numel() for p in whole.parameters()),
        data=registry.card(ID).data,
        license=registry.card(ID).license,
        teacher=weights.read_card(TEACHER)["trained"],
        held_out=fidelity(student, teacher.cpu(), held),
    )
