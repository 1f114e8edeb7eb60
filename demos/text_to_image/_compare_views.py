"""How comparisons look: pictures beside each other, a divided frame, a grid, an animation; as HTML for compare.js."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from demos import _i18n, _shell
from demos._i18n import fill
from demos.text_to_image import _parts, _views
from demos.text_to_image._compare_text import TEXT
from demos.text_to_image._settings import Settings
from genmodels import images

if TYPE_CHECKING:
    from torch import Tensor

SIZE, CELL, GIF_SIZE, GIF_SECONDS = 320, 160, 256, 0.12
HELD = 0.8  # from here on the swap counts as having kept something
COMPARED = ("prompt", "negative", "style", "seed", "steps", "guidance", "scheduler", "model")


def text(lang: str, key: str, **values: object) -> str:
    """A text of the comparisons in the visitor's language; key without "compare."."""
    return fill(lang, TEXT[lang if lang in TEXT else "en"][f"compare.{key}"], **values)


def said(lang: str, prompt: str) -> str:
    """A prompt as captions show it."""
    return prompt or text(lang, "no_prompt")


def row(pictures: Sequence[Tensor], labels: Sequence[str], kind: str = "ti-three ti-same") -> str:
    """Pictures (3, H, W) side by side; their captions are also their alternative texts."""
    cells = (
        f"<figure>{_parts.picture(one, label, SIZE)}<figcaption>{escape(label)}</figcaption></figure>"
        for one, label in zip(pictures, labels, strict=True)
    )
    return f'<div class="{kind}">{"".join(cells)}</div>'


def distance(a: Tensor, b: Tensor) -> float:
    """Root mean square difference of two pictures in [-1, 1], in percent of that range; the larger one shrinks."""
    from torch.nn.functional import interpolate

    side = min(a.shape[-1], b.shape[-1])
    a, b = (interpolate(one[None], (side, side), mode="area") for one in (a, b))
    return 50 * float((a - b).square().mean().sqrt())


def ab(lang: str, both: tuple[Settings, Settings], pictures: Sequence[Tensor], seconds: Sequence[float]) -> str:
    """A, B and both in one frame that a slider divides; once both are drawn, what differs."""
    alts = [
        text(lang, "ab_alt", side=side, prompt=one.prompt) if one.prompt else text(lang, "ab_alt_empty", side=side)
        for side, one in zip("AB", both, strict=True)
    ]
    shown = [_parts.picture(one, alt, SIZE) for one, alt in zip(pictures, alts, strict=False)]
    cells = [
        f"<figure>{image}<figcaption><b>{side}</b> {escape(said(lang, one.prompt))}</figcaption></figure>"
        for side, one, image in zip("AB", both, shown, strict=False)
    ]
    cells += ['<figure><div class="ti-empty"></div></figure>'] * (3 - len(cells))
    if len(seconds) < 2:
        return f'<div class="ti-three">{"".join(cells)}</div>'
    label = escape(text(lang, "wipe_label"))
    cells[2] = (
        f'<figure><div class="ti-wipe" style="--at:50%">{"".join(shown)}<i></i></div>'
        f'<input type="range" data-wipe min="0" max="100" value="50" aria-label="{label}">'
        f"<figcaption>{escape(text(lang, 'wipe'))}</figcaption></figure>"
    )
    return f'<div class="ti-three">{"".join(cells)}</div>{differences(lang, both, pictures, seconds)}'


def differences(
    lang: str, both: tuple[Settings, Settings], pictures: Sequence[Tensor], seconds: Sequence[float]
) -> str:
    """The settings that differ, the time each took, and how far the pictures are apart."""
    rows = [
        [_name(lang, name), *(_value(lang, one, name) for one in both)]
        for name in COMPARED
        if getattr(both[0], name) != getattr(both[1], name)
    ]
    same = "" if rows else f"<p>{escape(text(lang, 'same'))}</p>"
    rows.append([text(lang, "seconds"), *(fill(lang, "{:.2f}", s) for s in seconds)])
    head = [text(lang, "setting"), "A", "B"]
    far = text(lang, "distance", distance=distance(*pictures))
    return (
        f'<div class="ti-below">{same}{_shell.measure_table(lang, rows, head)}'
        f"<p>{escape(far)} {_shell.generated_label(lang)}</p></div>"
    )


def _name(lang: str, setting: str) -> str:
    return _i18n.say(lang, setting) if setting == "seed" else _views.text(lang, setting)


def _value(lang: str, settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    if name in ("prompt", "negative"):
        return said(lang, value)
    if name in ("style", "scheduler"):
        return _views.text(lang, f"{name}.{value}")
    return _views.model_name(lang, value) if name == "model" else fill(lang, "{:g}", value)


def grid(
    lang: str,
    settings: Settings,
    axes: tuple[Sequence[int], Sequence[float]],
    pictures: Sequence[Tensor],
    seconds: Sequence[float],
) -> str:
    """A table of pictures, steps down and guidance across, filled row by row; seconds: of each finished row."""
    steps, scales = axes
    head = "".join(f'<th scope="col">{fill(lang, "{:g}", w)}</th>' for w in scales)
    body = ""
    for y, n in enumerate(steps):
        took = text(lang, "grid_seconds", seconds=seconds[y]) if y < len(seconds) else ""
        body += f'<tr><th scope="row">{n}<small>{escape(took)}</small></th>'
        for x, w in enumerate(scales):
            at = y * len(scales) + x
            alt = text(lang, "grid_alt", n=n, w=w)
            cell = _parts.picture(pictures[at], alt, CELL) if at < len(pictures) else '<div class="ti-empty"></div>'
            body += f"<td>{cell}</td>"
        body += "</tr>"
    corner = "<br>".join(escape(text(lang, key)) for key in ("grid_across", "grid_down"))
    caption = text(
        lang, "grid_caption", prompt=said(lang, settings.prompt), seed=settings.seed,
        scheduler=_views.text(lang, f"scheduler.{settings.scheduler}"), model=_views.model_name(lang, settings.model),
    )  # fmt: skip
    return (
        f'<table class="ti-grid"><thead><tr><th scope="col">{corner}</th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
        f"<p>{escape(caption)} {_shell.generated_label(lang)}</p>"
    )


def strip(lang: str, pictures: Sequence[Tensor], ends: tuple[str, str], count: int) -> str:
    """The walk's frames side by side, as far as they are drawn."""
    cells = [_parts.picture(one, _frame(lang, i, count, ends), 64) for i, one in enumerate(pictures, 1)]
    cells += ['<div class="ti-empty"></div>'] * (count - len(cells))
    return f'<div class="ti-strip2">{"".join(cells)}</div>'


def player(lang: str, pictures: Sequence[Tensor], ends: tuple[str, str]) -> str:
    """The walk as an animation with its slider, the file to save, and its frames side by side."""
    count = len(pictures)
    address = " ".join(_parts.data_uri(one) for one in pictures)
    alt = escape(text(lang, "walk_alt", i="{i}", n=count, start=ends[0], end=ends[1]))
    play, frame = (escape(text(lang, key)) for key in ("walk_play", "walk_frame"))
    file = base64.b64encode(animation(pictures)).decode()
    return (
        f'<div class="ti-player"><img class="ti-smooth" width="{SIZE}" height="{SIZE}" alt="{alt.replace("{i}", "1")}" '
        f'data-alt="{alt}" data-walk="{address}" src="{address.split(" ", 1)[0]}"><div class="ti-bar">'
        f'<button type="button" data-play aria-pressed="false" aria-label="{play}" title="{play}"></button>'
        f'<label><input type="range" data-frame min="1" max="{count}" value="1" step="1" aria-label="{frame}"></label>'
        f"<output>1 / {count}</output>"
        f'<a href="data:image/gif;base64,{file}" download="genlab-walk.gif">{escape(text(lang, "walk_gif"))}</a></div>'
        f"<p>{escape(text(lang, 'walk_caption', start=ends[0], end=ends[1]))} {_shell.generated_label(lang)}</p></div>"
        f'<div class="ti-below">{strip(lang, pictures, ends, count)}</div>'
    )


def animation(pictures: Sequence[Tensor]) -> bytes:
    """The walk there and back as a GIF of 256 x 256 pixels."""
    from genmodels.text_to_image.walk import there_and_back

    frames = [images.to_pil(one).resize((GIF_SIZE, GIF_SIZE)) for one in pictures]
    return images.gif(there_and_back(frames), GIF_SECONDS)


def edited(lang: str, prompts: tuple[str, str], pictures: Sequence[Tensor], done: bool) -> str:
    """Original, edited with the swap and without; once finished, how far each is from the original."""
    source, target = (said(lang, prompt) for prompt in prompts)
    labels = [text(lang, "edit_original", prompt=source)]
    labels += [text(lang, key, prompt=target) for key in ("edit_swapped", "edit_plain")]
    shown = row(pictures, labels)
    if not done:
        return shown
    swapped, plain = (distance(pictures[0], one) for one in pictures[1:])
    told = text(lang, "edit_found", swapped=swapped, plain=plain)
    held = "edit_held" if swapped < HELD * plain else "edit_not_held"
    if plain > 0 and swapped != plain:
        told += " " + text(lang, held)
    return f'{shown}<div class="ti-below"><p>{escape(told)} {_shell.generated_label(lang)}</p></div>'


def _frame(lang: str, i: int, count: int, ends: tuple[str, str]) -> str:
    return text(lang, "walk_alt", i=i, n=count, start=ends[0], end=ends[1])
