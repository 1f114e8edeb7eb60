"""What *Inside* shows of one drawing: its steps, the latent, a heat map for each word, guidance, and the tokens.

Every view carries all steps; inside.js scrubs through them in the browser, without asking the server.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from demos import _shell
from demos._i18n import fill
from demos._plots import Plot
from demos.text_to_image import _parts
from demos.text_to_image._settings import Trace, trace
from demos.text_to_image._views import model_name, text
from genmodels import images, registry

if TYPE_CHECKING:
    from torch import Tensor

FRAME = 128  # at most so many pixels a side in the strips


def views(lang: str, found: Trace) -> list[str]:
    """HTML of the five views of a drawing: steps, latent, words, guidance, text."""
    return [
        steps(lang, found),
        latent(lang, found),
        words(lang, found),
        guidance(lang, found if found.pair else trace(found.settings.teacher())),
        tokens(lang, found),
    ]


def steps(lang: str, found: Trace) -> str:
    """Both rows of the strip, the chosen step enlarged, and the schedule with its point."""
    model, n = found.settings.model, len(found.t)
    noisy, clean = frames(found.states, model), frames(found.x0, model)
    thumbs = "".join(
        f'<li data-i="{i}"><img alt="" src="{a}"><img alt="" src="{b}"><span>{i}</span></li>'
        for i, (a, b) in enumerate(zip(noisy, clean, strict=True), 1)
    )
    said = [text(lang, "step_says", i=i + 1, n=n, t=t, sigma=s) for i, (t, s) in enumerate(_times(found))]
    pair = _framed(lang, "steps_noisy", noisy) + _framed(lang, "steps_x0", clean)
    return _view(
        lang, n,
        f'<div class="ti-pair">{pair}<figure class="ti-curve">{schedule(lang, found)}'
        f"<figcaption>{escape(text(lang, 'schedule_legend'))}</figcaption></figure></div>"
        f"<p class='ti-says' data-texts='{_list(said)}'>{escape(said[-1])}</p>",
        f'<div class="gl-scroll" tabindex="0" role="group" aria-label="{escape(text(lang, "strip"))}">'
        f'<div class="ti-rows"><p>{escape(text(lang, "row_noisy"))}</p><p>{escape(text(lang, "row_x0"))}</p></div>'
        f'<ol class="ti-strip" aria-hidden="true">{thumbs}</ol></div>',
    )  # fmt: skip


def schedule(lang: str, found: Trace) -> str:
    """alpha and sigma over the time of training, this run's steps on them, and the chosen one."""
    settings = found.settings
    kept = registry.load(settings.model).new_scheduler(settings.scheduler).alphas_cumprod
    plot = Plot((0, 1030), (0, 1.05), text(lang, "schedule_x"), "", width=420, height=230)
    every = range(0, 1000, 25)
    plot.line([(t, float(kept[t].sqrt())) for t in every], "known")
    plot.line([(t, float((1 - kept[t]).sqrt())) for t in every], "unknown")
    for t, sigma in _times(found):
        plot.point(t, sigma, "unknown", 3)
    places = " ".join(f"{plot.px(t):.1f},{plot.py(sigma):.1f}" for t, sigma in _times(found))
    x, y = places.split()[-1].split(",")
    now = f'<circle class="ti-now" data-at="{places}" cx="{x}" cy="{y}" r="8"/>'
    return plot.svg(text(lang, "schedule_alt")).replace("</svg>", f"{now}</svg>")


def latent(lang: str, found: Trace) -> str:
    """The channels of x_t and of the predicted x0 at the chosen step, one map each."""
    n = len(found.t)
    cells = "".join(
        _framed(lang, key, [maps(one) for one in latents], smooth=False)
        for key, latents in (("latent_state", found.states), ("latent_x0", found.x0))
    )
    c, h, w = found.x0.shape[1:]
    says = text(lang, "latent_says", c=c, h=h, w=w, times=3 * registry.load(found.settings.model).factor ** 2 // c)
    return _view(lang, n, f'<div class="ti-pair">{cells}</div><p class="ti-says">{escape(says)}</p>')


def maps(latents: Tensor) -> str:
    """Channels (C, H, W) as one picture of maps, six in a row: blue below zero, orange above, +-3 at full colour."""
    import torch

    value = (latents / 3).clamp(-1, 1)
    low, high = torch.tensor([0.0, 114.0, 178.0]), torch.tensor([213.0, 94.0, 0.0])  # as in the page's plots
    end = torch.where(value[..., None] < 0, low, high)
    mixed = 255 + (end - 255) * value.abs()[..., None]  # (C, H, W, 3)
    sheet = images.grid(list(mixed.permute(0, 3, 1, 2).round().byte()), 6, 1)
    return _uri(sheet, "PNG")


def words(lang: str, found: Trace) -> str:
    """For each word, how much the picture's 16 tokens look at it: per step, per layer."""
    from genmodels.text_to_image import text as encoder

    read = encoder.words(found.settings.prompt)
    if not read or found.attention is None:
        return f'<p class="ti-says">{escape(text(lang, "words_hub" if read else "words_empty"))}</p>'
    n, layers = found.attention.shape[:2]
    shares = found.attention[:, :, 2 : 2 + len(read)]  # (n, layers, words, 16)
    pictures = frames(found.x0, found.settings.model)
    data = base64.b64encode((shares * 255).round().byte().numpy().tobytes()).decode()
    side = round(shares.shape[-1] ** 0.5)
    cells = "".join(
        f'<figure class="ti-word"><div>{_image(lang, "word_alt", pictures, True, word=label)}'
        f"{_grid(lang, i, side, label)}</div><figcaption><b>{escape(label)}</b> <span data-share='{i}'></span>"
        "</figcaption></figure>"
        for i, label in enumerate(read)
    )
    says = text(lang, "words_says", side=side) if len(read) > 1 else text(lang, "words_one")
    every = escape(text(lang, "layer_all"))
    layer = (
        f'<label class="ti-layer">{escape(text(lang, "layer"))} <input type="range" data-layer="1" value="0" min="0" '
        f'max="{layers}" step="1"><output data-all="{every}">{every}</output></label>'
    )
    return _view(
        lang, n,
        f'{layer}<div class="ti-words" data-heat="{data}" data-layers="{layers}" data-tokens="{len(read)}">{cells}'
        f'</div><p class="ti-says">{escape(says)}</p>',
    )  # fmt: skip


def guidance(lang: str, found: Trace) -> str:
    """The two predictions that guidance combines, their difference, and where it leads, at the chosen step."""
    model = found.settings.model
    empty, given, guided = (_decoded(part, model) for part in (*found.pair, found.x0))
    pictures = {
        "guidance_empty": empty,
        "guidance_text": given,
        "guidance_difference": (given - empty).clamp(-1, 1),
        "guidance_guided": guided,
    }
    cells = [_framed(lang, key, _uris(shown)) for key, shown in pictures.items()]
    says = text(lang, "guidance_says", w=found.settings.guidance, model=model_name(lang, model))
    return _view(
        lang, len(found.t),
        f'<div class="ti-guidance">{"".join(cells)}</div>'
        f'<p class="ti-says">{escape(says)}</p>',
    )  # fmt: skip


def tokens(lang: str, found: Trace) -> str:
    """Each text token and the names of the subjects nearest to it."""
    from genmodels.text_to_image import known
    from genmodels.text_to_image import text as encoder

    phrase = found.settings.prompt.lower()
    if not phrase:
        return f'<p class="ti-says">{escape(text(lang, "words_empty"))}</p>'
    rows = []
    for label, read in [(text(lang, "word_phrase"), phrase), *((w, w) for w in encoder.words(phrase))]:
        near = known.nearest_to([encoder.vector(read)], 3)
        rows.append([label, *(fill(lang, "{} ({:.2f})", name, cosine) for _, name, cosine in near)])
    head = [text(lang, "token"), *(text(lang, "nearest", i=i) for i in (1, 2, 3))]
    return f'{_shell.measure_table(lang, rows, head)}<p class="ti-says">{escape(text(lang, "tokens_says"))}</p>'


def frames(latents: Tensor, model: str) -> list[str]:
    """Addresses of the decoded pictures of latents (n, C, H, W), for a strip."""
    return _uris(_decoded(latents, model))


def _decoded(latents: Tensor, model: str) -> Tensor:
    """Pictures (n, 3, H, W) of many states, by the quickest decoder, at most 128 pixels a side."""
    from torch.nn.functional import interpolate

    found = _parts.previews(latents, model)
    pictures = _parts.pictures(latents, model) if found is None else found
    return interpolate(pictures, FRAME, mode="area") if pictures.shape[-1] > FRAME else pictures


def _uris(pictures: Tensor) -> list[str]:
    """Addresses of pictures (n, 3, H, W), lossy as many are sent."""
    return [_uri(images.to_pil(one), "WEBP") for one in pictures]


def _uri(image: object, kind: str) -> str:
    file = io.BytesIO()
    image.save(file, kind, **({"quality": 90, "method": 2} if kind == "WEBP" else {}))
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def _times(found: Trace) -> list[tuple[float, float]]:
    return list(zip(found.t, found.sigma, strict=True))


def _list(texts: Sequence[str]) -> str:
    """Texts for an attribute in single quotes; none of them holds the sign between them."""
    return escape("|".join(texts))


def _framed(lang: str, key: str, uris: Sequence[str], smooth: bool = True) -> str:
    """A figure whose picture follows the chosen step."""
    return f"<figure>{_image(lang, key, uris, smooth)}<figcaption>{escape(text(lang, key))}</figcaption></figure>"


def _image(lang: str, key: str, uris: Sequence[str], smooth: bool, **values: str) -> str:
    alt = escape(text(lang, "frame_alt", what=text(lang, key, **values), i="{i}", n=len(uris)))
    kind, now = "ti-smooth" if smooth else "ti-pixels", alt.replace("{i}", str(len(uris)))
    return f'<img class="{kind}" alt="{now}" data-alt="{alt}" data-frames="{" ".join(uris)}" src="{uris[-1]}">'


def _grid(lang: str, token: int, side: int, label: str) -> str:
    """Squares over a picture, one for each of its tokens; inside.js sets how strongly they shine."""
    cells = "".join(
        f'<rect x="{i % side}" y="{i // side}" width="1" height="1" fill-opacity="0"/>' for i in range(side * side)
    )
    alt = escape(text(lang, "heat_alt", word=label))
    return f'<svg viewBox="0 0 {side} {side}" data-token="{token}" role="img" aria-label="{alt}">{cells}</svg>'


def _view(lang: str, n: int, body: str, below: str = "") -> str:
    """A view with its scrubber."""
    play, label = escape(text(lang, "play")), escape(text(lang, "step"))
    return (
        f'<div class="ti-view" data-n="{n}">{body}<div class="ti-scrub">'
        f'<button type="button" data-play="1" aria-label="{play}" title="{play}">▶</button>'
        f'<label>{label} <input type="range" data-step="1" min="1" max="{n}" value="{n}" step="1"></label>'
        f'<output data-of="{n}">{n} / {n}</output></div>{below}</div>'
    )
