"""Downloading a published model from the page."""

from __future__ import annotations

from collections.abc import Iterator

from demos import _shell
from demos.text_to_image import _views
from genmodels import registry
from genmodels.errors import Refusal
from genmodels.step import Step


def run_download(lang: str, model: str) -> Iterator[tuple[Step, str]]:
    """Fetch a published model of this topic; yields (Step in megabytes, HTML of what is arriving)."""
    if model not in [card.id for card in registry.cards("text_to_image")]:
        raise Refusal("unknown_model", f"there is no model {str(model)[:60]!r}", id=str(model)[:60])
    for step in registry.fetch(model):
        here, total = step.i / 1e6, step.n / 1e6
        said = _views.text(lang, "downloading", file=step.info["file"], here=here, total=total)
        yield Step(round(here), max(1, round(total))), _shell.status_line(said)
    done = _views.text(lang, "downloaded", model=_views.model_name(lang, model))
    yield Step(1, 1), _shell.status_line(done)
