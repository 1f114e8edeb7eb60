import numpy as np
import pytest
import torch
from click.testing import CliRunner
from transformers import ConvNextV2Config, ViTMAEConfig

from genmodels import registry, weights
from genmodels.data import cifar10
from genmodels.masking import codes, few_shot, mae
from genmodels.masking.codes import Codes
from genmodels.masking.fcmae import ConvMaskedAutoencoder
from genmodels.masking.probe import VARIANCE, Probe, features
from genmodels.registry import ModelCard
from genmodels.train import Budget
from genmodels.weights import Embedded

VIT = ViTMAEConfig(
    image_size=64,
    patch_size=8,
    hidden_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=32,
    decoder_hidden_size=16,
    decoder_num_hidden_layers=1,
    decoder_num_attention_heads=2,
    decoder_intermediate_size=32,
)
CONV = ConvNextV2Config(image_size=64, patch_size=4, num_stages=2, hidden_sizes=[8, 16], depths=[1, 1])


@pytest.fixture(params=["vit", "conv"])
def model(request):
    if request.param == "vit":
        return mae.fresh(VIT, 0).eval()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ConvMaskedAutoencoder(CONV, 16).eval()


def colours(count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """`count` pictures of each of ten classes, each class a colour of its own, with noise."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(10, dtype=np.uint8), count))
    shade = np.stack([25 * labels, 255 - 25 * labels, np.full_like(labels, 90)], 1)[:, None, None]
    return (shade + rng.integers(-3, 4, (len(labels), 32, 32, 3))).clip(0, 255).astype(np.uint8), labels


@pytest.fixture
def data(monkeypatch):
    monkeypatch.setattr(cifar10, "load", lambda split: colours())
    return colours()


def test_codes_are_mean_and_spread_of_nine_overlapping_cells(model):
    pictures = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    nothing = torch.zeros(3, 64, dtype=torch.bool)
    with torch.no_grad():
        places = model.stages(pictures, nothing)[-1][:, -64:].view(3, 8, 8, 16)
    found = features(model, pictures).view(3, 2, 16, 3, 3)
    cell = places[:, 5:, 2:6]  # rows 16/3 to 8, columns 8/3 to 16/3, to the whole place
    torch.testing.assert_close(found[:, 0, :, 2, 1], cell.mean((1, 2)))
    torch.testing.assert_close(found[:, 1, :, 2, 1], cell.var((1, 2), correction=0).clamp(min=VARIANCE).sqrt())
    assert features(model, pictures[:1]).shape == (1, 288)


def test_a_probe_learns_what_a_line_can_tell():
    generator = torch.Generator().manual_seed(1)
    codes = torch.randn(400, 6, generator=generator) * torch.tensor([1e3, 1, 1, 1, 1, 0])
    labels = (codes[:, 1] > 0.3).long() + (codes[:, 1] > 1).long()
    probe = Probe.fit(codes[:300], labels[:300])
    chances = probe.probabilities(codes[300:])
    assert chances.shape == (100, 3)
    torch.testing.assert_close(chances.sum(1).float(), torch.ones(100))
    assert (chances.argmax(1) == labels[300:]).float().mean() > 0.8


def test_unlabelled_pictures_set_the_scale():
    codes = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 2.0], [1.0, 4.0]])
    probe = Probe.fit(codes, torch.tensor([0, 1, 0, 1]), unlabelled=codes * 10)
    torch.testing.assert_close(probe.spread, (codes * 10).std(0))


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 2, 2], [1, 2, 1]])
def test_a_probe_needs_two_classes_counted_from_zero(labels):
    with pytest.raises(ValueError, match="two or more classes"):
        Probe.fit(torch.rand(3, 2), torch.tensor(labels))


def test_drawn_labels_are_balanced_seeded_and_sorted():
    labels = colours()[1]
    a, b, c = (few_shot.drawn(labels, 3, seed) for seed in (0, 0, 1))
    assert (a == b).all() and (a != c).any()
    assert labels[a].tolist() == sorted(labels[a].tolist()) and np.bincount(labels[a]).tolist() == [3] * 10
    assert few_shot.drawn(labels, 1)[4] == np.flatnonzero(labels == 4)[0]


def test_tuning_learns_and_starts_equal_for_a_seed(model):
    images, labels = colours(4)
    large = cifar10.enlarged(images)
    untrained = few_shot.tune(model, large, labels, 0, 1e-3, 0)
    assert few_shot.accuracy(untrained, large, labels) == pytest.approx(0.1), "a head of zeros names one class"
    trained = few_shot.tune(model, large, labels, 60, 1e-2, 0)
    assert few_shot.accuracy(trained, large, labels) > 0.15


@pytest.mark.parametrize("classes", [2, 5])
def test_the_probe_as_a_layer_decides_the_same(classes):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(classes).repeat_interleave(8)
    codes = torch.randn(len(labels), 6, generator=generator) * 3 + labels[:, None]
    probe = Probe.fit(codes, labels)
    weight, bias = probe.layer()
    assert weight.shape == (classes, 6)
    probabilities = (codes @ weight.T + bias).softmax(1)
    torch.testing.assert_close(probabilities, probe.probabilities(codes).float(), atol=1e-4, rtol=1e-3)


def test_fine_tuning_begins_as_the_probe(model):
    images, labels = colours(4)
    large = cifar10.enlarged(images)
    known = few_shot.codes(model, images)
    probe = Probe.fit(known, torch.from_numpy(labels).long())
    classifier = few_shot.tune(model, large, labels, 0, 1e-3, 0, probe)
    right = (probe.probabilities(known).argmax(1).numpy() == labels).mean()
    assert few_shot.accuracy(classifier, large, labels) == pytest.approx(right) and right > 0.2


def test_curves_count_draws_and_summaries_name_them(model, data, monkeypatch):
    monkeypatch.setattr(few_shot, "PROBED", {1: 3, 5: 3, 12: 1})
    monkeypatch.setattr(few_shot, "ALL", 12)
    found = list(few_shot.probed(model))
    assert [n for n, _ in found] == [1] * 3 + [5] * 3 + [12]
    assert found[-1][1] > 0.4, "of what it learned, ten colours"
    said = few_shot.summary(found)
    assert list(said) == ["1", "5", "all"] and said["5"]["draws"] == 3 and said["all"]["std"] == 0
    assert said["1"]["mean"] == pytest.approx(np.mean([v for n, v in found if n == 1]), abs=1e-4)


def test_scratch_and_finetuning_start_where_they_say(data, monkeypatch):
    ours = mae.fresh(VIT, 7).eval()
    starts = []
    monkeypatch.setattr(few_shot, "CONFIG", VIT)
    monkeypatch.setattr(few_shot, "STEPS", {1: 1})
    monkeypatch.setattr(few_shot, "TUNED", {1: 2})
    monkeypatch.setattr(registry, "load", lambda id, place: ours)
    tune = few_shot.tune

    def watched(model, *rest):
        starts.append(model.network.decoder.mask_token.clone())
        return tune(model, *rest)

    monkeypatch.setattr(few_shot, "tune", watched)
    before = [p.clone() for p in ours.parameters()]
    assert [n for n, _ in few_shot.curve("finetune", "mae-photos")] == [1, 1]
    assert [n for n, _ in few_shot.curve("scratch", "mae-photos")] == [1, 1]
    assert all(a.equal(b) for a, b in zip(before, ours.parameters(), strict=True)), "the shared model stays as it is"
    assert starts[0].equal(starts[1]) and not starts[2].equal(starts[3])


def test_the_command_adds_a_curve_to_the_card(monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "ASSETS", tmp_path)
    weights.write_card("mae-photos", few_shot={"probe": {"1": {}}})
    monkeypatch.setattr(few_shot, "curve", lambda method, id: iter([(1, 0.2), (1, 0.3), (5000, 0.6)]))
    result = CliRunner().invoke(few_shot.command, ["random"])
    assert result.exit_code == 0 and "30.0 %" in result.output
    card = weights.read_card("mae-photos")["few_shot"]
    assert card["random"]["1"] == {"mean": 0.25, "std": 0.05, "draws": 2} and card["probe"] == {"1": {}}


def test_packed_codes_come_back_nearly_where_a_few_axes_hold_them():
    found = Codes()
    generator = torch.Generator().manual_seed(0)
    axes = torch.randn(50, 3456, generator=generator) * torch.arange(1, 3457)
    train, test = (torch.randn(1000, 50, generator=generator) @ axes + 5 for _ in range(2))
    found.pack("mae-photos", train, test)
    back, labels, held, truth = found.of("mae-photos")
    for one, other in ((back, train), (held, test)):
        assert ((one - other).square().mean(0) / train.var(0)).max() < 1e-3, "bytes cost little of any code's variance"
    assert labels.equal(truth) and labels.bincount().tolist() == [100] * 10
    with pytest.raises(KeyError, match="fcmae-photos"):
        found.of("emoji")


def test_the_codes_recipe_writes_what_the_encoders_say(model, data, monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "ASSETS", tmp_path)
    monkeypatch.setattr(codes, "WIDTHS", {"mae-photos": 288})
    monkeypatch.setattr(codes, "KEPT", 12)
    monkeypatch.setattr(codes, "EACH", 5)
    monkeypatch.setattr(registry, "load", lambda id, place: model)
    card = ModelCard("cifar-codes", "masking", {"compare"}, Embedded("cifar-codes"), 0, "free", "a paper", "some")
    monkeypatch.setattr(registry, "card", lambda id: card)
    [step] = codes.recipe(Budget())
    assert step.i == step.n == 1
    assert weights.read_card("cifar-codes")["held_out"]["probe_mae-photos"] > 0.3, "of what it learned, ten colours"
    written = Codes()
    written.load_state_dict(weights.read(tmp_path / "cifar-codes"))
    known, labels, _, _ = written.of("mae-photos")
    images, truth = data
    expected = few_shot.codes(model, images[few_shot.drawn(truth, 5)])
    assert known.shape == (50, 288) and labels.tolist() == sorted(labels.tolist())
    lost = (known - expected).square().mean(0) / expected.var(0).clamp(min=1e-9)
    assert lost.median() < 0.2, "twelve axes hold most of the codes of ten colours"
