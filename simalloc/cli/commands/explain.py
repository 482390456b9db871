"""`simalloc explain`: the steps of an allocator."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from simalloc.cli.app import Plugins, TextFormat, app, load_plugins


@app.command()
def explain(
    allocator: Annotated[str, typer.Argument(help="an allocator; `simalloc list allocators`")],
    plugin: Plugins = None,
    format_: Annotated[TextFormat, typer.Option("--format", help="what to print")] = TextFormat.TABLE,
) -> None:
    """Show the steps of each path of an allocator, in each context, recorded from a run of them."""
    from simalloc.runs.explain import explain as record  # noqa: PLC0415
    from simalloc.runs.explain import explain_text  # noqa: PLC0415

    load_plugins(plugin)
    paths = record(allocator)
    if format_ is TextFormat.JSON:
        rows = [row for path in paths for row in path.rows()]
        typer.echo(json.dumps({"allocator": allocator, "unit": "cycles", "rows": rows}, indent=1))
    else:
        typer.echo(explain_text(allocator, paths, lambda text: typer.style(text, bold=True)))
