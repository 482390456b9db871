"""Exercises of notebook 5, when the lock wins."""

from __future__ import annotations

from functools import cache

from simalloc import load, run, theory
from simalloc.course.exercise import Exercise, Mistake

THINK, HOLD = 20_000, 400
"""Cycles, as in the scenario `locks`; SHORT_THINK is exercise 5.1's."""
SHORT_THINK = 10_000
FAR = 240
"""A line transfer in exercise 5.2, cycles."""
ACQUIRE, RELEASE = 19, 14
"""Cycles of spin_lock and spin_unlock in the preset seed-2017."""


def _peak(transfer: float) -> int:
    """Return the number of CPUs at which a ticket lock's closed form is greatest."""

    def throughput(cpus: int) -> float:
        lock = theory.spinlock(cpus, THINK + ACQUIRE, HOLD + RELEASE, theory.ticket(transfer), transfer)
        return lock.throughput

    return max(range(1, 61), key=throughput)


@cache
def _allocation(cpus: int) -> float:
    """Return the simulated time of an allocation on so many CPUs of the Ice Lake node, ns."""
    short = ["workload.pages=8192", "workload.modes=[bulk]", "replications=1", "published=null"]
    result = run(load("linux-alloc-bench-2023", [*short, f"sweep={{machine.cpus: [{cpus}]}}"]))
    return float(result.select(metric="alloc")[0]["value"])


EXERCISES = (
    Exercise(
        "5.1",
        truth=lambda: theory.saturation(SHORT_THINK, [HOLD]),
        unit="CPUs",
        because="Half the think time, about half the CPUs: each comes back to the lock twice as soon.",
        hint="`(Z + S) / S`, or `theory.saturation`.",
        mistakes=[
            Mistake(lambda: SHORT_THINK / HOLD, "The holder is a CPU too: `(Z + S) / S`."),
            Mistake(lambda: theory.saturation(THINK, [HOLD]), "That is with 20,000 cycles of thinking."),
        ],
    ),
    Exercise(
        "5.2",
        truth=lambda: _peak(FAR),
        unit="CPUs",
        because="A line that takes twice as long to move brings the collapse forward by a quarter.",
        hint="Take the number of CPUs at which the curve is greatest.",
        mistakes=[
            Mistake(lambda: _peak(FAR / 2), "That is with 120 cycles."),
            Mistake(
                lambda: round(theory.collapse_point(THINK, HOLD, FAR) or 0),
                "That is the estimate; the exact curve peaks a little before it.",
            ),
        ],
    ),
    Exercise(
        "5.3",
        truth=lambda: _allocation(16),
        unit="ns",
        within=0.1,
        because="The lock is full: its time per allocation, times the CPUs. The rest is the queue's hand-overs.",
        hint="Beyond saturation an allocation takes as many lock times as there are CPUs.",
        mistakes=[
            Mistake(
                lambda: 16 * _allocation(1),
                "You multiplied the whole time of one CPU; only the lock is shared, own work runs side by side.",
            ),
            Mistake(lambda: _allocation(1), "That would be so if nobody waited."),
        ],
    ),
)
