"""Which rule was broken, by which paths: the reports of `check`, worded as the kernel words its own.

Linux v4.10 (ea57485af8f4), kernel/locking/lockdep.c: print_usage_bug, print_circular_bug, print_deadlock_bug.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from simalloc.machine import Context, Cpu, RuleBroken, SpinLock
from simalloc.machine.deadlock import named

RULER = 58


@dataclass(frozen=True, slots=True)
class Side:
    """One of the paths that break a rule together: what it does, where, and the steps that led there.

    `masks` says what is off: `hardirqs off`, `softirqs off`, `preemption off`. `locks` are those held, outermost first.
    """

    does: str
    cpu: int
    cycle: int
    context: str
    function: str
    masks: str
    locks: tuple[str, ...]
    steps: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return it as text."""
        where = f"cpu {self.cpu} at cycle {self.cycle} in {self.context}, {self.function or 'unnamed code'}"
        found = [f"{where} ({self.masks}):", f"  {self.does}"]
        found += [f"  holds {lock}" for lock in self.locks]
        return found + [f"    {step}" for step in self.steps]


@dataclass(frozen=True, slots=True)
class Report:
    """A broken rule. `rule` is its short name; `title` and `finding` say what it is; then the paths, and how it ends.

    Rules: `self-deadlock`, `lock-order`, `irq-unsafe`, `bh-unsafe`, `page-list`, `page`, `atomic-sleep`, `masks`.
    """

    rule: str
    title: str
    finding: tuple[str, ...]
    sides: tuple[Side, ...]
    scenario: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the report as a kernel would print it."""
        lines = ["=" * RULER, self.title, "-" * RULER, *self.finding]
        for side in self.sides:
            lines += ["", *side.lines()]
        if self.scenario:
            lines += ["", *self.scenario]
        return "\n".join([*lines, "=" * RULER])

    def row(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {**asdict(self), "text": self.text()}


class Broken(RuleBroken):
    """A rule was broken; `report` says by whom."""

    def __init__(self, report: Report) -> None:
        # SimPy makes such an exception anew from its arguments: the report must be the only one.
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return f"rule {self.report.rule} is broken\n{self.report.text()}"


def masks(cpu: Cpu) -> str:
    """Return what is off on this CPU."""
    off = [
        name
        for name, depth in (
            ("hardirqs", cpu.irq_depth),
            ("softirqs", cpu.bh_depth),
            ("preemption", cpu.preempt_depth + len(cpu.held)),
        )
        if depth
    ]
    return f"{', '.join(off)} off" if off else "nothing off"


def side(cpu: Cpu, does: str, steps: Sequence[str] = ()) -> Side:
    """Return what this CPU does now, as one side of a report."""
    locks = tuple(_held(lock) for frame in (*cpu.below, cpu.held) for lock in frame)
    return Side(does, cpu.index, cpu.clock, cpu.context.label, cpu.site, masks(cpu), locks, tuple(steps))


def _held(lock: SpinLock) -> str:
    where = f"{lock.taken_in or 'unnamed code'} ({lock.taken_by.label})"
    return f"{named(lock)}, taken at cycle {lock.held_since} in {where}"


def state(context: Context, *, used: bool) -> str:
    """Return lockdep's name of a usage state: of a lock used in such interrupts, or held with them on."""
    return f"IN-{context.name}-W" if used else f"{context.name}-ON-W"
