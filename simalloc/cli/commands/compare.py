"""`simalloc compare`: saved runs and what real kernels recorded, side by side."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from simalloc.cli.app import TextFormat, app
from simalloc.cli.saving import saved_run
from simalloc.cli.streams import telling


@app.command()
def compare(
    paths: Annotated[
        list[Path], typer.Argument(metavar="A B...", help="folders of saved runs, and files of /proc/lock_stat")
    ],
    format_: Annotated[TextFormat, typer.Option("--format", help="what to print")] = TextFormat.TABLE,
) -> None:
    """Put lock statistics side by side: of a saved run's cases, and of a /proc/lock_stat from a real kernel."""
    from simalloc.results import (  # noqa: PLC0415
        LockStatError,
        compared,
        comparison_text,
        locks_side_by_side,
        of_result,
    )
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    if len(paths) < 2 and not paths[0].is_dir():
        raise ScenarioError(f"{paths[0]}: there is nothing to compare it with; name another run or lock_stat file")
    columns = []
    for path in paths:
        try:
            columns += of_result(saved_run(path), path.name) if path.is_dir() else compared(path)
        except LockStatError as error:
            raise ScenarioError(str(error)) from None
    with telling():
        if format_ is TextFormat.JSON:
            rows = locks_side_by_side(columns)
            sys.stdout.write(json.dumps({"columns": [each.name for each in columns], "rows": rows}, indent=1) + "\n")
        else:
            sys.stdout.write(comparison_text(columns) + "\n")
