"""Figures, one a file. Importing this package loads matplotlib; nothing below it does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from simalloc.plots import (
    allocators,
    contention,
    cost_by_batch,
    cycles,
    irq_windows,
    lock_shares,
    lock_times,
    pcp_counts,
    profile,
    replay_counts,
    style,
    throughput,
    timeline,
)
from simalloc.plots.series import Series
from simalloc.registry import Table
from simalloc.results import Result


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of figure: whether a result has what it shows, what draws it, and the numbers that it draws.

    `series` is None where those are a recording's rows as they are.
    """

    applies: Callable[[Result], bool]
    draw: Callable[[Result], Figure]
    series: Callable[[Result], Series] | None = None


_KINDS: dict[str, Kind] = {
    "allocators": Kind(allocators.applies, allocators.draw, allocators.series),
    "cost_by_batch": Kind(cost_by_batch.applies, cost_by_batch.draw, cost_by_batch.series),
    "profile": Kind(profile.applies, profile.draw, profile.series),
    "contention": Kind(contention.applies, contention.draw, contention.series),
    "throughput": Kind(throughput.applies, throughput.draw, throughput.series),
    "lock_shares": Kind(lock_shares.applies, lock_shares.draw, lock_shares.series),
    "cycles": Kind(cycles.applies, cycles.draw, cycles.series),
    "lock_times": Kind(lock_times.applies, lock_times.draw, lock_times.series),
    "irq_windows": Kind(irq_windows.applies, irq_windows.draw, irq_windows.series),
    "timeline": Kind(timeline.applies, timeline.timeline),
    "pcp_counts": Kind(pcp_counts.applies, pcp_counts.pcp_counts),
    "replay_counts": Kind(replay_counts.applies, replay_counts.draw, replay_counts.series),
}

FIGURES: Table[Kind] = Table("drawing", _KINDS)
"""Every kind by its name; the name is that of the file it is saved to. `results.FIGURE_ABOUT` says what each shows."""


OF_A_CASE = ("timeline", "pcp_counts")
"""Figures that set no label beside another."""


class NoSuchFigure(Exception):  # noqa: N818
    """The result lacks what a figure shows, or there is no figure of that name; the text lists what there is."""


def applying(result: Result) -> list[str]:
    """Return the names of the figures that the result has the numbers for.

    Where one machine's clock counts cycles and another's instructions, these are the figures of a single case.
    """
    return [name for name, kind in FIGURES.items() if kind.applies(result) and (name in OF_A_CASE or result.one_unit)]


def wanted(result: Result) -> list[str]:
    """Return the figures that the scenario's `plots` names, all that apply without. Raises NoSuchFigure."""
    named: list[str] | None = result.definition.get("plots")
    return applying(result) if named is None else checked(result, named)


def checked(result: Result, names: Sequence[str]) -> list[str]:
    """Return the names, each once, if all of these figures apply. Raises NoSuchFigure."""
    there = applying(result)
    for name in names:
        if name not in there:
            fault = "this run lacks what it shows" if name in FIGURES else "there is no such figure"
            raise NoSuchFigure(f"{name}: {fault}; figures of this run: {', '.join(there) or 'none'}")
    return list(dict.fromkeys(names))


def draw(result: Result, folder: Path, names: Sequence[str], formats: Sequence[str] = style.FORMATS) -> list[Path]:
    """Draw these figures into `folder`; return the files."""
    files = []
    for name in names:
        files += style.save(FIGURES[name].draw(result), folder / name, formats)
    return files


__all__ = ["FIGURES", "Kind", "NoSuchFigure", "Series", "applying", "checked", "draw", "wanted"]
