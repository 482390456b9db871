"""Exercises of notebook 4, why it was reverted."""

from __future__ import annotations

from functools import cache

from simalloc import load, run
from simalloc.course.exercise import Exercise, Mistake
from simalloc.course.tables import path
from simalloc.results import Result

CALLS = ("alloc, pcp hit", "free, below high")


@cache
def _received() -> Result:
    only = "compare=[{label: v4.11-rc, allocator: v4.11-rc}]"
    return run(load("nic-rx-2017", [only, "workload.milliseconds=1", "workload.warmup_ms=0", "workload.one_cpu=false"]))


def _holds_per_packet() -> int:
    result = _received()
    packets: int = sum(row["count"] for row in result.ledger if row["step"] == "put_page")
    acquisitions: int = sum(lock["acquisitions"] for lock in result.locks)
    return round(acquisitions / packets)


def _hits(allocator: str) -> int:
    return sum(path(allocator, start).cycles for start in CALLS)


def _amortised() -> str:
    """Return which part of a hold a refill of 31 pages pays once: a, the buddy lists' work, or b, the lock's."""
    steps = {each.step.name: each.times for each in path("v4.11-rc", "alloc, pcp empty").steps}
    return "a" if steps["buddy_remove"] == 1 else "b"


EXERCISES = (
    Exercise(
        "4.1",
        truth=_holds_per_packet,
        unit="times",
        because="Once for the page it takes, once for the page it gives back.",
        hint="A packet takes a page and gives one back; see the table of holds.",
        within=0.0,
        mistakes=[Mistake(lambda: _holds_per_packet() - 1, "And the page that is freed?")],
    ),
    Exercise(
        "4.2",
        truth=_amortised,
        because="As a refill does: lock, unlock and transfers once, the buddy lists' work for each page.",
        hint="Look at a refill in notebook 3: which steps ran 31 times?",
        mistakes=[Mistake(lambda: "a", "Each page must be taken off a buddy list, however many are taken in a hold.")],
    ),
    Exercise(
        "4.3",
        truth=lambda: _hits("bh-disable") - _hits("v4.11-rc"),
        unit="cycles",
        because="Exactly what the series had saved: twice the difference of the pairs, and two tests in each call.",
        hint="Add an allocation and a free for each of the two allocators.",
        mistakes=[
            Mistake(lambda: (_hits("bh-disable") - _hits("v4.11-rc")) / 2, "That is one of the two calls."),
            Mistake(lambda: 2 * (19 - 11), "That is the pairs alone; see which tests `bh-disable` runs beside them."),
        ],
    ),
)
