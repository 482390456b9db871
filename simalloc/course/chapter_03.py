"""Exercises of notebook 3, batching."""

from __future__ import annotations

from functools import cache

from simalloc import build, run
from simalloc.course.exercise import Exercise, Mistake
from simalloc.course.tables import path
from simalloc.results import Result

PAGES, HIGH, BATCH = 1024, 400, 50
BATCHES = (1, 4, 16, 31, 63, 127)


def _run(high: int, batches: tuple[int, ...], **workload: int) -> Result:
    return run(
        build(
            {
                "name": "batching",
                "allocator": {"name": "v4.10", "high": high},
                "sweep": {"allocator.batch": list(batches)},
                "workload": {"kind": "pagealloc", "batches": [PAGES], **workload},
                "latency": False,
            }
        )
    )


def _refilled() -> float:
    return float(_run(HIGH, (BATCH,)).select(metric="refilled")[0]["value"])


@cache
def _costs() -> dict[int, float]:
    """Return cycles of a whole run per page by batch, one CPU, high 186: as the notebook takes them."""
    ledger = _run(186, BATCHES, samples=3, dropped=1, rounds=2).ledger
    costs = {}
    for batch in BATCHES:
        rows = [row for row in ledger if row["allocator.batch"] == batch]
        pages = sum(row["count"] for row in rows if row["step"] == "alloc_call")
        costs[batch] = sum(row["cycles"] for row in rows) / pages
    return costs


def _lock_pair() -> int:
    steps = path("v4.10", "alloc, pcp empty").steps
    return sum(each.cycles for each in steps if each.step.name in ("spin_lock", "spin_unlock"))


EXERCISES = (
    Exercise(
        "3.1",
        truth=_refilled,
        unit="pages",
        because="A drain leaves high - batch pages; a round of more than high takes those and refills the rest.",
        hint="`n - (high - batch)`, with the pages that really run.",
        within=0.02,
        mistakes=[
            Mistake(lambda: PAGES + 1 - HIGH, "A drain leaves `high - batch` pages on the list, not `high`."),
            Mistake(lambda: PAGES + 1, "The pages that the last drain left on the list need no refill."),
        ],
    ),
    Exercise(
        "3.2",
        truth=lambda: 2 * _lock_pair(),
        unit="pages",
        because="The default of 31 pays one cycle a page for the pair, 63 (v4.19) about half a cycle.",
        hint="The pair's cycles, divided by the batch.",
        mistakes=[
            Mistake(_lock_pair, "That batch pays one whole cycle per page."),
            Mistake(
                lambda: (
                    2 * next(e.cycles for e in path("v4.10", "alloc, pcp empty").steps if e.step.name == "spin_lock")
                ),
                "Lock *and* unlock.",
            ),
        ],
    ),
    Exercise(
        "3.3",
        truth=lambda: min(_costs(), key=lambda batch: _costs()[batch]),
        unit="pages",
        because="With high fixed, a larger batch leaves fewer pages after a drain, so more have to be refilled.",
        hint="Add up `per_page(one, batch)` for each batch.",
        mistakes=[
            Mistake(lambda: max(_costs()), "It has the cheapest lock per page, but it refills more pages a round."),
        ],
    ),
)
