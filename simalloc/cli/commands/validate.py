"""`simalloc validate`: run the published record through the simulator."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated

import typer

from simalloc.cli import exits
from simalloc.cli.app import TextFormat, app
from simalloc.cli.streams import telling
from simalloc.cli.telling import show_progress


@app.command()
def validate(
    tables: Annotated[
        list[str] | None, typer.Argument(metavar="[TABLE]...", help="names of published tables; by default all")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="run only tables that take a second or two")] = False,
    names: Annotated[bool, typer.Option("--list", help="print the names of the tables, and simulate nothing")] = False,
    jobs: Annotated[int, typer.Option(min=0, help="processes; 0 = one a core. Results do not depend on it")] = 0,
    format_: Annotated[TextFormat, typer.Option("--format", help="what to print")] = TextFormat.TABLE,
) -> None:
    """Simulate published tables: print figures side by side, errors, bands, verdicts. Exit code 1 if a band is left."""
    from simalloc.scenario import ScenarioError  # noqa: PLC0415
    from simalloc.scenario.errors import suggestion  # noqa: PLC0415
    from simalloc.validation import NOT_SIMULATED, TABLES  # noqa: PLC0415
    from simalloc.validation.judge import validate as run_table  # noqa: PLC0415
    from simalloc.validation.report import LEFT, as_data, summary, table_text  # noqa: PLC0415

    for name in tables or ():
        if name not in TABLES:
            raise ScenarioError(f"there is no published table {name!r}; {suggestion(name, list(TABLES))}")
    chosen = [table for name, table in TABLES.items() if name in (tables or TABLES) and (table.quick or not quick)]
    if not chosen:
        raise ScenarioError(f"none of {', '.join(tables or ())} is quick; leave out --quick")
    if names:
        for table in chosen:
            typer.echo(f"{table.name}: {table.about}")
        return
    outcomes = []
    for table in chosen:
        show_progress(f"{table.name}: simulating")
        outcomes.append(run_table(table, jobs=1 if table.quick else jobs or os.cpu_count() or 1))
        show_progress("")
        if format_ is TextFormat.TABLE:
            with telling():
                sys.stdout.write(table_text(as_data(outcomes[-1:])["tables"][0]) + "\n\n")
    data = as_data(outcomes, () if tables or quick else NOT_SIMULATED)
    with telling():
        told = json.dumps(data, indent=1, ensure_ascii=False) if format_ is TextFormat.JSON else summary(data)
        sys.stdout.write(told + "\n")
    if any(table["verdict"] == LEFT for table in data["tables"]):
        raise typer.Exit(exits.FAILED)
