"""`evaluate translation`: every model on what it never saw, beside what needs no learning and beside its variants."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click
import torch

from genmodels import registry, weights
from genmodels.errors import Refusal
from genmodels.evaluate import show
from genmodels.translation import cards, held_out

log = logging.getLogger(__name__)
BY_PATH = {"pix2pix-facades": "facades", "cyclegan-fruit": "photographs"}


def available() -> list[str]:
    """The topic's own models whose weights are here."""
    known = (card for card in registry.cards("translation") if card.id in cards.MODELS)
    return [card.id for card in known if registry.unavailable(card) is None]


def measure(ids: list[str], paths: dict[str, Path | None]) -> dict[str, Any]:
    """Figures by model id. paths: data given by path, by the values of BY_PATH.

    One of several models whose data are neither given nor in the cache is left out, and a warning says so.
    """
    found: dict[str, Any] = {}
    for id in ids:
        model = registry.load(id, "cpu")
        given = [paths[BY_PATH[id]]] if paths.get(BY_PATH.get(id, "")) else []
        try:
            found[id] = held_out.FIGURES[id](model, *given) | compared(id, model)
        except Refusal as refusal:
            if refusal.code != "data_needed" or len(ids) == 1:
                raise
            log.warning("%s is left out: %s", id, refusal)
    return found


def compared(id: str, model: torch.nn.Module) -> dict[str, Any]:
    """What a model's figures are read against: baselines, and pix2pix's own diversity from its dropout."""
    if id == "pix2pix-outline":
        return {"baselines": held_out.painted_baselines(), "noise_diversity": held_out.noise_diversity(model)}
    if id == "pix2pix-ablation":
        return {"baselines": held_out.painted_baselines()}
    if id in ("cyclegan-styles", "cyclegan-ablation"):
        return {"untranslated": held_out.restyled(lambda x: x)}
    return {}


@click.command()
@click.option(
    "--model", "ids", type=click.Choice(list(cards.MODELS)), multiple=True, help="Default: all that are here."
)
@click.option("--facades", type=click.Path(exists=True, path_type=Path), help="npz of the CMP Facade Database.")
@click.option(
    "--photographs", type=click.Path(exists=True, path_type=Path), help="Folder of Tiny ImageNet's npz files."
)
@click.option("--sheet", "out", type=click.Path(dir_okay=False, path_type=Path), help="PNG of 48 results of one model.")
@click.option("--write", is_flag=True, help="Write the figures into the models' cards.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(
    ids: tuple[str, ...],
    facades: Path | None,
    photographs: Path | None,
    out: Path | None,
    write: bool,
    as_json: bool,
) -> None:
    """Held-out figures of the translators, or a contact sheet of one of them."""
    chosen = list(ids) or available()
    if out:
        from genmodels.translation import sheet

        if len(chosen) != 1 or chosen[0] not in sheet.SHEETS:
            raise click.BadParameter(f"a sheet is of one model: --model {', '.join(sheet.SHEETS)}")
        sheet.draw(chosen[0], out)
        click.echo(f"{out}: {sheet.SAYS[chosen[0]]}")
        return
    found = measure(chosen, {"facades": facades, "photographs": photographs})
    if write:
        for id, figures in found.items():
            weights.write_card(id, metrics=figures)
    show(found, as_json)


def markdown() -> str:
    """README's tables of this topic."""
    from genmodels.translation import report

    return report.markdown()
