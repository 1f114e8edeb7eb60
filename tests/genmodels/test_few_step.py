"""Few-step distillation: its maths against diffusers' LCMScheduler and the teacher's solver, and that it learns."""

from __future__ import annotations

import inspect

import pytest
import torch

from genmodels.text_to_image import few_step, pipeline
from genmodels.text_to_image.denoiser import EmojiTransformer2DModel

GIVEN = (
    torch.nn.functional.normalize(torch.randn(4, 3, 512, generator=torch.Generator().manual_seed(1)), dim=2),
    torch.tensor([[True, True, False]] * 3 + [[False] * 3]),
    torch.tensor([0, 3, 8, 1]),
)
NOISE = torch.randn(4, 12, 8, 8, generator=torch.Generator().manual_seed(2))


def random_model(seed: int = 0) -> EmojiTransformer2DModel:
    model = EmojiTransformer2DModel(dim=32, num_layers=6, num_heads=2)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.1)
    return model.eval()


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_the_teachers_trajectories_begin_at_every_timestep_that_the_scheduler_visits(steps):
    solver = pipeline.new_scheduler("lcm")
    solver.set_timesteps(steps)
    generator = torch.Generator().manual_seed(3)
    learned = [few_step.arrive(random_model(), NOISE, *GIVEN, n, k, generator)[0] for n, k in few_step.ARRIVALS]
    assert set(solver.timesteps.tolist()) <= {999, *learned} <= set(few_step.GRID)


def test_the_student_arrives_where_sampling_takes_it():
    from genmodels.text_to_image.autoencoder import PatchAutoencoder

    whole = pipeline.EmojiPipeline(PatchAutoencoder(width=32), random_model()).eval()
    one = tuple(part[:1] for part in GIVEN)
    given = {"style": pipeline.STYLE_IDS[int(one[2])], "noise": NOISE[:1], "guidance_scale": 1.0, "scheduler": "lcm"}
    steps = list(pipeline.sample(whole, one[:2], steps=4, seed=7, **given))
    for done in range(4):
        generator = torch.Generator().manual_seed(8)  # what `sample` gives the first picture of seed 7
        t, x = few_step.arrive(whole.transformer, NOISE[:1], *one, 4, done, generator)
        assert t == steps[done].info["t"]
        torch.testing.assert_close(x, steps[done - 1].x_t if done else NOISE[:1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("t", [0, 19, 259, 499, 999])
def test_consistency_function_is_the_schedulers(t):
    model = random_model()
    solver = pipeline.new_scheduler("lcm")
    solver.set_timesteps(timesteps=[t])
    times = torch.full((4,), t)
    with torch.no_grad():
        v = model(NOISE, times, *GIVEN).sample
        expected = solver.step(v, torch.tensor(t), NOISE).denoised
        torch.testing.assert_close(few_step.consistency(model, NOISE, times, *GIVEN), expected)
    if t == 0:
        torch.testing.assert_close(expected, NOISE, atol=1e-5, rtol=0)


def test_sampling_with_lcm_applies_the_consistency_function(monkeypatch):
    """What `sample` draws in one step is what the loss saw."""
    from genmodels.text_to_image.autoencoder import PatchAutoencoder

    whole = pipeline.EmojiPipeline(PatchAutoencoder(width=32), random_model()).eval()
    tokens, mask, _ = GIVEN
    given = {"style": "twemoji", "noise": NOISE, "guidance_scale": 1.0, "scheduler": "lcm"}
    *_, end = pipeline.sample(whole, (tokens, mask), steps=1, **given)
    with torch.no_grad():
        expected = few_step.consistency(
            whole.transformer, NOISE, torch.full((4,), 999), tokens, mask, torch.zeros(4, dtype=torch.long)
        )
    torch.testing.assert_close(end.x_t, expected, atol=1e-5, rtol=1e-4)


def test_trajectory_is_the_teachers_guided_sampling():
    from genmodels.text_to_image.autoencoder import PatchAutoencoder

    teacher = random_model()
    whole = pipeline.EmojiPipeline(PatchAutoencoder(width=32), teacher).eval()
    tokens, mask, _ = GIVEN
    solver = pipeline.new_scheduler("dpm++")
    solver.set_timesteps(10)
    style = torch.zeros(4, dtype=torch.long)
    end = few_step.trajectory(teacher, NOISE, tokens, mask, style, 3.0, tuple(solver.timesteps.tolist()))
    given = {"style": "twemoji", "noise": NOISE, "guidance_scale": 3.0, "scheduler": "dpm++"}
    steps = list(pipeline.sample(whole, (tokens, mask), steps=10, **given))
    torch.testing.assert_close(end, steps[-1].x_t, atol=1e-4, rtol=1e-4)
    rest = few_step.trajectory(teacher, steps[4].x_t, tokens, mask, style, 3.0, tuple(solver.timesteps.tolist()[5:]))
    assert 0 < (rest - end).square().mean() < 0.01 * end.square().mean()  # a second-order solver has no past there


def test_a_dropped_caption_has_nothing_to_guide():
    guided, plain = (few_step.trajectory(random_model(), NOISE, *GIVEN, scale, (999, 499)) for scale in (3.0, 1.0))
    torch.testing.assert_close(guided[3], plain[3], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(guided[:3], plain[:3], atol=1e-2)


def test_pseudo_huber_is_quadratic_near_zero_and_linear_far_away():
    e = torch.ones(1, 12, 8, 8)
    c = 0.00054 * 768**0.5
    near, far = few_step.pseudo_huber(3e-5 * e), few_step.pseudo_huber(10 * e)
    torch.testing.assert_close(near, torch.tensor([768 * 9e-10 / (2 * c)]), rtol=1e-2, atol=0)
    torch.testing.assert_close(far, torch.tensor([10 * 768**0.5 - c]), rtol=1e-3, atol=0)


def batch(teacher: EmojiTransformer2DModel) -> tuple[torch.Tensor, ...]:
    end = few_step.trajectory(teacher, NOISE, *GIVEN)
    real = 0.5 * torch.randn(NOISE.shape, generator=torch.Generator().manual_seed(5))
    eps = torch.randn(NOISE.shape, generator=torch.Generator().manual_seed(6))
    return NOISE, torch.full((4,), 999), end, real, torch.tensor([30, 200, 400, 590]), eps, *GIVEN


def test_without_the_adversarial_term_the_gradient_is_the_regressions(monkeypatch):
    monkeypatch.setattr(few_step, "ADVERSARIAL", 0.0)
    teacher = random_model().requires_grad_(False)
    model = few_step.Distillation(random_model(1))
    given = batch(teacher)
    few_step.distillation_loss(teacher)(model, *given).backward()
    found = model.student.patch_out.weight.grad.clone()
    model.zero_grad()
    x0 = few_step.consistency(model.student, given[0], given[1], *GIVEN)
    few_step.pseudo_huber(x0 - given[2]).mean().backward()
    torch.testing.assert_close(found, model.student.patch_out.weight.grad, atol=1e-6, rtol=1e-4)


def test_student_and_heads_each_get_their_own_gradient():
    teacher = random_model().requires_grad_(False)
    model = few_step.Distillation(random_model(1))
    loss = few_step.distillation_loss(teacher)
    given = batch(teacher)
    loss(model, *given).backward()
    heads = [p.grad.clone() for p in model.heads.parameters()]
    assert all(p.grad is None for p in teacher.parameters())
    assert sum(g.abs().sum() for g in heads) > 0
    model.zero_grad()
    x0 = few_step.consistency(model.student, given[0], given[1], *GIVEN).detach()
    pairs = [loss.features(x, *given[4:]) for x in (given[3], x0)]
    judged = sum(
        torch.relu(1 - head(real)).mean() + torch.relu(1 + head(fake)).mean()
        for head, real, fake in zip(model.heads, *pairs, strict=True)
    )
    judged.backward()
    for found, p in zip(heads, model.heads.parameters(), strict=True):
        torch.testing.assert_close(found, p.grad, atol=1e-6, rtol=1e-4)


def test_a_few_steps_bring_the_student_nearer_to_the_teachers_end():
    teacher = random_model().requires_grad_(False)
    model = few_step.Distillation(random_model())
    loss = few_step.distillation_loss(teacher)
    given = batch(teacher)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)

    def distance() -> float:
        with torch.no_grad():
            return float((few_step.consistency(model.student, given[0], given[1], *GIVEN) - given[2]).square().mean())

    before = distance()
    for _ in range(25):
        optimizer.zero_grad()
        loss(model, *given).backward()
        optimizer.step()
    assert distance() < 0.7 * before
    assert not any(block._forward_hooks for block in teacher.blocks)


class Asked:
    """Stands for DiffusionBatches, without the emoji."""

    size, alphas_cumprod = 4, pipeline.alphas_cumprod()
    x0 = torch.randn(4, 12, 8, 8, generator=torch.Generator().manual_seed(9))

    def __call__(self, step):
        t = torch.tensor([5, 300, 700, 999])
        alpha = self.alphas_cumprod[t].view(-1, 1, 1, 1)
        while True:
            eps = torch.randn(self.x0.shape)
            x_t, v = (
                alpha.sqrt() * self.x0 + (1 - alpha).sqrt() * eps,
                alpha.sqrt() * eps - (1 - alpha).sqrt() * self.x0,
            )
            yield x_t, v, t, *GIVEN


def test_batches_are_starts_of_trajectories_with_their_ends():
    teacher, student = random_model(), random_model(1)
    stream = few_step.TrajectoryBatches(teacher, student, Asked(), "cpu")(3)
    assert inspect.isgenerator(stream)
    seen: set[int] = set()
    for x_t, t, end, real, t_seen, eps, *given in (next(stream) for _ in range(24)):
        assert x_t.shape == end.shape == eps.shape == (4, 12, 8, 8)
        assert [part.shape for part in given] == [part.shape for part in GIVEN]
        torch.testing.assert_close(real, Asked.x0, atol=1e-4, rtol=1e-4)
        assert 0 < t_seen.min() and t_seen.max() < 1000
        start = int(t[0])
        times = few_step.GRID[few_step.GRID.index(start) :]
        expected = few_step.trajectory(teacher, x_t, *given, times=times)
        assert torch.equal(t, torch.full((4,), start))
        assert (expected - end).square().mean() < 0.02 * end.square().mean()
        seen.add(start)
    assert 999 in seen and len(seen) > 2
