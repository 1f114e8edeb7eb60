"""*Try*: hide patches, by slider or by hand, and see the model rebuild them."""

from __future__ import annotations

import functools
import json
import re
import time
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from demos import _pictures, _shell
from demos.masking import _photos, _views
from demos.masking._views import text
from genmodels.errors import Refusal, in_range, one_of

if TYPE_CHECKING:
    from torch import Tensor

STRATEGIES = ("random", "block", "grid")
RATIOS = (0, 95)  # percent
PANELS = ("original", "masked", "reconstruction", "pasted", "error")
WORST = 0.4  # mean difference of a pixel's colours in [0, 1] that the error map shows brightest
SPOTS = {key: f"{{{key}}}" for key in ("row", "column", "what")}  # filled in the browser


@dataclass(frozen=True)
class Asked:
    """What a visitor wants rebuilt. ratio: percent; patches: "" or what `pack` made of a mask by hand."""

    photo: _photos.Photo
    crop: _photos.Crop
    id: str
    ratio: float
    strategy: str
    seed: int
    patches: str

    @classmethod
    def read(
        cls,
        own: object,
        photo: object,
        crop: object,
        model: object,
        ratio: object,
        strategy: object,
        seed: object,
        patches: object,
    ) -> Asked:
        """From the page or the API. Raises Refusal for what the page does not offer."""
        return cls(
            _photos.chosen(photo, own),
            _photos.Crop.read(crop),
            one_of("model", model, [card.id for card in _views.cards("reconstruct")]),
            in_range("ratio", ratio, *RATIOS),
            one_of("strategy", strategy, STRATEGIES),
            int(in_range("seed", seed, 0, _shell.SEED_MAX)),
            checked(patches),
        )

    @functools.cached_property
    def model(self) -> Any:
        """The model, loaded."""
        return _views.load(self.id, "reconstruct")

    @functools.cached_property
    def picture(self) -> Tensor:
        """What the frame holds, at the model's size: (1, 3, S, S) in [-1, 1]."""
        return self.crop.cut(self.photo, self.model.size).to(_views.place(self.model))

    @functools.cached_property
    def by_hand(self) -> Tensor | None:
        """The mask that the hand made, None where the sliders make it."""
        return unpack(self.patches, self.seed, self.model.side)

    @functools.cached_property
    def hidden(self) -> Tensor:
        """The mask (1, L), True = hidden."""
        import torch

        from genmodels.masking import masks

        drawn = self.by_hand
        if drawn is None:
            generator = torch.Generator().manual_seed(self.seed)
            drawn = masks.draw(self.strategy, self.ratio / 100, 1, self.model.side, generator)
        return drawn.to(_views.place(self.model))

    @functools.cached_property
    def predicted(self) -> Tensor:
        """The model's picture, in [-1, 1]."""
        from genmodels.masking.mae import reconstruct

        return reconstruct(self.model, self.picture, self.hidden)

    @functools.cached_property
    def panels(self) -> dict[str, Tensor]:
        """The paper's notebook's four panels by name."""
        from genmodels.masking import panels

        hidden, picture = self.hidden, self.picture
        masked = panels.paste(picture, picture.new_full((), panels.GREY), hidden)
        pasted = panels.paste(picture, self.predicted, hidden)
        return dict(zip(panels.PANELS, (picture, masked, self.predicted, pasted), strict=True))


def run_rebuild(lang: str, *values: object) -> tuple[str, str, str]:
    """Rebuild what is hidden.

    values: the visitor's own picture or None, the name of a photograph, the frame "across,along,part", model, ratio in
    percent (0 to 95), strategy, seed, and the patches hidden by hand ("" or what this function returned).
    -> the board's value, HTML of the caption, the patches.
    """
    asked = Asked.read(*values)
    asked.picture, asked.hidden  # noqa: B018 - loading the model is no part of the time
    began = time.perf_counter()
    _ = asked.predicted
    ms = 1000 * (time.perf_counter() - began)
    patches = pack(asked.hidden, asked.seed) if asked.by_hand is not None else ""
    return board(lang, asked), caption(lang, asked, ms), patches


def run_redraw(lang: str, *values: object) -> tuple[str, str, str]:
    """As `run_rebuild`, but with the sliders' mask, whatever the hand made."""
    return run_rebuild(lang, *values[:-1], "")


def pack(hidden: Tensor, seed: int) -> str:
    """A mask (1, L) and the seed beside which it was made, as short text: the seed, a hyphen, L bits in hex."""
    bits = "".join("1" if one else "0" for one in hidden[0].tolist())
    return f"{seed}-{int(bits, 2):0{-(-len(bits) // 4)}x}"


def checked(patches: object) -> str:
    """The text, if `pack` could have made it, or "". Raises Refusal("patches") for another."""
    if patches in ("", None):
        return ""
    if not isinstance(patches, str) or not re.fullmatch(r"[0-9]{1,10}-[0-9a-f]{1,49}", patches):
        raise Refusal("patches", "the patches are not a seed and hexadecimal digits", last=195)
    return patches


def unpack(patches: str, seed: int, side: int) -> Tensor | None:
    """What `pack` packed; None for "", for another seed and for a model with other patches."""
    import torch

    own, _, digits = patches.partition("-")
    if not digits or int(own) != seed or len(digits) != -(-(side**2) // 4):
        return None
    bits = f"{int(digits, 16):0{side**2}b}"
    return torch.tensor([[bit == "1" for bit in bits]]) if len(bits) == side**2 else None


def board(lang: str, asked: Asked) -> str:
    """The board's value: the pictures, the mask, and the words for them."""
    shown = {name: _pictures.uri(picture) for name, picture in asked.panels.items() if name != "masked"}
    shown["error"] = _error(asked)
    words = {"photo": _name(lang, asked), "model": _views.name(lang, asked.id), "hidden": int(asked.hidden.sum())}
    return json.dumps(
        {
            "answer": time.monotonic_ns(),
            "side": asked.model.side,
            "size": asked.model.size,
            "seed": asked.seed,
            "hidden": pack(asked.hidden, 0)[2:],
            "by_hand": asked.by_hand is not None,
            "pictures": shown,
            "labels": {panel: text(lang, f"panel.{panel}") for panel in PANELS},
            "alts": {panel: text(lang, f"alt.{panel}", total=asked.model.side**2, **words) for panel in PANELS},
            "says": {key: text(lang, f"board.{key}", **SPOTS) for key in ("at", "hidden", "visible", "ask")},
        }
    )


def caption(lang: str, asked: Asked, ms: float) -> str:
    """HTML: how much is hidden, how well it was rebuilt, what size it is."""
    from genmodels.masking.quality import psnr_hidden, ssim_hidden

    count, total = int(asked.hidden.sum()), asked.hidden.shape[1]
    size, side = asked.model.size, asked.crop.side(asked.photo)
    parts = [text(lang, "caption.hidden", count=count, total=total, percent=100 * count / total)]
    if count:
        psnr, ssim = (
            float(measure(asked.predicted, asked.picture, asked.hidden)) for measure in (psnr_hidden, ssim_hidden)
        )
        parts.append(text(lang, "caption.quality", psnr=psnr, ssim=ssim))
    else:
        parts.append(text(lang, "caption.nothing"))
    line = " · ".join(escape(part) for part in parts)
    sizes = text(lang, "caption.size", size=size, patch=size // asked.model.side, side=side, ms=ms)
    settings = escape(json.dumps(_settings(asked)))
    return (
        f'<p class="mk-caption" data-settings="{settings}"><b>{line}</b> {_shell.generated_label(lang)}</p>'
        f"{_views.says(sizes, 'mk-small mk-sizes')}"
    )


def snippet(*values: object) -> str:
    """A short program that makes the same four panels."""
    asked = Asked.read(*values)
    if asked.photo.name == _photos.OWN:
        source, note = 'Path("my-picture.png")', "  # your own file"
    else:
        file = _photos.EXAMPLES[asked.photo.name][0]
        source, note = f'Path(skimage.__file__).parent / "data" / "{file}"', ""
    crop = asked.crop
    if asked.by_hand is None:
        mask = (
            f'masks.draw("{asked.strategy}", {asked.ratio / 100:g}, 1, model.side, '
            f"torch.Generator().manual_seed({asked.seed}))"
        )
    else:
        mask = f"masks.chosen({asked.hidden[0].nonzero().flatten().tolist()}, model.side)"
    return f'''from pathlib import Path

import skimage
import torch

import genmodels
from genmodels import images
from genmodels.masking import masks, panels
from genmodels.masking.quality import psnr_hidden

model = genmodels.load("{asked.id}", "cpu")
photo = images.read({source}){note}
picture = panels.square(photo, model.size, across={crop.across:g}, along={crop.along:g}, part={crop.part:g})
hidden = {mask}
shown = panels.panels(model, picture, hidden)  # original, masked, reconstruction, pasted
images.grid([panel[0] for panel in shown.values()], columns=4).save("masking.png")
print(f"{{int(hidden.sum())}} of {{model.side**2}} patches hidden, "
      f"{{float(psnr_hidden(shown['reconstruction'], picture, hidden)):.2f}} dB")
'''


def _settings(asked: Asked) -> dict[str, object]:
    crop = asked.crop
    found = {
        "model": asked.id,
        "photo": asked.photo.name,
        "crop": [crop.across, crop.along, crop.part],
        "ratio": round(asked.ratio / 100, 4),
        "strategy": asked.strategy,
        "seed": asked.seed,
    }
    return found if asked.by_hand is None else found | {"patches": pack(asked.hidden, asked.seed)}


def _name(lang: str, asked: Asked) -> str:
    return text(lang, f"photo.{asked.photo.name}")


def _error(asked: Asked) -> str:
    """Data address of the error map: viridis on hidden pixels, nothing elsewhere."""
    import base64
    import io

    import torch
    from PIL import Image

    from genmodels.masking.patches import on_pixels

    error = ((asked.predicted - asked.picture) / 2).abs().mean(1)[0].cpu()  # (S, S) in [0, 1]
    color = _pictures.viridis(error / WORST)
    opacity = on_pixels(asked.hidden, asked.model.size)[0, 0].cpu().unsqueeze(-1).float()
    pixels = (torch.cat([color, opacity], -1) * 255).round().byte().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
