"""Fully convolutional masked autoencoder (Woo et al. 2023, arXiv:2301.00808): transformers' ConvNeXt V2 blocks.

Sparse masking: only visible places have features. Around each depthwise convolution they are laid out in the plane with
zeros for hidden ones, which is what a submanifold sparse convolution computes (section 3.1); everything else, global
response normalisation included, sees the visible places alone. Stem and downsampling never cross a patch's border.
The decoder, one block on the whole plane with a mask token, is what the published checkpoints lack.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import ConvNextV2Config, ConvNextV2Model
from transformers.models.convnextv2.modeling_convnextv2 import ConvNextV2Layer

from genmodels.masking import masks
from genmodels.masking.mae import MEAN, STD
from genmodels.masking.patches import join, on_pixels, split

CONFIG = ConvNextV2Config(
    image_size=64, patch_size=4, num_stages=2, hidden_sizes=[96, 192], depths=[2, 6], drop_path_rate=0.0
)
DECODER = 256  # channels; the paper's has 512


class ConvMaskedAutoencoder(nn.Module):
    """A ConvNeXt V2 encoder of two stages on masked pictures, and a light decoder.

    Pictures are float (B, 3, size, size) in [-1, 1]; a mask is bool (B, side * side), True = hidden.
    """

    def __init__(self, config: ConvNextV2Config = CONFIG, decoder: int = DECODER) -> None:
        super().__init__()
        self.encoder = ConvNextV2Model(config)
        patch = config.patch_size * 2 ** (config.num_stages - 1)
        self.size, self.side = config.image_size, config.image_size // patch
        self.embed = nn.Linear(config.hidden_sizes[-1], decoder)
        self.mask_token = nn.Parameter(torch.zeros(decoder))
        self.block = ConvNextV2Layer(config, decoder)
        self.predict_patch = nn.Linear(decoder, patch * patch * 3)
        for name, values in (("mean", MEAN), ("std", STD)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def normalise(self, pictures: Tensor) -> Tensor:
        """Pixels in [-1, 1] -> the network's scale."""
        return (pictures / 2 + 0.5 - self.mean) / self.std

    def stages(self, pictures: Tensor, hidden: Tensor) -> list[Tensor]:
        """What each stage leaves at the visible places, row by row: (B, K * 4, C), then (B, K, C).

        Raises ValueError unless every mask of the batch leaves the same number K of patches visible.
        """
        masks.visible(hidden)
        plane, found = self.encoder.embeddings(self.normalise(pictures)), []
        for stage in self.encoder.encoder.stages:
            for layer in stage.downsampling_layer:
                plane = layer(plane)
            places = Places(hidden, plane.shape[-1])
            x = places.gather(plane)
            for block in stage.layers:
                x = sparse(block, x, places)
            plane = places.scatter(x)
            found.append(x)
        return found

    def encode(self, pictures: Tensor, hidden: Tensor) -> Tensor:
        """Codes of the visible patches, row by row: (B, K, C)."""
        return self.stages(pictures, hidden)[-1]

    def decode(self, codes: Tensor, hidden: Tensor) -> Tensor:
        """codes (B, K, C) -> predicted patches (B, L, patch * patch * 3) in the network's scale."""
        embedded = self.embed(codes)
        x = self.mask_token.to(embedded.dtype).expand(*hidden.shape, -1).clone()
        x[~hidden] = embedded.flatten(0, 1)
        plane = self.block(x.transpose(1, 2).unflatten(2, (self.side, self.side)))
        return self.predict_patch(plane.flatten(2).transpose(1, 2))

    def errors(self, pictures: Tensor, hidden: Tensor) -> Tensor:
        """Mean square of each picture (B,) over its hidden patches, of pixels in the network's scale.

        Every mask hides the same number, at least one.
        """
        predicted = self.decode(self.encode(pictures, hidden), hidden)[hidden]
        target = split(self.normalise(pictures), self.side)[hidden]
        return (predicted.float() - target).square().view(len(pictures), -1).mean(1)

    def predict(self, pictures: Tensor, hidden: Tensor) -> Tensor:
        """The network's picture, visible patches predicted too, in [-1, 1]; hidden pixels have no influence."""
        patches = self.decode(self.encode(pictures, hidden), hidden).float()
        return ((join(patches, self.side) * self.std + self.mean) * 2 - 1).clamp(-1, 1)


class Places:
    """Where a mask leaves places of a plane of extent x extent visible, equally many K in each row of the batch."""

    def __init__(self, hidden: Tensor, extent: int) -> None:
        visible = ~on_pixels(hidden, extent).flatten(1)  # (B, extent * extent)
        self.extent = extent
        self.index = visible.nonzero()[:, 1].view(len(visible), -1, 1)  # (B, K, 1)

    def gather(self, plane: Tensor) -> Tensor:
        """(B, C, extent, extent) -> (B, K, C)."""
        rows = plane.flatten(2).transpose(1, 2)
        return rows.gather(1, self.index.expand(-1, -1, rows.shape[2]))

    def scatter(self, x: Tensor) -> Tensor:
        """(B, K, C) -> (B, C, extent, extent), zero at hidden places."""
        rows = x.new_zeros(len(x), self.extent**2, x.shape[2])
        rows = rows.scatter(1, self.index.expand(-1, -1, x.shape[2]), x)
        return rows.transpose(1, 2).unflatten(2, (self.extent, self.extent))


def sparse(block: ConvNextV2Layer, x: Tensor, places: Places) -> Tensor:
    """The library's block on visible places only, (B, K, C) -> the same shape."""
    y = places.gather(block.dwconv(places.scatter(x))).unsqueeze(2)  # (B, K, 1, C), as the library's layers take it
    y = block.pwconv2(block.grn(block.act(block.pwconv1(block.layernorm(y)))))
    return x + y.squeeze(2)


def fresh(seed: int) -> ConvMaskedAutoencoder:
    """An untrained one: truncated normals of 0.02, as the paper's code starts it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = ConvMaskedAutoencoder()
        for part in model.modules():
            if isinstance(part, nn.Linear | nn.Conv2d):
                nn.init.trunc_normal_(part.weight, std=0.02)
                nn.init.zeros_(part.bias)
        nn.init.normal_(model.mask_token, std=0.02)
    return model
