"""Exercises of notebook 1, a page in cycles."""

from __future__ import annotations

from collections.abc import Mapping

from simalloc.course.exercise import Exercise, Mistake
from simalloc.course.tables import path
from simalloc.runs.explain import Explained

PACKETS = 14.88e6
"""Packets a second on 10 Gbit/s at most: 64-byte frames, 84 bytes each on the wire."""
CLOCK = 4.0e9
PLAIN = {"irq_save": 3.0, "irq_restore": 4.0}
"""Cycles of CLI and STI, as a pair 7."""


def _hits(costs: Mapping[str, float] | None = None) -> list[Explained]:
    return [path("v4.10", start, costs=costs) for start in ("alloc, pcp hit", "free, below high")]


def _cycles(costs: Mapping[str, float] | None = None) -> int:
    return sum(each.cycles for each in _hits(costs))


def _masking(paths: list[Explained]) -> int:
    return sum(each.cycles for shown in paths for each in shown.steps if each.step.activity.value == "mask/unmask")


EXERCISES = (
    Exercise(
        "1.1",
        truth=lambda: _hits()[1].irqs_off,
        unit="cycles",
        because="The step that masks does not count, the step that unmasks does. At 4 GHz that is under 10 ns.",
        hint="Add the steps of the free that are marked as masked in the table.",
        mistakes=[
            Mistake(
                lambda: _hits()[1].irqs_off + next(e.cycles for e in _hits()[1].steps if e.step.name == "irq_save"),
                "You counted `irq_save`; interrupts are off only when it has ended.",
            ),
            Mistake(lambda: _hits()[0].irqs_off, "That is the allocation; the question is about the free."),
        ],
    ),
    Exercise(
        "1.2",
        truth=lambda: _cycles(PLAIN),
        unit="cycles",
        because="Less than the series: with CLI and STI (7), masking beats turning preemption off and on (11).",
        hint="Give `costs={'irq_save': 3, 'irq_restore': 4}` to `course.path`, and add an allocation and a free.",
        mistakes=[
            Mistake(lambda: (_cycles() + _cycles(PLAIN)) / 2, "Both calls have a pair; you changed one."),
            Mistake(
                lambda: _cycles({"irq_restore": PLAIN["irq_restore"]}),
                "You changed `irq_restore` alone; the pair is 7 with an `irq_save` of 3.",
            ),
        ],
    ),
    Exercise(
        "1.3",
        truth=lambda: 100 * _masking(_hits()) * PACKETS / CLOCK,
        unit="%",
        within=0.02,
        because="More than a quarter of a CPU, to protect a list that nobody else wanted. Hence the series.",
        hint="Cycles of masking for a page, times packets a second, over cycles a second.",
        mistakes=[
            Mistake(
                lambda: 100 * _cycles() * PACKETS / CLOCK,
                "That is the whole allocation and free; count the steps that mask and unmask only.",
            ),
            Mistake(
                lambda: 50 * _masking(_hits()) * PACKETS / CLOCK,
                "A page is allocated *and* freed; each call has a pair.",
            ),
        ],
    ),
)
