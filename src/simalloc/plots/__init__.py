"""Figures, one a file. Importing this package loads matplotlib; nothing below it does."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from simalloc.plots import (
    contention,
    cost_by_batch,
    irq_windows,
    lock_shares,
    pcp_counts,
    style,
    throughput,
    timeline,
)
from simalloc.results import Result


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of figure: whether a result has what it shows, and what draws it."""

    applies: Callable[[Result], bool]
    draw: Callable[[Result], Figure]


FIGURES: dict[str, Kind] = {
    "contention": Kind(contention.applies, contention.contention),
    "cost_by_batch": Kind(cost_by_batch.applies, cost_by_batch.cost_by_batch),
    "throughput": Kind(throughput.applies, throughput.throughput),
    "lock_shares": Kind(lock_shares.applies, lock_shares.lock_shares),
    "irq_windows": Kind(irq_windows.applies, irq_windows.irq_windows),
    "timeline": Kind(timeline.applies, timeline.timeline),
    "pcp_counts": Kind(pcp_counts.applies, pcp_counts.pcp_counts),
}
"""Every kind by its name, in the order they are drawn; the name is that of the file it is saved to."""


def draw(result: Result, folder: Path) -> list[Path]:
    """Draw every figure that applies to the result into `folder`; return the files."""
    files = []
    for name, kind in FIGURES.items():
        if kind.applies(result):
            files += style.save(kind.draw(result), folder / name)
    return files


__all__ = ["FIGURES", "Kind", "draw"]
