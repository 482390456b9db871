"""`simalloc compare`: saved runs and what real kernels recorded, side by side."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simalloc.cli.app import Format, Plugins, app, load_plugins
from simalloc.cli.saving import saved_runs
from simalloc.cli.streams import telling

if TYPE_CHECKING:
    from simalloc.results.comparison import Compared
    from simalloc.results.run_comparison import SavedRun


@app.command()
def compare(
    paths: Annotated[
        list[Path], typer.Argument(metavar="A B...", help="folders of saved runs, and files of /proc/lock_stat")
    ],
    format_: Annotated[Format, typer.Option("--format", help="what to print")] = Format.TABLE,
    every: Annotated[bool, typer.Option("--all", help="print every figure, not only those that tables show")] = False,
    plugin: Plugins = None,
) -> None:
    """Put saved runs side by side: figures with changes and intervals, what differs in their scenarios, locks.

    The first one named is what others are compared with. A /proc/lock_stat of a real kernel may be among them: then
    lock statistics are compared alone.
    """
    from simalloc.results.run_comparison import (  # noqa: PLC0415
        NothingInCommon,
        differences,
        figures_side_by_side,
    )
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    load_plugins(plugin)
    if len(paths) < 2 and not paths[0].is_dir():
        raise ScenarioError(f"{paths[0]}: there is nothing to compare it with; name another run or lock_stat file")
    runs, columns = _read(paths)
    figures: list[dict[str, Any]] = []
    different = differences(runs) if len(runs) > 1 else []
    nothing = ""
    if len(runs) == len(paths) > 1:
        try:
            figures = figures_side_by_side(runs)
        except NothingInCommon as error:
            nothing = str(error)
    with telling():
        _print(format_, runs, columns, figures, different, nothing, every=every)


def _read(paths: Sequence[Path]) -> tuple[list[SavedRun], list[Compared]]:
    """Return the runs among the paths, and columns of lock statistics of all. Raises ScenarioError."""
    from simalloc.results import LockStatError, compared, of_result  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    for path in paths:
        if not path.exists():
            raise ScenarioError(f"{path}: no such file or folder; name what `simalloc run` saved, or a lock_stat file")
    runs = saved_runs([path for path in paths if path.is_dir()])
    left, columns = iter(runs), []
    for path in paths:
        try:
            if path.is_dir():
                run = next(left)
                columns += of_result(run.result, run.name) if run.result.unit == "cycles" else []
            else:
                columns += compared(path)
        except LockStatError as error:
            raise ScenarioError(str(error)) from None
    return runs, columns


def _print(
    format_: Format,
    runs: Sequence[SavedRun],
    columns: Sequence[Compared],
    figures: list[dict[str, Any]],
    different: list[dict[str, Any]],
    nothing: str,
    *,
    every: bool,
) -> None:
    """Print what was found. Raises ScenarioError if that is nothing."""
    from simalloc.results import comparison_text, locks_side_by_side  # noqa: PLC0415
    from simalloc.results.run_comparison_text import differences_text, figures_text  # noqa: PLC0415
    from simalloc.scenario import ScenarioError  # noqa: PLC0415

    locks = locks_side_by_side(columns)
    if nothing and not locks:
        raise ScenarioError(nothing)
    if format_ is Format.CSV:
        if not figures:
            raise ScenarioError(nothing or "--format csv: is of figures of two or more saved runs; leave it out")
        _write_csv(figures)
    elif format_ is Format.JSON:
        names = [run.name for run in runs]
        found = {"runs": names, "figures": figures, "differences": different}
        found |= {"columns": [each.name for each in columns], "rows": locks}
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    else:
        names = [run.name for run in runs]
        parts = [differences_text(different, names)] if len(runs) > 1 else []
        parts += [figures_text(figures, names, every=every)] if figures else [nothing] if nothing else []
        parts += [comparison_text(columns)] if locks or not parts else []
        sys.stdout.write("\n\n".join(parts) + "\n")


def _write_csv(figures: Sequence[dict[str, Any]]) -> None:
    last = ("unit", "run", "value", "ci95", "change", "change_ci95", "verdict")
    first = dict.fromkeys(name for row in figures for name in row if name not in last)
    writer = csv.DictWriter(sys.stdout, [*first, *last], lineterminator="\n")
    writer.writeheader()
    writer.writerows(figures)
