"""`simalloc plot`: draw figures of a saved run again."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from simalloc.cli.app import Plugins, RunFolder, app, load_plugins
from simalloc.cli.saving import draw_figures, saved_run


class FigureFormat(StrEnum):
    """Files a figure goes to."""

    PNG = "png"
    SVG = "svg"
    BOTH = "both"


@app.command()
def plot(
    folder: RunFolder,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="figure to draw, such as cycles; repeatable; by default those that the scenario asks for"),
    ] = None,
    format_: Annotated[FigureFormat, typer.Option("--format", help="what to write")] = FigureFormat.BOTH,
    plugin: Plugins = None,
) -> None:
    """Draw figures of a saved run again."""
    from simalloc.registry import load_installed  # noqa: PLC0415

    load_plugins(plugin)
    load_installed()
    formats = ("png", "svg") if format_ is FigureFormat.BOTH else (format_.value,)
    files = draw_figures(saved_run(folder), folder, kind, formats)
    typer.echo("\n".join(f"saved {file}" for file in files) or f"{folder}: no figure shows what this run has")
