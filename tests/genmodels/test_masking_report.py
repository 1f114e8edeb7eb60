import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from genmodels import registry, weights
from genmodels.data import photographs
from genmodels.masking import evaluate, peer, report
from genmodels.masking.mae import fresh
from genmodels.masking.peer import published
from genmodels.masking.train import CONFIG


@pytest.fixture
def cards(monkeypatch, tmp_path):
    """No model has weights, until `cards` is filled: {id: card}."""
    found: dict[str, dict] = {}
    monkeypatch.setattr(report, "card", lambda id: found.get(id, {}))
    return found


def rebuilt(db: float) -> dict:
    return {s: {r: {"psnr_hidden": db, "ssim_hidden": 0.3} for r in ("0.5", "0.75")} for s in ("random", "grid")}


def curve(*means: float) -> dict:
    names = ("1", "10", "all")
    return {n: {"mean": m, "std": 0.01, "draws": 5 if n != "all" else 1} for n, m in zip(names, means, strict=True)}


def test_nothing_measured_says_so(cards):
    assert report.markdown() == "Not measured yet."


def test_targets_say_by_how_much_they_are_missed(cards):
    baselines = {"mean_colour": rebuilt(13.0), "near_means": rebuilt(14.5), "biharmonic": rebuilt(14.0)}
    cards["mae-photos"] = {
        "metrics": {"rebuilt": rebuilt(16.25), "baselines": baselines, "pictures": 200},
        "bench": {"picture_ms": {"ours": 12.5}},
        "peer": {"pictures": 64_000, "ours": {"psnr_hidden": 15.5}, "published": {"psnr_hidden": 14.75}},
        "few_shot": {
            "probe": curve(0.2, 0.4, 0.55),
            "finetune": curve(0.1, 0.3, 0.7),
            "scratch": curve(0.15, 0.2, 0.6),
        },
    }
    said = report.markdown()
    assert "| mae-photos, 75 % hidden: dB over mean colour | ≥ 3.5 | 3.25 | no, by 0.25 |" in said
    assert "| mae-photos, 75 % hidden: dB over biharmonic | ≥ 1.8 | 2.25 | yes |" in said
    assert "| mae-photos: one picture (ms) | ≤ 20 | 12.5 | yes |" in said
    assert "after 64,000 pictures each | ≥ 0.5 | 0.75 | yes |" in said
    assert "| CIFAR-10, linear probe of the better encoder | ≥ 0.6 | 0.55 | no, by 0.05 |" in said
    assert "| 10 labels a class: mae-photos over the same network from scratch | ≥ 1.4 | 2 | yes |" in said
    assert "fine-tuned minus from scratch, least of all counts | ≥ 0 | -0.05 | no, by 0.05 |" in said
    assert "| near means | 14.50 | 14.50 | 14.50 | 14.50 |" in said
    assert "fine-tuned | – | 84.9 % | – | 84.0 % |" in said, "the paper's, where it has the same ratio"
    assert "| mae-photos, probe | 20.0 ± 1.0 % | 40.0 ± 1.0 % | 55.0 % |" in said


def test_counts_stand_in_their_order(cards):
    cards["mae-photos"] = {"few_shot": {"probe": {n: curve(0, 0, 0)["1"] for n in ("1", "10", "100", "5", "all")}}}
    assert "| CIFAR-10, labels per class | 1 | 5 | 10 | 100 | all |" in report.markdown()


def test_a_part_that_is_not_measured_is_left_out(cards):
    cards["fcmae-photos"] = {"few_shot": {"probe": curve(0.2, 0.4, 0.62)}}
    said = report.markdown()
    assert "PSNR on hidden" not in said and "| ≥ 0.6 | 0.62 | yes |" in said and "scratch" not in said


def test_an_absent_model_has_an_empty_card(monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "ASSETS", tmp_path)
    assert report.card("mae-photos") == {}


def test_the_published_design_is_as_large_and_starts_as_its_own_code_does():
    ours = sum(p.numel() for p in fresh(CONFIG, 0).parameters())
    theirs = published(0)
    assert sum(p.numel() for p in theirs.parameters()) == pytest.approx(ours, rel=0.03)
    for position in (theirs.network.vit.embeddings.position_embeddings, theirs.network.decoder.decoder_pos_embed):
        assert position.requires_grad and 0.01 < position.std() < 0.03
    layer = theirs.network.vit.layers[0].mlp.fc1
    torch.manual_seed(0)
    assert layer.weight.std().item() == pytest.approx(nn.Linear(192, 768).weight.std().item(), rel=0.05)


def test_the_peer_command_trains_both_alike(monkeypatch, tmp_path):
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    tiny = type(CONFIG)(**{**CONFIG.to_dict(), **small, **{f"decoder_{k}": v for k, v in small.items()}})
    monkeypatch.setattr(weights, "ASSETS", tmp_path / "assets")
    monkeypatch.setattr(weights, "cache", lambda: tmp_path)
    monkeypatch.setattr(peer, "PUBLISHED", tiny)
    monkeypatch.setitem(peer.DESIGNS, "ours", (lambda seed: fresh(tiny, seed), peer.DESIGNS["ours"][1]))
    pictures = np.random.default_rng(0).integers(0, 255, (40, 64, 64, 3)).astype(np.uint8)
    held = np.arange(40) < 8
    some = photographs.Photographs(pictures, np.zeros(40, np.uint8), held, ("cat",))
    monkeypatch.setattr(photographs, "load", lambda folder: some)
    monkeypatch.setattr(peer, "training_pictures", lambda found: found.images[~found.held_out])
    result = CliRunner().invoke(peer.command, ["--pictures", "64"])
    assert result.exit_code == 0, result.output
    card = weights.read_card("mae-photos")["peer"]
    assert card["pictures"] == 64 and card["ours"]["parameters"] == card["published"]["parameters"]
    assert card["ours"]["psnr_hidden"] != card["published"]["psnr_hidden"] > 3


def test_the_sheet_shows_every_model_between_masked_and_original(monkeypatch, tmp_path):
    monkeypatch.setattr(evaluate, "rebuilders", lambda: {"a": lambda x, hidden: -x, "b": lambda x, hidden: x})
    truth = torch.full((5, 3, 64, 64), 0.5)
    shown = evaluate.sheet(truth)
    assert shown.size == (8 + 4 * (256 + 8), 8 + 2 * (64 + 8))
    row = np.asarray(shown)[8:72, 8:264, 0]
    assert set(np.unique(row[:, :64])) == {128, 191}, "grey where hidden"
    assert set(np.unique(row[:, 64:128])) == {64, 191} and set(np.unique(row[:, 128:])) == {191}


def test_the_card_of_cifars_codes_counts_them():
    model = registry.build("cifar-codes")
    assert sum(p.numel() for p in model.parameters()) == registry.card("cifar-codes").params
    assert not any(p.requires_grad for p in model.parameters())
