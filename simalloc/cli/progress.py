"""How far a command has come, on stderr: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from simalloc.cli.streams import write_error

if TYPE_CHECKING:
    from simalloc.runs.plan import Plan
    from simalloc.runs.task import Key, Task

FIRST_LINE = 30.0
"""Seconds after which a line is written where there is no terminal."""

NEXT_LINE = 60.0

SHOW_EVERY = 0.25
"""Seconds between two looks: a plan of ten thousand runs is not counted after each."""

KNOWN_AFTER = 2.0
"""Seconds after which the time left is told."""


class Display:
    """Hears which runs have finished, and how far each that goes on has come; shows their share of all, by size."""

    def __init__(self, name: str, show: Callable[[float, str], None]) -> None:
        self._name = name
        self._show = show
        self._began = monotonic()
        self._shares: dict[Key, tuple[float, float]] = {}
        self._before: float | None = None
        self._plan: Plan | None = None
        self._failed = 0
        self._shown = 0.0

    def told(self, plan: Plan, failed: int) -> None:
        """A run has finished, or the first is about to begin."""
        self._plan, self._failed = plan, failed
        self._update()

    def watch(self, task: Task, share: float) -> None:
        """A run that goes on has come so far."""
        self._shares[task.key] = task.size, share
        self._update()

    def _update(self) -> None:
        plan, now = self._plan, monotonic()
        if plan is None or now - self._shown < SHOW_EVERY:
            return
        self._shown = now
        done, total = plan.sizes_done()
        done += sum(size * share for key, (size, share) in list(self._shares.items()) if not plan.is_done(key))
        share = done / total if total else 0.0
        if self._before is None:
            self._before = share
        elapsed, since = now - self._began, share - self._before
        words = [f"{plan.finished} of {plan.total} runs"]
        if self._failed:
            words.append(f"{self._failed} failed")
        if elapsed > KNOWN_AFTER and since > 0.002 and share < 1:
            words.append(f"about {_time(elapsed * (1 - share) / since)} left")
        self._show(share, ", ".join(words))


def _time(seconds: float) -> str:
    from simalloc.runs.estimate import duration  # noqa: PLC0415

    return duration(max(1, round(seconds)))


@contextmanager
def display(name: str) -> Iterator[Display]:
    """Show how far a command has come while it runs."""
    if not sys.stderr.isatty():
        yield Display(name, _Lines(name))
        return
    from rich import progress  # noqa: PLC0415 - a tenth of a second that only a terminal should pay
    from rich.console import Console  # noqa: PLC0415

    columns = (
        progress.TextColumn(name, markup=False),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TextColumn("{task.fields[words]}", markup=False),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), refresh_per_second=4, transient=True) as bar:
        task = bar.add_task("", total=1.0, words="")
        yield Display(name, lambda share, words: bar.update(task, completed=share, words=words))


class _Lines:
    """Writes a line after half a minute, and then one a minute."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._next = monotonic() + FIRST_LINE

    def __call__(self, share: float, words: str) -> None:
        if monotonic() >= self._next:
            self._next = monotonic() + NEXT_LINE
            write_error(f"{self._name}: {share:.0%}, {words}")
