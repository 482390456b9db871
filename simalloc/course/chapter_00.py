"""The exercise of the template, notebook 0."""

from __future__ import annotations

from simalloc import load, run
from simalloc.course.exercise import Exercise, Mistake


def _cost(high: int) -> float:
    """Return cycles per page of an allocation and a free in v4.10, at 512 pages a round."""
    only = "compare=[{label: vanilla, allocator: v4.10}]"
    settings = [only, "workload.batches=[512]", "allocator.batch=31", f"allocator.high={high}"]
    return float(run(load("pagealloc-2017", settings)).select(metric="total")[0]["value"])


EXERCISES = (
    Exercise(
        "0.1",
        truth=lambda: _cost(186) - _cost(1000),
        unit="cycles",
        because="With 1000 pages the list never overflows, and nothing goes through the buddy lists.",
        hint="Run both and subtract.",
        mistakes=[Mistake(lambda: _cost(1000), "That is what a page costs then; the question is about the change.")],
    ),
)
