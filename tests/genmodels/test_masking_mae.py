import json
import math
import threading

import pytest
import torch
from safetensors.torch import save_file
from torch.testing import assert_close
from transformers import ViTMAEConfig
from transformers.models.vit_mae.modeling_vit_mae import build_2d_sinusoidal_position_embedding

from genmodels import registry, weights
from genmodels.masking import mae, masks, panels, train
from genmodels.masking.baselines import POWER
from genmodels.masking.mae import MaskedAutoencoder, fresh, reconstruct
from genmodels.masking.patches import on_pixels, paste
from tests.fake_hub import FakeHub

QKV = {"q": "query", "k": "key", "v": "value"}


def small(seed: int = 0, **options) -> MaskedAutoencoder:
    """Untrained, for 64x64."""
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    sizes |= {f"decoder_{name}": value for name, value in sizes.items()}
    return fresh(ViTMAEConfig(image_size=64, patch_size=8, **sizes, **options), seed).eval()


KINDS = pytest.mark.parametrize("options", [{}, {"norm_pix_loss": True}], ids=["pixels", "normalised"])


def pictures(count: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def hidden(ratio: float = 0.75, count: int = 4) -> torch.Tensor:
    return masks.draw("random", ratio, count, 8, torch.Generator().manual_seed(5))


@pytest.mark.parametrize("ratio", [0.25, 0.75, 0.95])
@pytest.mark.parametrize("norm", [False, True])
def test_loss_and_prediction_are_the_librarys(ratio, norm):
    model = small(mask_ratio=ratio, norm_pix_loss=norm)
    noise = torch.rand(4, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        out = model.network(model.normalise(pictures()), noise=noise)
        mask = masks.hide(noise, ratio)
        assert mask.equal(out.mask.bool())
        assert_close(model.decode(model.encode(pictures(), mask), mask), out.logits, rtol=1e-4, atol=1e-5)
        assert_close(model.loss(pictures(), mask), out.loss, rtol=1e-4, atol=1e-5)


def test_attention_is_the_librarys():
    model = small(attn_implementation="eager")
    seen: list[torch.Tensor] = []
    for layer in model.network.decoder.decoder_layers:
        layer.attention.register_forward_hook(lambda module, inputs, output: seen.append(output[1]))
    with torch.no_grad():
        model.decode(model.encode(pictures(), hidden()), hidden())
        expected = torch.stack(seen, 1).mean(2)[..., 1:, 1:]
        found = model.attention(pictures(), hidden())
    assert found.shape == (4, 2, 64, 64)
    assert_close(found, expected)
    assert found.sum(-1).max() < 1


@KINDS
@pytest.mark.parametrize("strategy", masks.STRATEGIES)
def test_hidden_pixels_have_no_influence(options, strategy):
    model, x = small(**options), pictures()
    mask = masks.draw(strategy, 0.75, 4, 8, torch.Generator().manual_seed(2))
    other = torch.where(on_pixels(mask, 64), pictures(seed=9), x)
    nothing = torch.where(on_pixels(mask, 64), torch.tensor(float("nan")), x)
    expected = reconstruct(model, x, mask)
    assert expected.isfinite().all()
    assert not other.equal(x)
    assert reconstruct(model, other, mask).equal(expected)
    assert reconstruct(model, nothing, mask).equal(expected)
    seen = paste(pictures(seed=9), x, mask)
    assert not reconstruct(model, seen, mask).equal(expected)  # visible ones do have influence


@KINDS
def test_all_or_nothing_hidden(options):
    model = small(**options)
    for mask in (torch.zeros(4, 64, dtype=torch.bool), torch.ones(4, 64, dtype=torch.bool)):
        found = reconstruct(model, pictures(), mask)
        assert found.isfinite().all() and found.abs().max() <= 1
    assert found.std(0).max() < 1e-5  # of hidden pictures the network says the same
    assert paste(pictures(), found, torch.zeros(4, 64, dtype=torch.bool)).equal(pictures())


def test_normalised_patches_get_the_statistics_of_visible_ones():
    model, x = small(norm_pix_loss=True), pictures()
    mask = hidden()
    target = model.network.patchify(model.normalise(x))
    exact = (target - target.mean(-1, True)) / (target.var(-1, keepdim=True) + 1e-6).sqrt()
    model.decode = lambda codes, mask: exact  # a perfect network
    visible = ~on_pixels(mask, 64).expand_as(x)
    assert_close(reconstruct(model, x, mask)[visible], x[visible], rtol=0, atol=1e-4)
    model.decode = lambda codes, mask: torch.zeros_like(exact)
    found = model.network.patchify(model.normalise(reconstruct(model, x, mask))).mean(-1)
    seen = target.mean(-1)
    for b, i in mask.nonzero().tolist():
        others = [j for j in range(64) if not mask[b, j]]
        weight = torch.tensor([math.dist(divmod(i, 8), divmod(j, 8)) ** -POWER for j in others])
        assert_close(found[b, i], (weight * seen[b, others]).sum() / weight.sum(), rtol=0, atol=1e-4)


def test_masks_of_one_batch_may_differ_in_number():
    model = small()
    mask = torch.cat([hidden(r, 1) for r in (0.25, 0.75, 0.75, 0.9)])
    alone = torch.cat([reconstruct(model, pictures()[i : i + 1], mask[i : i + 1]) for i in range(4)])
    assert_close(reconstruct(model, pictures(), mask), alone, rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="visible"):
        model.encode(pictures(), mask)


def test_requests_share_no_ratio():
    model, ratios = small(), (0.25, 0.5, 0.75, 0.9)
    expected = [reconstruct(model, pictures(), hidden(r)) for r in ratios]
    found: dict[int, list[torch.Tensor]] = {i: [] for i in range(4)}

    def visitor(i: int) -> None:
        for _ in range(5):
            found[i].append(reconstruct(model, pictures(), hidden(ratios[i])))

    threads = [threading.Thread(target=visitor, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, pictures_ in found.items():
        for picture in pictures_:
            assert_close(picture, expected[i], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "x, mask",
    [
        (pictures()[:, :, :32, :32], hidden()),
        (pictures(), hidden()[:, :49]),
        (pictures(), hidden()[:2]),
        (pictures(), hidden().float()),
    ],
)
def test_wrong_shapes(x, mask):
    with pytest.raises(ValueError):
        reconstruct(small(), x, mask)


@pytest.mark.parametrize("side, dim", [(8, 32), (14, 48)])
def test_positions_are_the_papers(side, dim):
    library = build_2d_sinusoidal_position_embedding(height=side, width=side, embed_dim=dim, cls_token=False)
    expected = torch.cat([library[:, dim // 2 :], library[:, : dim // 2]], 1)  # as published checkpoints have it
    assert_close(mae.sines(side, dim), expected)
    model = small()
    for position in (model.network.vit.embeddings.position_embeddings, model.network.decoder.decoder_pos_embed):
        assert position[0, 0].eq(0).all() and position[0, 1:].equal(mae.sines(8, 32))


def test_written_and_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "ASSETS", tmp_path)
    model = small()
    for parameter in model.parameters():
        parameter.data = parameter.data.half().float()
    weights.write("mae", model.network)
    model.write(tmp_path / "mae")
    again = MaskedAutoencoder.read(tmp_path / "mae")
    assert reconstruct(again, pictures(), hidden()).equal(reconstruct(model, pictures(), hidden()))
    about = json.loads((tmp_path / "mae/preprocessor_config.json").read_text())
    assert about["image_mean"] == [0.485, 0.456, 0.406]


def test_incomplete_weights_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "ASSETS", tmp_path)
    model = small()
    model.write(tmp_path / "mae")
    del model.network.vit.layernorm
    weights.write("mae", model.network)
    with pytest.raises(ValueError, match="layernorm"):
        MaskedAutoencoder.read(tmp_path / "mae")


def test_training_lowers_the_loss():
    model = small().train()
    images = (torch.linspace(0, 1, 64)[None, :, None, None] * torch.rand(8, 1, 64, 3) * 255).byte().numpy()
    optimizer, losses = torch.optim.AdamW(model.parameters(), 3e-3), []
    for _, (x, mask) in zip(range(20), train.photograph_batches(images, 8, 0, 8), strict=False):
        loss = model.loss(x, mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


def test_batches_are_shifted_and_mirrored_pictures():
    images = torch.randint(0, 256, (3, 64, 64, 3), generator=torch.Generator().manual_seed(0)).byte()
    x, mask = next(train.photograph_batches(images.numpy(), 16, 7, 8))
    again, _ = next(train.photograph_batches(images.numpy(), 16, 7, 8))
    assert x.equal(again) and mask.sum(1).unique().numel() == 1
    padded = torch.nn.functional.pad(images.permute(0, 3, 1, 2).float() / 127.5 - 1, (4, 4, 4, 4), "reflect")
    windows = [p[:, i : i + 64, j : j + 64] for p in padded for i in range(9) for j in range(9)]
    allowed = torch.stack(windows + [w.flip(2) for w in windows])
    places = [int((allowed == picture).flatten(1).all(1).nonzero()[0, 0]) for picture in x]
    assert len(set(places)) > 8


def test_training_masks_are_mostly_the_papers():
    usual = 0
    for seed in range(200):
        mask = train.training_masks(2, 8, torch.Generator().manual_seed(seed))
        count = int(mask[0].sum())
        assert mask.sum(1).eq(count).all() and 19 <= count <= 61
        usual += count == 48
    assert 120 < usual < 170


def test_square_is_cut_where_asked():
    wide = torch.zeros(3, 10, 30, dtype=torch.uint8)
    wide[0, :, :10], wide[1, :, 10:20], wide[2, :, 20:] = 255, 255, 255
    for across, channel in ((0, 0), (0.5, 1), (1, 2)):
        found = panels.square(wide, 64, across=across)
        assert found.shape == (1, 3, 64, 64)
        assert_close(found.mean((0, 2, 3)), torch.eye(3)[channel] * 2 - 1)
    assert panels.square(wide, 64, part=0.1).shape == (1, 3, 64, 64)


@pytest.mark.parametrize("shape", [(1, 1), (10, 10_000), (64, 64), (3, 500)])
def test_any_shape_of_one_colour(shape):
    picture = torch.full((3, *shape), 200, dtype=torch.uint8)
    found = panels.square(picture, 64)
    assert_close(found, torch.full((1, 3, 64, 64), 200 / 127.5 - 1), rtol=0, atol=1e-4)


def test_panels():
    model, x, mask = small(), pictures(1), hidden(count=1)
    shown = panels.panels(model, x, mask)
    assert tuple(shown) == panels.PANELS
    pixels = on_pixels(mask, 64).expand_as(x)
    assert shown["original"].equal(x)
    assert shown["masked"][pixels].eq(0).all() and shown["masked"][~pixels].equal(x[~pixels])
    assert shown["pasted"][~pixels].equal(x[~pixels])
    assert shown["pasted"][pixels].equal(shown["reconstruction"][pixels])


def test_a_published_model_comes_from_the_hub_by_the_same_code(tmp_path, monkeypatch):
    """A tiny one under the card of vit-mae-base, its tensors named as in the published file."""
    norm = fresh(
        ViTMAEConfig(
            image_size=32,
            patch_size=8,
            norm_pix_loss=True,
            **{"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64},
            **{f"decoder_{k}": v for k, v in {"hidden_size": 16, "num_hidden_layers": 1}.items()},
            **{f"decoder_{k}": v for k, v in {"num_attention_heads": 2, "intermediate_size": 32}.items()},
        ),
        3,
    ).eval()
    norm.write(tmp_path / "hub")
    names = [
        ("vit.layers", "vit.encoder.layer"),
        *((f"attention.{ours}_proj", f"attention.attention.{theirs}") for ours, theirs in QKV.items()),
        ("attention.o_proj", "attention.output.dense"),
        ("mlp.fc1", "intermediate.dense"),
        ("mlp.fc2", "output.dense"),
    ]
    published = {}
    for key, value in norm.network.state_dict().items():
        for ours, theirs in names:
            key = key.replace(ours, theirs)
        published[key] = value.contiguous()
    save_file(published, tmp_path / "hub" / "model.safetensors")
    source = registry.card("vit-mae-base").weights
    files = {name: (tmp_path / "hub" / name).read_bytes() for name in source.files}
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    registry.forget()
    with FakeHub(source.repo, source.revision, files) as server:
        monkeypatch.setattr(
            weights, "hf_hub_url", lambda repo, name, revision: f"{server.url()}/{repo}/resolve/{revision}/{name}"
        )
        assert list(registry.fetch("vit-mae-base"))[-1].i == sum(map(len, files.values()))
    model = registry.load("vit-mae-base", "cpu")
    registry.forget()
    x = pictures()[..., :32, :32]
    mask = masks.draw("random", 0.75, 4, 4, torch.Generator().manual_seed(5))
    assert reconstruct(model, x, mask).equal(reconstruct(norm, x, mask))
    assert model.attention(x, mask).shape == (4, 1, 16, 16)
