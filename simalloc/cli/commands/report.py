"""`simalloc report`: one HTML file about a saved run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from simalloc.cli.app import Plugins, RunFolder, app, load_plugins
from simalloc.cli.saving import saved_run, saved_runs


@app.command()
def report(
    folder: RunFolder,
    out: Annotated[Path | None, typer.Option(help="file to write; without it, DIR/report.html")] = None,
    against: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="saved run to compare this one with; repeatable")
    ] = None,
    plugin: Plugins = None,
) -> None:
    """Write one HTML file about a saved run: figures, tables, timeline, scenario, prices. It needs no network."""
    os.environ["MPLBACKEND"] = "agg"
    from simalloc.plots import NoSuchFigure  # noqa: PLC0415
    from simalloc.registry import load_installed  # noqa: PLC0415
    from simalloc.report import report_html  # noqa: PLC0415
    from simalloc.report.comparison import comparison_tables  # noqa: PLC0415
    from simalloc.results import write_whole  # noqa: PLC0415
    from simalloc.results.run_comparison import NothingInCommon  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    load_plugins(plugin)
    load_installed()
    file = out or folder / "report.html"
    try:
        compared = comparison_tables(saved_runs([*against, folder])) if against else []
        write_whole(file, report_html(saved_run(folder), compared))
    except NothingInCommon as error:
        raise ScenarioError(f"--against: {error}") from None
    except NoSuchFigure as error:
        raise ScenarioError(f"plots: {error}") from None
    except OSError as error:
        raise ScenarioError(f"{file}: cannot be written: {error.strerror}") from None
    typer.echo(f"saved {file}")
