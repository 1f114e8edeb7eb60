"""The gallery: every subject that the small model knows, by name and with its picture of it, to search and click."""

from __future__ import annotations

import base64
import functools
from html import escape
from pathlib import Path

import gradio as gr

from demos import _shell
from demos.text_to_image._parts import Parts
from genmodels.data.emoji import GROUPS, Subject
from genmodels.text_to_image import gallery

HERE = Path(__file__).parent
LANGUAGES = ("pt", "en")
TEXT = {
    "en": {
        "gallery.intro": "The small model was trained on these {count} subjects and their keywords. Click one to put "
        "it into the prompt; add a colour if you like. It knows nothing else.",
        "gallery.search": "Search subjects",
        "gallery.found": "found",
        "gallery.none": "Nothing by that name: ask for it anyway, and the nearest thing it knows may come.",
        "gallery.smileys": "Smileys",
        "gallery.animals": "Animals and nature",
        "gallery.food": "Food and drink",
        "gallery.travel": "Travel and places",
        "gallery.activities": "Activities",
        "gallery.objects": "Objects",
        "gallery.pictures": "The small pictures are the model's own, one try each, not chosen.",
    },
    "pt": {
        "gallery.intro": "O modelo pequeno foi treinado com estes {count} temas e suas palavras-chave. Clique em um "
        "para colocá-lo no prompt; acrescente uma cor, se quiser. Ele não conhece mais nada.",
        "gallery.search": "Buscar temas",
        "gallery.found": "encontrados",
        "gallery.none": "Nada com esse nome: peça mesmo assim, e talvez venha a coisa mais próxima que ele conhece.",
        "gallery.smileys": "Carinhas",
        "gallery.animals": "Animais e natureza",
        "gallery.food": "Comidas e bebidas",
        "gallery.travel": "Viagens e lugares",
        "gallery.activities": "Atividades",
        "gallery.objects": "Objetos",
        "gallery.pictures": "As imagens pequenas são do próprio modelo: uma tentativa cada, sem escolher a melhor.",
    },
}


def both(key: str, tag: str = "span", **values: object) -> str:
    """A text in both languages, of which the page shows its own."""
    said = ((lang, escape(TEXT[lang][key].format(**values))) for lang in LANGUAGES)
    return "".join(f'<{tag} data-lang="{lang}">{sentence}</{tag}>' for lang, sentence in said)


@functools.cache
def run_gallery() -> str:
    """HTML of the whole gallery in both languages."""
    known = gallery.subjects()
    sheet = gallery.sheet()
    groups = "".join(_group(group, known, sheet) for group in GROUPS.values())
    note = f"<p class='ti-small'>{both('gallery.pictures')} {_labels()}</p>" if sheet else ""
    labels = " ".join(f'data-label-{lang}="{escape(TEXT[lang]["gallery.search"])}"' for lang in LANGUAGES)
    return (
        f'<div class="ti-gallery"{_address(sheet)}>{both("gallery.intro", "p", count=len(known))}'
        f'<div class="ti-find"><input type="search" autocomplete="off" spellcheck="false" {labels}>'
        f'<p role="status"><output>{len(known)}</output> {both("gallery.found")}</p></div>'
        f'<p class="ti-none" hidden>{both("gallery.none")}</p>'
        f'<div class="ti-all" tabindex="0">{groups}</div>{note}</div>'
    )


def _group(group: str, known: tuple[Subject, ...], sheet: gallery.Sheet | None) -> str:
    found = "".join(_button(i, subject, sheet) for i, subject in enumerate(known) if subject.group == group)
    return f"<section><h4>{both(f'gallery.{group}')}</h4><div>{found}</div></section>"


def _button(i: int, subject: Subject, sheet: gallery.Sheet | None) -> str:
    """One subject: its names, the tags that the search reads too, its place in the sheet of pictures."""
    names = "".join(f'<span data-lang="{lang}">{escape(subject.names[lang])}</span>' for lang in LANGUAGES)
    tags = " ".join(f'data-{lang}="{escape(" ".join(subject.tags[lang]))}"' for lang in LANGUAGES)
    icon = f'<i style="--x:{i % sheet.columns};--y:{i // sheet.columns}"></i>' if sheet else ""
    return f'<button type="button" {tags}>{icon}{names}</button>'


def _address(sheet: gallery.Sheet | None) -> str:
    if sheet is None:
        return ""
    data = base64.b64encode(sheet.path.read_bytes()).decode()
    return f' style="--sheet:url(data:image/webp;base64,{data});--side:{sheet.side}px;--columns:{sheet.columns}"'


def _labels() -> str:
    return "".join(f'<span data-lang="{lang}">{_shell.generated_label(lang)}</span>' for lang in LANGUAGES)


def build(ctx: _shell.Context, parts: Parts) -> None:
    """Lay the gallery out; searching and clicking happen in the browser."""
    gr.HTML(run_gallery(), js_on_load=(HERE / "gallery.js").read_text(encoding="utf-8"), elem_id="ti-gallery")
