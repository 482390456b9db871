"""`simalloc check`: validate scenarios."""

from __future__ import annotations

from typing import Annotated

import typer

from simalloc.cli import exits
from simalloc.cli.app import Plugins, app, load_plugins


@app.command()
def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="scenario files")], plugin: Plugins = None
) -> None:
    """Validate scenarios, and run nothing."""
    from simalloc.scenario import ScenarioError, load  # noqa: PLC0415

    load_plugins(plugin)
    wrong = False
    for file in files:
        try:
            scenario = load(file)
        except ScenarioError as error:
            typer.echo(str(error), err=True)
            wrong = True
        else:
            typer.echo(f"{file}: ok, {scenario.name} with {len(scenario.cases)} case(s)")
    if wrong:
        raise typer.Exit(exits.WRONG_INPUT)
