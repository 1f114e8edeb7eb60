"""README's tables, written from the cards between their markers: `python -m genmodels tables`."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click

from genmodels import registry, weights

README = Path(__file__).resolve().parent.parent / "README.md"


def models() -> str:
    """Every model: parameters, what made its weights, data, licence."""
    rows = [
        "| model | topic | parameters | trained on | pictures seen | data | licence |",
        "|---|---|---|---|---|---|---|",
    ]
    for card in registry.cards():
        embedded = isinstance(card.weights, weights.Embedded)
        trained = weights.read_card(card.id) if embedded else {}
        seen = f"{trained['trained']['images']:,}" if embedded else "published"
        device = trained.get("device", "hub")
        rows.append(
            f"| `{card.id}` | {card.topic} | {card.params:,} | {device} | {seen} | {card.data} | {card.license} |"
        )
    return "\n".join(rows)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def fill(text: str) -> str:
    """README's text with every marked part renewed.

    A part stands between `<!-- <name> -->` and `<!-- /<name> -->`; "models" is the table of models, a topic's name is
    what its own evaluate.markdown() says.
    """
    parts = {"models": models()}
    for topic in registry.topics():
        if find_spec(f"genmodels.{topic}.evaluate"):
            parts[topic] = getattr(import_module(f"genmodels.{topic}.evaluate"), "markdown", str)()
    for name, body in parts.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        text = re.sub(pattern, lambda found, body=body: f"{found[1]}{body}\n{found[2]}", text, flags=re.S)
    return text


@click.command()
def tables() -> None:
    """Renew README's tables from the cards."""
    README.write_text(fill(README.read_text(encoding="utf-8")), encoding="utf-8")
    click.echo("README.md: tables renewed")
