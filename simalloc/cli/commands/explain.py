"""`simalloc explain`: the steps of an allocator."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from simalloc.cli.app import Overrides, Plugins, TextFormat, app, load_plugins


@app.command()
def explain(
    allocator: Annotated[str, typer.Argument(help="an allocator; `simalloc list allocators`")],
    set_: Overrides = None,
    plugin: Plugins = None,
    format_: Annotated[TextFormat, typer.Option("--format", help="what to print")] = TextFormat.TABLE,
) -> None:
    """Show an allocator's sizes, and the steps of each of its paths in each context, recorded from a run."""
    from simalloc.runs.explain import explain as record  # noqa: PLC0415
    from simalloc.runs.explain import explain_text, explained_scenario, sizes  # noqa: PLC0415

    load_plugins(plugin)
    paths = record(allocator, settings=set_ or ())
    pcp = sizes(explained_scenario(allocator, settings=set_ or ()))
    if format_ is TextFormat.JSON:
        rows = [row for path in paths for row in path.rows()]
        typer.echo(json.dumps({"allocator": allocator, "sizes": pcp, "unit": "cycles", "rows": rows}, indent=1))
    else:
        typer.echo(explain_text(allocator, paths, pcp, lambda text: typer.style(text, bold=True)))
