"""*Inside*: where a hidden patch looks in the decoder, how near positions are, and that nothing can leak."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.components import Component

from demos import _pictures, _shell
from demos._quick import on
from demos.masking import _views
from demos.masking._rebuild import Asked
from demos.masking._views import says, text
from genmodels.errors import Refusal, in_range

if TYPE_CHECKING:
    from torch import Tensor

LAYERS = (0, 8)  # 0: the mean of all
SHOWN = 0.02  # a smaller weight is not drawn


def run_attention(lang: str, patch: object, layer: object, *values: object) -> str:
    """Which patches one patch looks at in the decoder -> HTML.

    patch: its number, row by row, as text ("" for one near the middle); layer: 1 and on, 0 for the mean of all;
    values: as `run_rebuild` has them.
    """
    layer = int(in_range("layer", layer, *LAYERS))
    asked = Asked.read(*values)
    side = asked.model.side
    chosen = number(patch, side)
    at = central(asked.hidden, side) if chosen is None else chosen
    if not hasattr(asked.model, "attention"):
        return says(text(lang, "attention.none", model=_views.name(lang, asked.id)))
    import torch

    with torch.no_grad():
        layers = asked.model.attention(asked.picture, asked.hidden)[0].cpu()  # (layers, L, L)
    which = min(layer, len(layers))
    weights = (layers.mean(0) if which == 0 else layers[which - 1])[at]  # (L,)
    visible = ~asked.hidden[0].cpu()
    share = float(weights[visible].sum())
    words = {"row": at // side + 1, "column": at % side + 1, "side": side}
    layer_says = text(lang, "attention.mean", n=len(layers)) if which == 0 else text(lang, "attention.layer", i=which)
    seen = {"share": 100 * share, "layer": layer_says, "what": text(lang, "hidden" if not visible[at] else "visible")}
    best = int((weights * visible).argmax())
    alt = text(lang, "attention.alt", **words, best_row=best // side + 1, best_column=best % side + 1)
    near = positions(asked.model, at)
    maps = [
        (_overlay(asked.panels["masked"], weights * visible, at, side, alt), text(lang, "attention.visible")),
        (_overlay(asked.panels["reconstruction"], weights * 0, at, side, alt), text(lang, "attention.patch")),
        (_heat(near, at, side, text(lang, "attention.near_alt", **words)), text(lang, "attention.near")),
    ]
    cells = "".join(f"<figure class='mk-figure'>{svg}<figcaption>{escape(t)}</figcaption></figure>" for svg, t in maps)
    norm = says(text(lang, "norm_pix")) if asked.model.network.config.norm_pix_loss else ""
    sentence = text(lang, "attention.says", **words, **seen)
    return f'<div class="mk-three">{cells}</div>{says(sentence)}{norm}{says(text(lang, "attention.how"), "mk-small")}'


def run_leak(lang: str, *values: object) -> str:
    """Hidden pixels replaced by noise, then a visible patch: what changes in the reconstruction -> HTML."""
    import torch

    from genmodels.masking.mae import reconstruct
    from genmodels.masking.patches import on_pixels, paste

    asked = Asked.read(*values)
    hidden, size = asked.hidden, asked.model.size
    if not hidden.any() or hidden.all():
        return says(text(lang, "leak.need"))
    generator = torch.Generator().manual_seed(asked.seed)
    noise = (torch.rand(asked.picture.shape, generator=generator) * 2 - 1).to(hidden.device)
    noisy = paste(asked.picture, noise, hidden)
    one = torch.zeros_like(hidden)
    one[0, int((~hidden[0]).nonzero()[0])] = True
    touched = paste(asked.picture, noise, one)
    mark, rows = _shell.generated_label(lang), []
    for key, picture in (("noise", noisy), ("touched", touched)):
        predicted = reconstruct(asked.model, picture, hidden)
        differ = (predicted != asked.predicted) & on_pixels(hidden, size)
        count, total = int(differ.sum()), int(on_pixels(hidden, size).sum()) * 3
        most = float((predicted - asked.predicted).abs().max()) * 127.5
        words = {"count": count, "total": total, "most": most}
        cells = (
            _views.figure(picture, text(lang, f"leak.{key}"), text(lang, f"leak.{key}")),
            _views.figure(predicted, text(lang, f"leak.{key}_alt", **words), text(lang, "leak.after"), mark),
        )
        verdict = text(lang, "leak.same" if count == 0 else "leak.differ", **words)
        rows.append(f'<div class="mk-leak">{"".join(cells)}<p class="mk-verdict">{escape(verdict)}</p></div>')
    before = (
        _views.figure(asked.picture, text(lang, "panel.original"), text(lang, "panel.original")),
        _views.figure(asked.predicted, text(lang, "leak.before"), text(lang, "leak.before"), mark),
    )
    first = f'<div class="mk-leak">{"".join(before)}<p class="mk-verdict">{escape(text(lang, "leak.start"))}</p></div>'
    network = getattr(asked.model, "network", None)
    norm = says(text(lang, "norm_pix")) if network is not None and network.config.norm_pix_loss else ""
    return first + "".join(rows) + norm


def number(patch: object, side: int) -> int | None:
    """A patch's number from its text; None for "" and for one that this model does not have.

    Raises Refusal("patches") for another text.
    """
    if patch in ("", None):
        return None
    if not isinstance(patch, str) or not patch.isascii() or not patch.isdigit() or len(patch) > 3:
        raise Refusal("patches", "the patch is not a whole number", last=side**2 - 1)
    return int(patch) if int(patch) < side**2 else None


def checked(patch: str) -> str:
    """A link's patch. Raises Refusal as `number` does."""
    number(patch, 14)
    return patch


def central(hidden: Tensor, side: int) -> int:
    """The hidden patch nearest the middle; the middle one where none is hidden."""

    def away(i: int) -> float:
        return (i // side - side / 2 + 0.5) ** 2 + (i % side - side / 2 + 0.5) ** 2

    return min(hidden[0].nonzero().flatten().tolist() or range(side**2), key=away)


def positions(model: Any, at: int) -> Tensor:
    """Cosines (L,) of the decoder's position of one patch with all."""
    from torch.nn import functional as F

    position = F.normalize(model.network.decoder.decoder_pos_embed.detach()[0, 1:].cpu().float(), dim=1)
    return position @ position[at]


def build(ctx: _shell.Context, values: list[Component], patch: Component) -> tuple[gr.HTML, list[Component]]:
    """Lay the inner tabs out. -> where attention is shown, and its inputs."""
    with ctx.tab("tab_attention"):
        gr.Markdown(ctx.t("attention.intro"))
        layer = ctx.control("layer", gr.Slider(*LAYERS, 0, step=1, label=ctx.t("attention.slider")))
        shown = gr.HTML(elem_id="mk-attention", min_height=380)
    with ctx.tab("tab_leak"):
        gr.Markdown(ctx.t("leak.intro"))
        button = gr.Button(ctx.t("leak.button"), variant="primary", elem_classes="mk-button")
        leak = gr.HTML(elem_id="mk-leak", min_height=120)
    inputs = [patch, layer, *values]
    ctx.on_show(run_attention, inputs, [shown])
    on(ctx, [layer.input], run_attention, inputs, [shown], 0, api_name="masking_attention")
    on(ctx, [button.click], run_leak, values, [leak], 0, api_name="masking_leak")
    return shown, inputs


def _svg(inside: str, side: int, alt: str) -> str:
    return f'<svg class="mk-map" viewBox="0 0 {side} {side}" role="img" aria-label="{escape(alt)}">{inside}</svg>'


def _outline(at: int, side: int) -> str:
    place = f'x="{at % side + 0.06}" y="{at // side + 0.06}" width="0.88" height="0.88" fill="none"'
    return f'<rect {place} stroke="white" stroke-width="0.2"/><rect {place} stroke="#4f46e5" stroke-width="0.1"/>'


def _overlay(picture: Tensor, weights: Tensor, at: int, side: int, alt: str) -> str:
    """A picture, patches coloured by weight (the strongest fully), one patch outlined."""
    top = max(float(weights.max()), 1e-9)
    cells = "".join(
        f'<rect x="{i % side}" y="{i // side}" width="1" height="1" fill="var(--gl-c1)" '
        f'fill-opacity="{0.8 * w / top:.3f}"/>'
        for i, w in enumerate(weights.tolist())
        if w > SHOWN * top and w > 1e-9
    )
    image = f'<image href="{_pictures.uri(picture)}" width="{side}" height="{side}" preserveAspectRatio="none"/>'
    return _svg(image + cells + _outline(at, side), side, alt)


def _heat(values: Tensor, at: int, side: int, alt: str) -> str:
    low, high = float(values.min()), float(values.max())
    cells = "".join(
        f'<rect x="{i % side}" y="{i // side}" width="1.01" height="1.01" fill="var(--gl-known)" '
        f'fill-opacity="{(v - low) / max(high - low, 1e-9):.3f}"/>'
        for i, v in enumerate(values.tolist())
    )
    return _svg(cells + _outline(at, side), side, alt)
