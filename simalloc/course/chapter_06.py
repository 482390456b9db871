"""Exercises of notebook 6, bulk and interrupt latency."""

from __future__ import annotations

from functools import cache
from typing import Any

from simalloc import build, run
from simalloc.course.exercise import Exercise, Mistake
from simalloc.course.tables import path
from simalloc.results import Row

LIMIT = 4000
"""Cycles; 1 us at 4.0 GHz."""
ASKED = 64
"""Pages that `simalloc explain` asks a bulk API for."""


def _run(api: str, size: int, **more: Any) -> list[Row]:
    """Return the latency rows of all CPUs of a run on v6.1."""
    workload = {"kind": "pagealloc", "api": api, "batches": [size], "samples": 4, "rounds": 40}
    scenario = {"name": "bulk", "allocator": "v6.1", "memory": {"initial": "warmed"}, "workload": workload}
    return [row for row in run(build({**scenario, **more})).latency if row["cpu"] == "all"]


@cache
def _masked(size: int) -> int:
    """Return for how many cycles a bulk allocation masks interrupts."""
    return max(int(row["max"]) for row in _run("bulk", size) if row["site"] == "alloc_pages_bulk")


def _largest() -> int:
    """Return the largest bulk allocation that masks for LIMIT cycles or less."""
    return max(size for size in range(80, 120) if _masked(size) <= LIMIT)


@cache
def _mean_wait() -> float:
    device = {"name": "device", "hz": 100_000, "handler_cycles": 200}
    workload = {"kind": "pagealloc", "batches": [128], "samples": 4, "rounds": 2000}
    rows = _run("single", 128, workload=workload, interrupts=[device])
    return next(float(row["mean"]) for row in rows if row["kind"] == "irq_latency" and row["site"] == "device")


EXERCISES = (
    Exercise(
        "6.1",
        truth=_largest,
        unit="pages",
        within=0.0,
        because="A call of that size is under the limit, one more page is over it. Callers that need more call twice.",
        hint="How much longer does a window get per page? Two sizes tell.",
        mistakes=[
            Mistake(lambda: LIMIT // (_masked(128) - _masked(127)), "The window has a part that is paid once, too."),
            Mistake(lambda: _largest() + 1, "That is the first that is too long."),
        ],
    ),
    Exercise(
        "6.2",
        truth=_mean_wait,
        unit="cycles",
        within=0.25,
        because="4 ns at 4 GHz: many short windows hardly delay anyone. One of 5,300 cycles does.",
        hint="Sum of L squared, over twice the period.",
        mistakes=[
            Mistake(lambda: 68 / 2, "That is the wait of an interrupt that meets a window; most meet none."),
            Mistake(lambda: 2 * 68**2 / 310, "Half: it comes in the middle of a window on average."),
            Mistake(lambda: 68**2 / (2 * 310), "There are two windows in a period."),
        ],
    ),
    Exercise(
        "6.3",
        truth=lambda: int(path("noirq-v2", "bulk free", context="softirq").path.removeprefix("bulk free of ")),
        unit="pages",
        because="In an interrupt the call falls back to a single page, from the buddy lists. The API may give fewer.",
        hint="Softirqs may not use the pcp lists in this series; see notebook 4.",
        mistakes=[Mistake(lambda: ASKED, "That is what it asked for.")],
    ),
)
