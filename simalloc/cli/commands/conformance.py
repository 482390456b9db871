"""`simalloc conformance`: whether an allocator keeps the rules."""

from __future__ import annotations

from typing import Annotated

import typer

from simalloc.cli import exits
from simalloc.cli.app import Plugins, app, load_plugins


@app.command()
def conformance(
    allocator: Annotated[str, typer.Argument(help="an allocator; `simalloc list allocators`")],
    plugin: Plugins = None,
) -> None:
    """Check that an allocator keeps the rules: pages, masks, lists, contexts, clocks. Exit code 1 if it breaks one."""
    from simalloc.testing import examine  # noqa: PLC0415

    load_plugins(plugin)
    found = examine(allocator)
    typer.echo(str(found))
    if not found.passed:
        raise typer.Exit(exits.FAILED)
