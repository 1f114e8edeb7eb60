"""Receptive fields by gradient, losses by formula, who learns from which loss, and that twenty steps learn."""

import itertools
import math

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from genmodels import registry
from genmodels.translation import ablation, adversarial, bicyclegan, cyclegan, funit, pix2pix
from genmodels.translation.adversarial import PatchGAN, augmented, frozen

SMALL = (8, 8, 16, 16)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def build(make, seed: int = 0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def extent(gradient: torch.Tensor) -> tuple[int, int]:
    """Height and width of the smallest box that holds every nonzero of (1, C, H, W)."""
    rows, columns = gradient.abs().sum((0, 1)).nonzero().unbind(1)
    return int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1


@pytest.mark.parametrize("patch", [1, 16, 34, 70])
def test_a_patch_sees_as_many_pixels_as_its_name_says(patch):
    D = build(lambda: PatchGAN(3, 8, patch))
    x = random(1, 3, 160, 160).requires_grad_()
    logits = D(x)
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    assert extent(x.grad) == (patch, patch)


@pytest.mark.parametrize("size", [64, 128])
def test_the_whole_picture_gets_one_logit_from_all_of_its_pixels(size):
    D = build(lambda: PatchGAN(3, 8, "whole", size=size))
    x = random(2, 3, size, size).requires_grad_()
    assert D(x).shape == (2, 1, 1, 1)
    D(x)[0].sum().backward()
    assert extent(x.grad[:1]) == (size, size) and x.grad[1].eq(0).all()


def test_other_patches_are_refused():
    with pytest.raises(ValueError, match="17"):
        PatchGAN(3, 8, 17)


def test_the_judges_layers_stretch_no_vector():
    D = build(lambda: PatchGAN(3, 8, 34)).train()
    for _ in range(60):
        D(random(1, 3, 64, 64))
    for layer in [*D.layers, D.last]:
        weight = next(m.weight for m in layer.modules() if isinstance(m, torch.nn.Conv2d))
        assert float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2)) == pytest.approx(1, abs=0.06)


def test_objectives_are_their_formulas():
    real, fake = torch.tensor([1.5, -0.3]), torch.tensor([0.2, -2.0])
    p, q = real.sigmoid(), fake.sigmoid()
    assert_close(adversarial.d_logistic(real, fake), (-p.log().mean() - (1 - q).log().mean()) / 2)
    assert_close(adversarial.g_logistic(fake), -q.log().mean())
    assert_close(adversarial.d_squares(real, fake), torch.tensor((0.25 + 1.69) / 2 + (0.04 + 4) / 2) / 2)
    assert_close(adversarial.g_squares(fake), torch.tensor((0.64 + 9) / 2))
    assert_close(adversarial.d_hinge(real, fake), torch.tensor((1.3 + 1.2) / 2 / 2))
    assert_close(adversarial.g_hinge(fake), torch.tensor(0.9))


def test_inside_frozen_gradients_pass_and_do_not_stay():
    D, x = build(lambda: PatchGAN(3, 8, 16)), random(1, 3, 64, 64).requires_grad_()
    with frozen(D):
        y = D(x).sum()
    y.backward()
    assert x.grad.abs().sum() > 0 and all(p.grad is None and p.requires_grad for p in D.parameters())


def test_augmentation_is_the_same_for_a_seed_and_reaches_the_picture():
    x = random(4, 3, 64, 64).requires_grad_()
    a, b, c = (augmented(x, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert a.equal(b) and not a.equal(c)
    cut = (a == 0).all(1).flatten(1).sum(1)
    assert (cut > 0).all() and (cut <= 22**2).all()
    a.sum().backward()
    assert x.grad.abs().sum() > 0


@pytest.fixture
def unet() -> pix2pix.UNet:
    return build(lambda: pix2pix.UNet(1, SMALL))


def test_a_pixel_far_away_matters_and_shapes_hold(unet):
    x = random(1, 1, 64, 64).requires_grad_()
    y = unet(x)
    assert y.shape == (1, 3, 64, 64) and y.abs().max() <= 1
    y[0, 0, 0, 0].backward()
    assert x.grad[0, 0, 40, 40] != 0
    assert unet(random(2, 1, 32, 48)).shape == (2, 3, 32, 48)


def test_dropout_is_drawn_from_the_generator_alone(unet):
    x = random(2, 1, 64, 64)
    made = [unet(x, generator=s and torch.Generator().manual_seed(s)) for s in (None, None, 1, 1, 2)]
    assert made[0].equal(made[1]) and made[2].equal(made[3])
    assert not made[0].equal(made[2]) and not made[2].equal(made[4])
    kept = pix2pix.dropped(torch.ones(1, 50, 20, 20), torch.Generator().manual_seed(0))
    assert set(kept.unique().tolist()) == {0.0, 2.0} and float(kept.mean()) == pytest.approx(1, abs=0.03)


def test_pix2pix_losses_are_the_papers_equations(unet):
    D = build(lambda: PatchGAN(4, 8, 16)).eval()
    model, x, y = pix2pix.Pix2PixTraining(unet, D), random(2, 1, 64, 64), random(2, 3, 64, 64, seed=1)
    seed = torch.tensor([5, 6])
    parts = model.losses(x, y, seed)
    fake = unet(x, generator=torch.Generator().manual_seed(5))
    assert_close(parts["l1"], (fake - y).abs().mean())
    said, true = D(torch.cat([x, fake], 1)), D(torch.cat([x, y], 1))
    assert_close(parts["g"], -said.sigmoid().log().mean() / 100)
    assert_close(parts["d"], -(true.sigmoid().log().mean() + (1 - said.sigmoid()).log().mean()) / 2)


def test_pix2pix_with_codes_is_given_random_ones_and_no_dropout():
    unet = build(lambda: pix2pix.UNet(1, (8, 8, 8), 4))
    model, x, y = pix2pix.Pix2PixTraining(unet, None), random(2, 1, 32, 32), random(2, 3, 32, 32, seed=1)
    z = torch.randn(2, 4, generator=torch.Generator().manual_seed(5))
    assert_close(model.losses(x, y, torch.tensor([5, 6]))["l1"], (unet(x, z) - y).abs().mean())


def gradients(loss: torch.Tensor, model: torch.nn.Module) -> set[str]:
    """The children of `model` whose parameters the loss reaches."""
    model.zero_grad(set_to_none=True)
    loss.backward(retain_graph=True)
    return {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}


def test_each_loss_of_pix2pix_reaches_its_own_player(unet):
    model = pix2pix.Pix2PixTraining(unet, build(lambda: PatchGAN(4, 8, 16)))
    parts = model.losses(random(2, 1, 64, 64), random(2, 3, 64, 64), torch.tensor([0, 0]))
    assert gradients(parts["l1"], model) == gradients(parts["g"], model) == {"G"}
    assert gradients(parts["d"], model) == {"D"}


@pytest.fixture
def cycle() -> cyclegan.CycleGAN:
    return build(lambda: cyclegan.CycleGAN(8, 1, 8, noise=0.0))


def test_noise_reaches_the_way_back_alone(cycle):
    a, b, seed = random(2, 3, 64, 64), random(2, 3, 64, 64, seed=1), torch.tensor([0, 0])
    cycle.eval()
    plain = cycle.losses(a, b, seed)
    cycle.noise = 0.1
    noisy = cycle.losses(a, b, seed)
    assert not noisy["cycle"].equal(plain["cycle"])
    assert all(noisy[name].equal(plain[name]) for name in ("d", "g", "identity"))
    cycle.G = cycle.F = torch.nn.Identity()
    expected = 2 * 0.1 * (2 / torch.pi) ** 0.5  # the mean absolute value of a normal variable
    assert_close(cycle.losses(a, b, seed)["cycle"], torch.tensor(expected), rtol=0.02, atol=0)


def test_judges_without_augmentation_see_the_pictures_themselves(cycle):
    a, b, seed = random(2, 3, 64, 64), random(2, 3, 64, 64, seed=1), torch.tensor([0, 0])
    cycle.eval()
    changed = cycle.losses(a, b, seed)["d"]
    cycle.augment = False
    fakes = cycle.F(b), cycle.G(a)
    expected = sum(
        adversarial.d_squares(D(real), D(fake))
        for D, real, fake in zip((cycle.D_a, cycle.D_b), (a, b), fakes, strict=True)
    )
    assert_close(cycle.losses(a, b, seed)["d"], expected)
    assert not changed.equal(expected)


def test_each_loss_of_cyclegan_reaches_its_own_player(cycle):
    parts = cycle.losses(random(2, 3, 64, 64), random(2, 3, 64, 64, seed=1), torch.tensor([0, 0]))
    assert gradients(parts["d"], cycle) == {"D_a", "D_b"}
    for name in ("g", "cycle", "identity"):
        assert gradients(parts[name], cycle) == {"G", "F"}, name


def test_the_cycles_loss_is_the_error_of_both_round_trips(cycle):
    cycle.eval()
    a, b = random(2, 3, 64, 64), random(2, 3, 64, 64, seed=1)
    parts = cycle.losses(a, b, torch.tensor([0, 0]))
    there, back, error = cyclegan.cycle_error(cycle, a)
    assert there.equal(cycle.G(a)) and back.equal(cycle.F(there))
    expected = error.mean() + cyclegan.cycle_error(cycle, b, backwards=True)[2].mean()
    assert_close(parts["cycle"], expected)
    same = (cycle.F(a[:1]) - a[:1]).abs().mean() + (cycle.G(b[:1]) - b[:1]).abs().mean()
    assert_close(parts["identity"], same / 2)


def test_translators_that_change_nothing_have_no_cycle_loss(cycle):
    cycle.G = cycle.F = torch.nn.Identity()
    parts = cycle.losses(random(2, 3, 64, 64), random(2, 3, 64, 64, seed=1), torch.tensor([0, 0]))
    assert parts["cycle"] == parts["identity"] == 0 and parts["d"] > 0


def test_kl_is_the_integral():
    mean, log_var = torch.tensor([[0.7, -1.2]]), torch.tensor([[0.4, -0.9]])
    q = torch.distributions.Normal(mean, (log_var / 2).exp())
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum()
    assert_close(bicyclegan.kl(mean, log_var), expected)
    assert bicyclegan.kl(torch.zeros(3, 8), torch.zeros(3, 8)) == 0


def test_codes_do_not_depend_on_how_many_are_drawn():
    few, many = bicyclegan.draw_codes(2, 8, 3), bicyclegan.draw_codes(5, 8, 3)
    assert few.equal(many[:2]) and not many[0].equal(many[1])


@pytest.fixture
def bicycle() -> bicyclegan.BicycleTraining:
    model = build(lambda: bicyclegan.BicycleGAN(1, SMALL))
    return bicyclegan.BicycleTraining(model, build(lambda: PatchGAN(4, 8, 16)))


def reached(loss: torch.Tensor, training) -> set[str]:
    inner = {f"model.{name}" for name in gradients(loss, training.model)}
    return inner | ({"D"} if any(p.grad is not None for p in training.D.parameters()) else set())


def test_each_loss_of_bicyclegan_reaches_its_own_player(bicycle):
    parts = bicycle.losses(random(2, 1, 64, 64), random(2, 3, 64, 64), torch.tensor([0, 0]))
    wanted = {
        "l1": {"model.G", "model.E"},
        "kl": {"model.E"},
        "latent": {"model.G"},
        "g": {"model.G", "model.E"},
        "d": {"D"},
    }
    for name, players in wanted.items():
        bicycle.zero_grad(set_to_none=True)
        assert reached(parts[name], bicycle) == players, name


def test_the_code_changes_the_answer(bicycle):
    x, codes = random(1, 1, 64, 64), bicyclegan.draw_codes(2, 8, 0)
    one, two = bicycle.model(x, codes[:1]), bicycle.model(x, codes[1:])
    assert (one - two).abs().mean() > 1e-3
    assert bicycle.model.encode(one).shape == (1, 8)


@pytest.fixture
def few_shot() -> funit.FUNIT:
    return build(lambda: funit.FUNIT(8, 16, 1))


def test_adain_gives_the_statistics_that_it_is_told():
    x, style = random(2, 3, 16, 16), random(2, 6, seed=1)
    y = funit.adain(x, style)
    assert_close(y.mean((2, 3)), style[:, 3:], rtol=0, atol=1e-4)
    assert_close(y.var((2, 3), correction=0).sqrt(), (1 + style[:, :3]).abs(), rtol=0, atol=1e-3)


def test_a_style_is_the_mean_over_its_examples_in_any_order(few_shot):
    examples = random(2, 5, 3, 64, 64)
    code = few_shot.style(examples)
    assert code.shape == (2, 16)
    assert_close(code, few_shot.style(examples.flip(1)))
    alone = torch.stack([few_shot.style(examples[:, k : k + 1]) for k in range(5)]).mean(0)
    assert_close(code, alone)


def test_funit_tells_apart_pictures_that_differ_in_colour_alone(few_shot):
    """Instance normalisation did not: it takes the scale of every channel away, and answers came out washed."""
    code, pale, strong = few_shot.style(random(1, 1, 3, 64, 64)), *(torch.full((1, 3, 64, 64), v) for v in (0.9, -0.9))
    with torch.no_grad():
        assert (few_shot(pale, code) - few_shot(strong, code)).abs().mean() > 1e-3


def test_funit_rebuilds_with_the_style_of_another_picture(few_shot):
    """With its own code a picture's colours could come as style, and content would keep none."""
    model = funit.FUNITTraining(few_shot, build(lambda: PatchGAN(3, 8, 16, 4)))
    styles = torch.tensor([0, 1])
    x, kin = random(2, 2, 3, 64, 64)
    examples = random(2, 1, 3, 64, 64, seed=2)
    truth = random(2, 3, 64, 64, seed=3)
    expected = F.l1_loss(few_shot(x, few_shot.style(kin[:, None])), truth)
    found = model.losses(x, truth, styles, kin, examples, styles)["rebuild"]
    assert_close(found, funit.SCALE * funit.REBUILD * expected)


def test_each_loss_of_funit_reaches_its_own_player(few_shot):
    model = funit.FUNITTraining(few_shot, build(lambda: PatchGAN(3, 8, 16, 4)))
    styles = torch.tensor([0, 3]), torch.tensor([1, 2])
    x, kin = random(2, 2, 3, 64, 64)
    parts = model.losses(x, x.flip(0), styles[0], kin, random(2, 3, 3, 64, 64, seed=2), styles[1])
    assert gradients(parts["d"], model) == {"D"}
    for name in ("rebuild", "features", "g"):
        assert gradients(parts[name], model) == {"model"}, name


def test_the_judge_of_styles_answers_for_the_asked_one():
    logits = torch.arange(24.0).view(2, 3, 2, 2)
    assert funit.chosen(logits, torch.tensor([2, 0])).tolist() == [[[8, 9], [10, 11]], [[12, 13], [14, 15]]]


def test_variants_differ_in_their_losses_alone():
    shipped = build(ablation.Painters)
    training = build(lambda: ablation.PaintersTraining(shipped))
    sizes = {sum(p.numel() for p in v.parameters()) for v in shipped.variants.values()}
    assert len(sizes) == 1 and set(shipped.variants) == set(ablation.PAINTERS)
    parts = training.losses(random(2, 1, 64, 64), random(2, 3, 64, 64), torch.tensor([0, 0]))
    assert set(parts) == set(ablation.PAINTERS)
    for name, loss in parts.items():
        loss.backward(retain_graph=True)
        for other, variant in training.variants.items():
            reached = any(p.grad is not None for p in variant.parameters())
            assert reached == (other == name), (name, other)
        training.zero_grad(set_to_none=True)
    assert training.variants["l1"].D is None and training.variants["cgan"].l1 == 0


def test_cycles_leave_out_what_they_say():
    shipped = build(ablation.Cycles)
    training = build(lambda: ablation.CyclesTraining(shipped))
    a, b, seed = random(2, 3, 64, 64), random(2, 3, 64, 64, seed=1), torch.tensor([0, 0])
    named = {name: set(model.losses(a, b, seed)) for name, model in training.variants.items()}
    assert named["full"] == {"d", "g", "cycle", "identity"}
    assert named["no-cycle"] == {"d", "g", "identity"} and named["no-identity"] == {"d", "g", "cycle"}
    assert set(training.losses(a, b, seed, a, b)) == set(shipped.variants) == {*ablation.CYCLES, "paired"}
    assert training.variants["full"].G is shipped.variants["full"].G


def learn(model: torch.nn.Module, batch: tuple[torch.Tensor, ...], name: str, steps: int = 20) -> tuple[float, float]:
    """The part `name` before and after some steps on one batch."""
    [optimizer] = adversarial.adam(model, 2e-3, 0.0)
    found = []
    for _ in itertools.repeat(None, steps):
        parts = model.losses(*batch)
        found.append(float(parts[name].detach()))
        optimizer.zero_grad()
        sum(parts.values()).backward()
        optimizer.step()
    assert all(map(math.isfinite, found))
    return found[0], found[-1]


def test_twenty_steps_lower_the_losses(unet, cycle, bicycle, few_shot):
    line, y = random(2, 1, 32, 32), F.interpolate(random(2, 3, 4, 4), size=(32, 32), mode="bilinear")
    seed, styles = torch.tensor([0, 0]), torch.tensor([0, 1])
    cases = {
        "l1": (pix2pix.Pix2PixTraining(unet, build(lambda: PatchGAN(4, 8, 16))), (line, y, seed)),
        "cycle": (cycle, (y, y.flip(0), seed)),
        "rebuild": (
            funit.FUNITTraining(few_shot, build(lambda: PatchGAN(3, 8, 16, 2))),
            (y, y, styles, y, y[:, None], styles),
        ),
    }
    for name, (model, batch) in cases.items():
        before, after = learn(model, batch, name)
        assert after < 0.8 * before, name
    before, after = learn(bicycle, (line, y, seed), "l1", 50)
    assert after < 0.8 * before


def test_settled_spectral_norms_have_unit_vectors_and_unit_layers():
    judge = adversarial.PatchGAN(3, 8).eval()
    with torch.no_grad():
        for name, buffer in judge.named_buffers():
            if name.endswith(("_u", "_v")):
                buffer.mul_(0.3)
    adversarial.settle(judge)
    vectors = [buffer for name, buffer in judge.named_buffers() if name.endswith(("_u", "_v"))]
    assert vectors and all(abs(float(v.norm()) - 1) < 1e-4 for v in vectors)
    for layer in judge.modules():
        if isinstance(layer, torch.nn.Conv2d):
            largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
            assert abs(float(largest) - 1) < 0.05
    assert not any(module.training for module in judge.modules())


@pytest.mark.parametrize("id", ["cyclegan-styles", "cyclegan-fruit"])
def test_shipped_judges_have_unit_vectors(id):
    judges = registry.load(id, "cpu")
    vectors = [buffer for name, buffer in judges.named_buffers() if name.endswith(("_u", "_v"))]
    assert len(vectors) == 16 and all(abs(float(v.norm()) - 1) < 1e-3 for v in vectors)
