import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from skimage.restoration import inpaint_biharmonic
from torch.testing import assert_close
from torchvision.io import encode_jpeg
from transformers import ViTMAEConfig

from genmodels import images, registry, weights
from genmodels import train as loop
from genmodels.__main__ import main
from genmodels.data import cifar10, packages, photographs
from genmodels.errors import Refusal
from genmodels.masking import baselines, bench, evaluate, masks, patches, train
from genmodels.masking.mae import MaskedAutoencoder, fresh
from genmodels.masking.quality import psnr_hidden, ssim_hidden
from genmodels.registry import ModelCard
from genmodels.train import Budget
from genmodels.weights import Embedded


def smooth(count: int, seed: int = 0) -> torch.Tensor:
    """Pictures (B, 3, 64, 64) in [-1, 1] of a few waves each."""
    small = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return torch.nn.functional.interpolate(small, size=(64, 64), mode="bicubic").clamp(-1, 1)


def hidden(count: int, ratio: float = 0.75) -> torch.Tensor:
    return masks.draw("random", ratio, count, 8, torch.Generator().manual_seed(1))


def patch(i: int) -> tuple[slice, slice]:
    row, column = divmod(i, 8)
    return slice(8 * row, 8 * row + 8), slice(8 * column, 8 * column + 8)


def test_mean_colour_is_a_naive_loop():
    x, mask = smooth(3), hidden(3)
    found = baselines.mean_colour(x, mask)
    for b in range(3):
        seen = torch.cat([x[b][:, *patch(i)].flatten(1) for i in range(64) if not mask[b, i]], 1)
        assert_close(found[b], seen.mean(1)[:, None, None].expand(3, 64, 64), rtol=0, atol=1e-5)


def test_near_means_are_a_naive_loop():
    x, mask = smooth(2), hidden(2)
    found = baselines.near_means(x, mask)
    for b in range(2):
        for i in mask[b].nonzero()[:, 0].tolist():
            total, colour = 0.0, torch.zeros(3)
            for j in (~mask[b]).nonzero()[:, 0].tolist():
                distance = ((i // 8 - j // 8) ** 2 + (i % 8 - j % 8) ** 2) ** 0.5
                total += distance**-baselines.POWER
                colour += distance**-baselines.POWER * x[b][:, *patch(j)].mean((1, 2))
            assert_close(found[b][:, *patch(i)], (colour / total)[:, None, None].expand(3, 8, 8), rtol=0, atol=1e-4)


def test_biharmonic_is_scikit_images():
    x, mask = smooth(1), hidden(1, 0.5)
    pixels = patches.on_pixels(mask, 64)[0, 0].numpy()
    expected = inpaint_biharmonic(x[0].permute(1, 2, 0).numpy(), pixels, channel_axis=-1).clip(-1, 1)
    found = baselines.biharmonic(x, mask)
    assert_close(found[0].permute(1, 2, 0).numpy(), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("fill", baselines.BASELINES.values(), ids=baselines.BASELINES)
def test_baselines_read_no_hidden_pixels(fill):
    x, mask = smooth(2), hidden(2)
    other = patches.paste(x, smooth(2, seed=8), mask)
    nothing = patches.paste(x, torch.full_like(x, torch.nan), mask)
    expected = fill(x, mask)
    assert not other.equal(x) and expected.isfinite().all()
    assert fill(other, mask).equal(expected)
    assert fill(nothing, mask).equal(expected)


@pytest.mark.parametrize("fill", baselines.BASELINES.values(), ids=baselines.BASELINES)
def test_baselines_with_nothing_visible_and_nothing_hidden(fill):
    x = smooth(2)
    assert fill(x, torch.ones(2, 64, dtype=torch.bool)).eq(0).all()
    everything = fill(x, torch.zeros(2, 64, dtype=torch.bool))
    assert everything.shape == x.shape and everything.isfinite().all()
    assert baselines.biharmonic(x, torch.zeros(2, 64, dtype=torch.bool)).equal(x)


@pytest.mark.parametrize("fill", baselines.BASELINES.values(), ids=baselines.BASELINES)
def test_one_colour_is_rebuilt_exactly(fill):
    x = torch.tensor([0.5, -0.2, 0.9]).view(1, 3, 1, 1).expand(1, 3, 64, 64).contiguous()
    assert_close(fill(x, hidden(1)), x, rtol=0, atol=1e-3)


def test_interpolation_is_a_naive_sum():
    x, mask = smooth(1), hidden(1)
    seen = [(i, j) for i in range(16) for j in range(16) if not mask[0, (i // 2) * 8 + j // 2]]
    quarters = [x[0, :, 4 * i : 4 * i + 4, 4 * j : 4 * j + 4].mean((1, 2)).numpy() for i, j in seen]
    expected = np.empty((3, 32, 32), np.float32)
    for a in range(32):
        for b in range(32):  # target points and middles of quarters, in patches
            squared = [((a + 0.5) / 4 - (i + 0.5) / 2) ** 2 + ((b + 0.5) / 4 - (j + 0.5) / 2) ** 2 for i, j in seen]
            weight = [(s + baselines.SOFT**2) ** (-baselines.STEEP / 2) for s in squared]
            expected[:, a, b] = np.average(quarters, 0, weight)
    enlarged = torch.nn.functional.interpolate(torch.from_numpy(expected)[None], size=(64, 64), mode="bilinear")
    assert_close(baselines.interpolate(x, mask), enlarged, rtol=0, atol=1e-4)


def test_psnr_is_scikit_images_on_hidden_pixels():
    x, y, mask = smooth(3), smooth(3, seed=4), hidden(3)
    found = psnr_hidden(y, x, mask)
    pixels = patches.on_pixels(mask, 64).expand_as(x)
    for b in range(3):
        true, guess = (t[b][pixels[b]].double().numpy() / 2 + 0.5 for t in (x, y))
        assert found[b] == pytest.approx(peak_signal_noise_ratio(true, guess, data_range=1), abs=1e-3)
    assert psnr_hidden(patches.paste(y, x, mask), x, mask).isfinite().all()
    assert psnr_hidden(x, x, mask).eq(100).all()


def test_ssim_is_scikit_images_on_hidden_pixels():
    x, mask = smooth(2), hidden(2, 0.5)
    y = (x + 0.2 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))).clamp(-1, 1)
    found = ssim_hidden(y.double(), x.double(), mask)
    for b in range(2):
        true, guess = (t[b].double().permute(1, 2, 0).numpy() / 2 + 0.5 for t in (x, patches.paste(x, y, mask)))
        settings = {"gaussian_weights": True, "use_sample_covariance": False, "data_range": 1.0, "channel_axis": -1}
        _, everywhere = structural_similarity(true, guess, full=True, **settings)
        expected = everywhere[patches.on_pixels(mask, 64)[b, 0].numpy()].mean()
        assert float(found[b]) == pytest.approx(expected, abs=1e-4)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of two files, as Tiny ImageNet's, and a cache of its own."""
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    data = tmp_path / "data"
    data.mkdir()
    for name, seed in (("tinyin_a_jpg.npz", 0), ("tinyin_b_jpg.npz", 1)):
        files = [encode_jpeg(((p + 1) * 127.5).byte(), quality=95).numpy().tobytes() for p in smooth(60, seed)]
        off = np.cumsum([0, *map(len, files)])
        jpg = np.frombuffer(b"".join(files), np.uint8)
        np.savez(data / name, jpg=jpg, off=off, y=np.arange(60, dtype=np.uint8), names=np.array(["cat", "dog"]))
    return data


def test_photographs(folder):
    found = photographs.load(folder)
    assert found.images.shape == (120, 64, 64, 3) and found.labels.tolist() == [*range(60)] * 2
    assert found.names == ("cat", "dog")
    expected = ((smooth(60, 1) + 1) * 127.5).permute(0, 2, 3, 1)
    assert np.abs(found.images[60:].astype(float) - expected.numpy()).mean() < 3
    assert 0 < found.held_out.sum() < 20
    again = photographs.load()
    assert np.array_equal(again.images, found.images) and again.names == found.names
    (folder / "tinyin_a_jpg.npz").unlink()
    fewer = photographs.load(folder)
    assert len(fewer.images) == 60 and np.array_equal(fewer.held_out, found.held_out[60:])


def test_one_in_twenty_is_held_out():
    assert np.mean([photographs.is_held_out(str(i).encode()) for i in range(20_000)]) == pytest.approx(0.05, abs=0.01)


def test_photographs_that_are_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(Refusal) as refusal:
        photographs.load()
    assert refusal.value.code == "data_needed"
    with pytest.raises(Refusal) as refusal:
        photographs.load(tmp_path)
    assert refusal.value.code == "photographs_file"


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"images": np.zeros((2, 32, 32, 3), np.uint8)},
        {"images": np.zeros((2, 64, 64, 3), np.float32)},
        {"images": np.zeros((0, 64, 64, 3), np.uint8)},
        {"jpg": np.zeros(10, np.uint8), "off": np.array([0, 20])},
        {"jpg": np.zeros(10, np.uint8), "off": np.array([0, 10])},
        {"jpg": np.zeros(10, np.uint8), "off": np.array([0])},
        {"jpg": np.array(["x"], object), "off": np.array([0, 1])},
    ],
)
def test_malformed_photographs(tmp_path, arrays):
    path = tmp_path / "some.npz"
    np.savez(path, **arrays)
    with pytest.raises(Refusal) as refusal:
        photographs.read_file(path)
    assert refusal.value.code == "photographs_file" and "some.npz" in str(refusal.value)


def test_a_file_that_is_no_npz(tmp_path):
    path = tmp_path / "some.npz"
    path.write_bytes(b"not a zip")
    with pytest.raises(Refusal) as refusal:
        photographs.read_file(path)
    assert refusal.value.code == "photographs_file"


def test_cifar10_strips(tmp_path, monkeypatch):
    from torchvision.io import write_png

    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    strip = torch.from_numpy(images).reshape(4, 1024, 3).permute(2, 0, 1)
    write_png(strip.contiguous(), str(tmp_path / "test_batch.png"))
    (tmp_path / "test_lables.json").write_text("[3, 1, 9, 0]")
    monkeypatch.setattr(packages, "npm", lambda spec: tmp_path)
    found, labels = cifar10.load("test")
    assert np.array_equal(found, images) and labels.tolist() == [3, 1, 9, 0]


def test_evaluate_by_file(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "rebuilders", lambda: {"perfect": lambda x, hidden: x})
    path = tmp_path / "some.npz"
    np.savez(path, images=((smooth(3) + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy())
    args = ["evaluate", "masking", "--images", str(path), "--ratio", "0.75", "--ratio", "0.25", "--json"]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["pictures"] == 3
    assert set(found["baselines"]) == {"mean_colour", "near_means", "interpolation", "biharmonic"}
    for swept in (*found["models"].values(), *found["baselines"].values()):
        assert set(swept) == set(masks.STRATEGIES) and set(swept["random"]) == {"0.75", "0.25"}
    assert found["models"]["perfect"]["random"]["0.75"] == {"psnr_hidden": 100.0, "ssim_hidden": 1.0}
    quality = {name: swept["random"]["0.25"]["psnr_hidden"] for name, swept in found["baselines"].items()}
    assert quality["biharmonic"] > quality["near_means"] > quality["mean_colour"]


def test_figures_are_means_over_pictures():
    x, mask = smooth(evaluate.BATCH + 3), hidden(evaluate.BATCH + 3)
    found = evaluate.figures(baselines.mean_colour, x, mask)
    alone = [
        float(psnr_hidden(baselines.mean_colour(a, m), a, m)) for a, m in zip(x.split(1), mask.split(1), strict=True)
    ]
    assert found["psnr_hidden"] == pytest.approx(np.mean(alone), abs=2e-3)


def test_evaluate_writes_cards(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "ASSETS", tmp_path)
    monkeypatch.setattr(evaluate, "rebuilders", lambda: {"mae": lambda x, hidden: x * 0})
    path = tmp_path / "some.npz"
    np.savez(path, images=((smooth(2) + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy())
    args = ["evaluate", "masking", "--images", str(path), "--ratio", "0.5", "--strategy", "grid", "--write"]
    assert CliRunner().invoke(main, args).exit_code == 0
    metrics = weights.read_card("mae")["metrics"]
    assert metrics["pictures"] == 2 and metrics["rebuilt"]["grid"]["0.5"]["psnr_hidden"] > 0


@pytest.fixture
def shipped(monkeypatch) -> MaskedAutoencoder:
    """An untrained model in the place of the shipped one."""
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    sizes |= {f"decoder_{name}": value for name, value in sizes.items()}
    model = fresh(ViTMAEConfig(image_size=64, patch_size=8, **sizes), 0).eval()
    monkeypatch.setattr(registry, "load", lambda id, device=None: model)
    monkeypatch.setattr(registry, "card", lambda id: SimpleNamespace(can={"reconstruct"} if id == "mae-photos" else {}))
    return model


def colours(height: int, width: int, mode: str = "RGB") -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, len(mode)), np.uint8)
    return Image.fromarray(values.squeeze(), mode)


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("RGB", (1, 1), "red"),
        Image.new("RGB", (90, 90), "blue"),
        colours(10, 10_000),
        colours(100, 70, "RGBA"),
        colours(64, 64),
    ],
    ids=["one pixel", "one colour", "very wide", "transparent", "as trained"],
)
def test_sample_makes_four_panels(tmp_path, shipped, picture):
    picture.save(tmp_path / "in.png")
    args = ["sample", "masking", "--image", tmp_path / "in.png", "--ratio", "0.75", "--out", tmp_path / "out.png"]
    result = CliRunner().invoke(main, list(map(str, args)))
    assert result.exit_code == 0, result.output
    assert "48 of 64" in result.output
    sheet = (tmp_path / "out.png").read_bytes()
    shown = images.read(sheet).float()
    assert shown.shape == (3, 264, 4 * 256 + 5 * 4)
    original, masked, _, pasted = (shown[:, 4:260, 4 + 260 * i : 260 + 260 * i] for i in range(4))
    same = (original == masked).all(0)
    assert same.float().mean() >= 0.24 and original[:, same].equal(pasted[:, same])
    assert images.png_settings(sheet) == {"model": "mae-photos", "seed": 7, "ratio": 0.75, "strategy": "random"}


@pytest.mark.parametrize(
    "option, value", [("--strategy", "spiral"), ("--model", "digits-vae"), ("--ratio", "0.96"), ("--seed", "-1")]
)
def test_sample_refuses(tmp_path, shipped, option, value):
    colours(8, 8).save(tmp_path / "in.png")
    args = ["sample", "masking", "--image", tmp_path / "in.png", "--out", tmp_path / "out.png", option, value]
    result = CliRunner().invoke(main, list(map(str, args)))
    assert result.exit_code and not isinstance(result.exception, ValueError)
    assert "Error" in result.output and not (tmp_path / "out.png").exists()


def test_bench_times_ours_and_peers(shipped, monkeypatch):
    monkeypatch.setattr(bench, "ViTMAEConfig", lambda **options: shipped.network.config)
    found = json.loads(CliRunner().invoke(main, ["bench", "masking", "--json"]).output)
    assert set(found["ratio"]) == {"vit-mae-base, here", "vit-mae-base, library", "biharmonic"}
    assert all(ms > 0 for ms in found["picture_ms"].values()) and found["peak_gflops"] > 0


def test_the_recipe_writes_weights_and_card_and_goes_on(folder, shipped, tmp_path, monkeypatch):
    config = ViTMAEConfig(**shipped.network.config.to_dict(), attn_implementation="eager")
    params = sum(p.numel() for p in shipped.parameters())
    card = ModelCard(
        "mae-photos", "masking", {"reconstruct"}, Embedded("mae-photos"), params, "free", "a paper", "some"
    )
    monkeypatch.setattr(weights, "ASSETS", tmp_path / "assets")
    monkeypatch.setattr(registry, "card", lambda id: card)
    monkeypatch.setattr(registry, "folder", lambda id: weights.folder(card.weights))
    for name, value in {"CONFIG": config, "PICTURES": {"mae-photos": {"cpu": 40}}, "BATCH": {"cpu": 8}}.items():
        monkeypatch.setattr(train, name, value)
    thirty = np.full((30, 32, 32, 3), 90, np.uint8), np.zeros(30, np.uint8)
    monkeypatch.setattr(cifar10, "load", lambda split: thirty)
    seen = []
    batches = train.photograph_batches
    monkeypatch.setattr(train, "photograph_batches", lambda x, *rest: seen.append(x) or batches(x, *rest))
    attends, held_out = [], train.held_out

    def watched(model, found):
        attends.append(model.network.config._attn_implementation)
        return held_out(model, found)

    monkeypatch.setattr(train, "held_out", watched)
    steps = list(train.photographs_mae(Budget(data=folder)))
    written = weights.read_card("mae-photos")
    assert steps[-1].i == steps[-1].n == written["trained"]["steps"] == 5 and written["trained"]["images"] == 40
    assert written["params"] == params and written["held_out"]["psnr_hidden"] > 5
    assert len(seen[0]) == 120 - photographs.load().held_out.sum() + 10
    assert (seen[0][-10:] == 90).all(), "every third of CIFAR-10, enlarged"
    MaskedAutoencoder.read(weights.folder(card.weights))
    loop.checkpoint("mae-photos").unlink()
    monkeypatch.setattr(train, "PICTURES", {"mae-photos": {"cpu": 56}})
    assert [step.i for step in train.photographs_mae(Budget(resume=True))][-1] == 7
    assert weights.read_card("mae-photos")["trained"]["images"] == 56
    assert attends == ["eager", "eager"], "a resumed run trains as fast"
