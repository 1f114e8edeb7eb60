"""The page's look: a Gradio theme on system fonts; styles and script lie beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import gradio as gr

HERE = Path(__file__).parent
CSS = HERE / "_page.css"
SANS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


def styles(topics: Sequence[ModuleType]) -> list[Path]:
    """The page's styles, then each topic's own `tab.css` where it has one."""
    own = (Path(topic.__file__ or "").parent / "tab.css" for topic in topics if hasattr(topic, "__path__"))
    return [CSS, *(path for path in own if path.is_file())]


def theme() -> gr.themes.Base:
    """One accent colour, neutral greys, system fonts: nothing is fetched."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.indigo,
        neutral_hue=gr.themes.colors.slate,
        font=SANS,
        font_mono=MONO,
        radius_size=gr.themes.sizes.radius_md,
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
    )


def head() -> str:
    """The page's script, inline: nothing is fetched from elsewhere."""
    script = (HERE / "_page.js").read_text(encoding="utf-8")
    return f'<meta name="viewport" content="width=device-width, initial-scale=1"><script>{script}</script>'
