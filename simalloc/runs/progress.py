"""Progress of a sweep, on stderr, and only if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[[int, int, int], None]
"""Told how many runs there are, how many have finished, and how many of them failed."""


@contextmanager
def progress_bar(name: str) -> Iterator[Tell]:
    """Show a bar with runs done and failed, and the time left."""
    if not sys.stderr.isatty():
        yield lambda _total, _finished, _failed: None
        return
    from rich import progress  # noqa: PLC0415 - a tenth of a second that only a terminal should pay
    from rich.console import Console  # noqa: PLC0415

    columns = (
        progress.TextColumn(name, markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[failed]}"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), refresh_per_second=4) as bar:
        task = bar.add_task("", total=None, failed="")

        def tell(total: int, finished: int, failed: int) -> None:
            bar.update(task, total=total, completed=finished, failed=f"{failed} failed" if failed else "")

        yield tell
