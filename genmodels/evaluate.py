"""The `evaluate` command: a group whose sub-commands are the topics' own, imported when called."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import click

from genmodels import registry
from genmodels.errors import Refusal


class Topics(click.Group):
    """A click group whose sub-command <topic> is genmodels.<topic>.<module>.command.

    every: without a topic, run all of them in turn (else show the help).
    """

    def __init__(self, module: str, every: bool = False, **options: Any) -> None:
        run = click.pass_context(self._every) if every else None
        super().__init__(name=module, callback=run, invoke_without_command=every, no_args_is_help=not every, **options)
        self.module = module

    def _every(self, ctx: click.Context) -> None:
        if ctx.invoked_subcommand is None:
            for topic in self.list_commands(ctx):
                click.echo(topic)
                try:
                    self.get_command(ctx, topic).main([], standalone_mode=False)
                except Refusal as refusal:  # weights that are not here yet: the other topics still run
                    click.echo(str(refusal))

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [t for t in registry.topics() if find_spec(f"genmodels.{t}.{self.module}")]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        return import_module(f"genmodels.{name}.{self.module}").command


def show(figures: dict[str, Any], as_json: bool) -> None:
    """Print measured figures, as JSON or as indented lines."""
    if as_json:
        click.echo(json.dumps(figures, indent=1, ensure_ascii=False))
        return
    for key, value in _flat(figures):
        click.echo(f"{key:44} {value}")


def _flat(figures: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in figures.items():
        rows += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return rows
