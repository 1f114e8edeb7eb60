"""`python -m genmodels list|train|evaluate|sample|bench|tables`."""

from __future__ import annotations

import json
import logging
from importlib import import_module

import click

from genmodels import registry, weights
from genmodels.errors import Refusal
from genmodels.evaluate import Topics


class Commands(click.Group):
    """Turns a refusal into one line on stderr; imports some commands (torch with `train`) only when called."""

    LATE = ("tables", "train")

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in self.LATE:
            return getattr(import_module(f"genmodels.{name}"), name)
        return super().get_command(ctx, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self.LATE])

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            raise click.ClickException(str(refusal)) from refusal


@click.group(cls=Commands)
@click.version_option(package_name=None, version="0.1.0")
def main() -> None:
    """GenLab's models: list them, train them, measure them, sample from them."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def list_models(as_json: bool) -> None:
    """Every model, and whether this machine can run it."""
    rows = []
    for card in registry.cards():
        reason = registry.unavailable(card)
        source = card.weights
        rows.append(
            {
                "id": card.id,
                "topic": card.topic,
                "can": sorted(card.can),
                "params": card.params,
                "license": card.license,
                "source": card.source,
                "data": card.data,
                "weights": source.name if isinstance(source, weights.Embedded) else f"{source.repo}@{source.revision}",
                "available": reason is None,
                "reason": reason and str(reason),
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        state = "ready" if row["available"] else row["reason"]
        click.echo(f"{row['id']:24} {row['topic']:14} {row['params']:>12,}  {state}")


for group in (
    Topics("evaluate", help="Measure a topic on its held-out data."),
    Topics("sample", help="One result of a topic, to a file."),
    Topics("bench", every=True, help="Time a topic (or all) against its named peers, as ratios in one run."),
):
    main.add_command(group)

if __name__ == "__main__":
    main()
