import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close
from transformers import ConvNextV2Config

from genmodels import registry
from genmodels.masking import fcmae, masks
from genmodels.masking.fcmae import ConvMaskedAutoencoder, Places, sparse
from genmodels.masking.mae import reconstruct
from genmodels.masking.patches import join, on_pixels, split

SMALL = ConvNextV2Config(image_size=32, patch_size=4, num_stages=2, hidden_sizes=[8, 16], depths=[1, 2])


@pytest.fixture
def model() -> ConvMaskedAutoencoder:
    """Untrained, with every parameter away from the zeros that it would start at."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = ConvMaskedAutoencoder(SMALL, 16).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in found.parameters():
            value.add_(torch.randn(value.shape, generator=generator) * 0.1)
        found.predict_patch.weight.mul_(0.2)  # pictures far from black and white, so that none is clamped
    return found


def pictures(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def hidden(ratio: float = 0.75, count: int = 3) -> torch.Tensor:
    return masks.draw("random", ratio, count, 4, torch.Generator().manual_seed(5))


def test_with_nothing_hidden_it_is_the_librarys_encoder(model):
    none = torch.zeros(3, 16, dtype=torch.bool)
    with torch.no_grad():
        expected = model.encoder(model.normalise(pictures())).last_hidden_state
        assert_close(model.encode(pictures(), none), expected.flatten(2).transpose(1, 2))


@pytest.mark.parametrize("ratio", [0.25, 0.75])
def test_a_block_computes_a_sparse_convolution(model, ratio):
    """The block written out place by place: a hidden neighbour adds nothing, and GRN's norm is over visible places."""
    block, mask = model.encoder.encoder.stages[1].layers[0], hidden(ratio)
    places = Places(mask, 4)
    x = torch.randn(3, int((~mask[0]).sum()), 16, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        found = sparse(block, x, places)
        for b in range(3):
            at = [(int(i) // 4, int(i) % 4) for i in (~mask[b]).nonzero()[:, 0]]
            rows = []
            for i, j in at:
                y = block.dwconv.bias.clone()
                for n, (r, c) in enumerate(at):
                    if abs(r - i) <= 3 and abs(c - j) <= 3:
                        y += block.dwconv.weight[:, 0, r - i + 3, c - j + 3] * x[b, n]
                y = F.layer_norm(y, (16,), block.layernorm.weight, block.layernorm.bias, 1e-6)
                rows.append(F.gelu(F.linear(y, block.pwconv1.weight, block.pwconv1.bias)))
            rows = torch.stack(rows)
            norm = rows.norm(dim=0)
            grn, gain = block.grn, norm / (norm.mean() + 1e-6)
            rows = grn.weight[0, 0, 0] * (rows * gain) + grn.bias[0, 0, 0] + rows
            expected = x[b] + F.linear(rows, block.pwconv2.weight, block.pwconv2.bias)
            assert_close(found[b], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("strategy", list(masks.STRATEGIES))
def test_hidden_pixels_have_no_influence(model, strategy):
    mask = masks.draw(strategy, 0.5, 3, 4, torch.Generator().manual_seed(3))
    other = torch.where(on_pixels(mask, 32), torch.nan, pictures())
    assert reconstruct(model, pictures(), mask).equal(reconstruct(model, other, mask))
    moved = torch.where(on_pixels(mask, 32), pictures(), -pictures())
    assert not reconstruct(model, pictures(), mask).equal(reconstruct(model, moved, mask))


def test_the_loss_reads_hidden_patches_only(model):
    mask = hidden()
    with torch.no_grad():
        predicted = model.normalise(model.predict(pictures(), mask))
        target = model.normalise(pictures())
        at = on_pixels(mask, 32).expand_as(target)
        clamped = (model.predict(pictures(), mask).abs() == 1).any()
        assert not clamped
        expected = torch.stack([(predicted - target)[b][at[b]].square().mean() for b in range(3)])
        assert_close(model.errors(pictures(), mask), expected, rtol=1e-3, atol=1e-4)


def test_masks_of_one_batch_leave_equally_many_visible(model):
    mask = hidden()
    mask[0, :] = True
    with pytest.raises(ValueError, match="must be one"):
        model.encode(pictures(), mask)
    assert reconstruct(model, pictures(), mask).isfinite().all(), "reconstruct sorts them"


def test_split_and_join_are_inverse_and_row_by_row():
    x = pictures()
    assert join(split(x, 4), 4).equal(x)
    assert split(x, 4)[0, 5].view(8, 8, 3).permute(2, 0, 1).equal(x[0, :, 8:16, 8:16])


def test_the_card_counts_the_parameters():
    assert sum(p.numel() for p in fcmae.fresh(0).parameters()) == registry.card("fcmae-photos").params


def test_a_seed_gives_the_same_start_and_leaves_the_global_one_alone():
    before = torch.random.get_rng_state()
    a, b, c = fcmae.fresh(1), fcmae.fresh(1), fcmae.fresh(2)
    assert torch.random.get_rng_state().equal(before)
    assert a.embed.weight.equal(b.embed.weight) and not a.embed.weight.equal(c.embed.weight)
    assert a.mask_token.abs().max() > 0
