"""Exercises of notebook 2, masking interrupts."""

from __future__ import annotations

from collections.abc import Mapping

from simalloc.course.exercise import Exercise, Mistake
from simalloc.course.tables import path

NO_PREEMPTION = {"preempt_disable": 0.0, "preempt_enable": 0.0}
ZEN_4 = {"irq_save": 5.0, "irq_restore": 5.0, "irq_overlap": 0.0, "preempt_disable": 1.0, "preempt_enable": 1.0}
"""Pairs of 10 and 2 cycles: xdp-project, areas/mem/page_pool08_bench_AMD.org, EPYC 9684X, Linux 6.13."""

CALLS = ("alloc, pcp hit", "free, below high")


def _saving(costs: Mapping[str, float] | None = None) -> int:
    """Return what the series saves on an allocation and a free that hit, in cycles."""
    before, after = (
        sum(path(allocator, start, costs=costs).cycles for start in CALLS) for allocator in ("v4.10", "v4.11-rc")
    )
    return before - after


def _refill_masked(allocator: str) -> int:
    return path(allocator, "alloc, pcp empty").irqs_off


EXERCISES = (
    Exercise(
        "2.1",
        truth=lambda: _saving(NO_PREEMPTION),
        unit="cycles",
        because="Both save/restore pairs, with nothing in their place.",
        hint="Give both paths `costs={'preempt_disable': 0, 'preempt_enable': 0}` and take the difference.",
        mistakes=[
            Mistake(_saving, "That is with the preemption pair at 11 cycles."),
            Mistake(lambda: _saving(NO_PREEMPTION) / 2, "An allocation *and* a free: each has a pair."),
        ],
    ),
    Exercise(
        "2.2",
        truth=lambda: _saving(ZEN_4),
        unit="cycles",
        because="Less than a third of what it was on Haswell. A later kernel took the reason for the series away.",
        hint="Two pairs of 10 go, two pairs of 2 come.",
        mistakes=[
            Mistake(lambda: _saving(ZEN_4) / 2, "An allocation *and* a free: each swaps a pair."),
            Mistake(lambda: 2 * (ZEN_4["irq_save"] + ZEN_4["irq_restore"]), "The preemption pairs cost 2 each."),
        ],
    ),
    Exercise(
        "2.3",
        truth=lambda: _refill_masked("v4.10") - _refill_masked("noirq-v2"),
        unit="cycles",
        because="The page's own list operation and counters have left the window; the refill itself has stayed in.",
        hint="Take `irqs_off` of the path in both allocators, not `cycles`.",
        mistakes=[
            Mistake(
                lambda: path("noirq-v2", "alloc, pcp empty").cycles - path("v4.10", "alloc, pcp empty").cycles,
                "That is the whole path: the series' refill is longer in all, because it masks beside turning "
                "preemption off. The question is for how long interrupts are masked.",
            ),
        ],
    ),
)
