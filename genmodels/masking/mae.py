"""Masked autoencoder (He et al. 2022, arXiv:2111.06377): transformers' ViT-MAE, small ones of ours and published ones.

The encoder sees visible patches only; the decoder sees their codes, a mask token for each hidden patch, and positions.
transformers' own forward pass takes its ratio from the configuration, which all visitors share, so `encode` and
`decode` here call the library's layers on a mask that each request brings; a test holds the two together.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import ViTMAEConfig, ViTMAEForPreTraining

from genmodels.masking import masks
from genmodels.masking.baselines import near

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, per channel in [0, 1]
EPS = 1e-6  # of the normalised-pixel loss


class MaskedAutoencoder(nn.Module):
    """ViTMAEForPreTraining and the colours' mean and spread that it was trained on.

    Pictures are float (B, 3, size, size) in [-1, 1]; a mask is bool (B, side * side), True = hidden.
    """

    def __init__(
        self, network: ViTMAEForPreTraining, mean: tuple[float, ...] = MEAN, std: tuple[float, ...] = STD
    ) -> None:
        super().__init__()
        self.network = network
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    @classmethod
    def read(cls, folder: Path) -> MaskedAutoencoder:
        """Any ViT-MAE in the library's format. Raises ValueError unless the weights fit exactly."""
        network, info = ViTMAEForPreTraining.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        if wrong := {key: sorted(map(str, keys)) for key, keys in info.items() if keys}:
            raise ValueError(f"the weights in {folder.name} do not fit: {wrong}")
        colours = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
        return cls(network, tuple(colours["image_mean"]), tuple(colours["image_std"])).eval()

    @property
    def size(self) -> int:
        """Height and width of a picture, in pixels."""
        return self.network.config.image_size

    @property
    def side(self) -> int:
        """Patches along one side of a picture."""
        return self.size // self.network.config.patch_size

    def normalise(self, pictures: Tensor) -> Tensor:
        """Pixels in [-1, 1] -> the network's scale."""
        return (pictures / 2 + 0.5 - self.mean) / self.std

    def encode(self, pictures: Tensor, hidden: Tensor) -> Tensor:
        """Codes of a class token and the visible patches, row by row: (B, 1 + K, D).

        Raises ValueError unless every mask of the batch leaves the same number K visible.
        """
        return self.network.vit.layernorm(self.stages(pictures, hidden)[-1])

    def stages(self, pictures: Tensor, hidden: Tensor) -> list[Tensor]:
        """What each of the encoder's layers leaves, (B, 1 + K, D). Raises ValueError as `encode` does."""
        count = masks.visible(hidden)
        embeddings = self.network.vit.embeddings
        position = embeddings.position_embeddings
        x = embeddings.patch_embeddings(self.normalise(pictures)) + position[:, 1:]  # (B, L, D)
        x = x[~hidden].view(len(x), count, x.shape[-1])
        x, found = torch.cat([(embeddings.cls_token + position[:, :1]).expand(len(x), -1, -1), x], 1), []
        for layer in self.network.vit.layers:
            x = layer(x)
            found.append(x)
        return found

    def decode(self, codes: Tensor, hidden: Tensor) -> Tensor:
        """codes (B, 1 + K, D) -> predicted patches (B, L, patch * patch * 3) in the network's scale."""
        decoder = self.network.decoder
        x = self._in_place(codes, hidden)
        for layer in decoder.decoder_layers:
            x = layer(x)
        return decoder.decoder_pred(decoder.decoder_norm(x))[:, 1:]

    def attention(self, pictures: Tensor, hidden: Tensor) -> Tensor:
        """How much each patch looks at each other in the decoder: (B, layers, L, L), from row to column.

        Mean over heads; what goes to the class token is left out, so rows sum to at most 1.
        """
        x, found = self._in_place(self.encode(pictures, hidden), hidden), []
        for layer in self.network.decoder.decoder_layers:
            normed, attend = layer.layernorm_before(x), layer.attention
            q, k = (
                part(normed).unflatten(2, (-1, attend.head_dim)).transpose(1, 2)
                for part in (attend.q_proj, attend.k_proj)
            )
            found.append((q @ k.transpose(2, 3) * attend.scaling).softmax(-1).mean(1)[:, 1:, 1:])
            x = layer(x)
        return torch.stack(found, 1)

    def _in_place(self, codes: Tensor, hidden: Tensor) -> Tensor:
        """What the decoder's layers begin with: codes and mask tokens, each with its patch's position."""
        decoder = self.network.decoder
        x = decoder.decoder_embed(codes)
        patches = decoder.mask_token.to(x.dtype).expand(len(x), hidden.shape[1], -1).clone()
        patches[~hidden] = x[:, 1:].flatten(0, 1)
        return torch.cat([x[:, :1], patches], 1) + decoder.decoder_pos_embed

    def errors(self, pictures: Tensor, hidden: Tensor) -> Tensor:
        """Mean square of each picture (B,) over its hidden patches, of pixels in the network's scale or
        (norm_pix_loss) of pixels normalised patch by patch. Every mask hides the same number, at least one.
        """
        predicted = self.decode(self.encode(pictures, hidden), hidden)[hidden]
        target = self.network.patchify(self.normalise(pictures))[hidden]
        if self.network.config.norm_pix_loss:
            target = (target - target.mean(-1, True)) / (target.var(-1, keepdim=True) + EPS).sqrt()
        return (predicted.float() - target).square().view(len(pictures), -1).mean(1)

    def loss(self, pictures: Tensor, hidden: Tensor) -> Tensor:
        """The paper's loss: the mean of `errors`."""
        return self.errors(pictures, hidden).mean()

    def predict(self, pictures: Tensor, hidden: Tensor) -> Tensor:
        """The network's picture, visible patches predicted too, in [-1, 1]; hidden pixels are never read.

        With normalised-pixel loss a patch's mean and spread are not in the prediction. Visible patches bring their own,
        hidden ones those of visible patches averaged by nearness.
        """
        patches = self.decode(self.encode(pictures, hidden), hidden).float()
        if self.network.config.norm_pix_loss:
            seen = self.network.patchify(self.normalise(pictures)).masked_fill(hidden.unsqueeze(-1), 0)
            statistics = torch.stack([seen.mean(-1), (seen.var(-1) + EPS).sqrt()], -1)  # (B, L, 2)
            averaged = near(hidden, self.side) @ statistics
            mean, spread = torch.where(hidden.unsqueeze(-1), averaged, statistics).split(1, -1)
            patches = patches * spread + mean
        pixels = self.network.unpatchify(patches)
        return ((pixels * self.std + self.mean) * 2 - 1).clamp(-1, 1)

    def write(self, folder: Path) -> None:
        """The library's configuration and the colours, beside the weights that `genmodels.weights.write` writes."""
        folder.mkdir(parents=True, exist_ok=True)
        self.network.config.save_pretrained(folder)
        colours = {f"image_{name}": [round(float(v), 6) for v in getattr(self, name)] for name in ("mean", "std")}
        about = {"image_processor_type": "ViTImageProcessor", "size": {"height": self.size, "width": self.size}}
        text = json.dumps(about | colours, indent=1) + "\n"
        (folder / "preprocessor_config.json").write_text(text, encoding="utf-8")


def fresh(config: ViTMAEConfig, seed: int) -> MaskedAutoencoder:
    """An untrained one, started as the paper's code does: Xavier's matrices, sine and cosine positions.

    transformers 5.23 leaves positions and mask token at zero when it builds from a configuration.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = MaskedAutoencoder(ViTMAEForPreTraining(config))
        for part in model.modules():
            if isinstance(part, nn.Linear | nn.Conv2d):
                nn.init.xavier_uniform_(part.weight.view(len(part.weight), -1))
                nn.init.zeros_(part.bias)
        network = model.network
        for token in (network.vit.embeddings.cls_token, network.decoder.mask_token):
            nn.init.normal_(token, std=0.02)
    for position in (network.vit.embeddings.position_embeddings, network.decoder.decoder_pos_embed):
        position.data[0, 1:] = sines(model.side, position.shape[-1])
        position.data[0, 0] = 0
    return model


def sines(side: int, dim: int) -> Tensor:
    """Fixed positions of side * side patches, (side * side, dim): sines and cosines of column, then of row."""
    frequency = 10_000 ** (-torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    angle = torch.arange(side, dtype=torch.float64)[:, None] * frequency  # (side, dim / 4)
    wave = torch.cat([angle.sin(), angle.cos()], 1)  # (side, dim / 2)
    rows, columns = wave[:, None].expand(-1, side, -1), wave[None].expand(side, -1, -1)
    return torch.cat([columns, rows], 2).flatten(0, 1).float()


@torch.no_grad()
def reconstruct(model: MaskedAutoencoder, pictures: Tensor, hidden: Tensor) -> Tensor:
    """Pictures (B, 3, S, S) in [-1, 1], hidden (B, L) bool -> the model's pictures, same shape, in [-1, 1].

    Masks of one batch may hide different numbers of patches. Pixels of hidden patches have no influence.
    Raises ValueError for shapes that do not fit the model.
    """
    expected = (3, model.size, model.size), (len(pictures), model.side**2)
    if (tuple(pictures.shape[1:]), tuple(hidden.shape)) != expected or hidden.dtype != torch.bool:
        raise ValueError(f"pictures {tuple(pictures.shape)}, hidden {hidden.dtype} {tuple(hidden.shape)}; {expected}")
    result = torch.empty_like(pictures)
    counts = hidden.sum(1)
    for count in counts.unique():
        rows = counts == count
        result[rows] = model.predict(pictures[rows], hidden[rows])
    return result
