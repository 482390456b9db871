"""Who uses the page lists of a CPU, under what protection; and which two uses may meet in the midst of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simalloc.machine import Context, Cpu, LockClass, SpinLock
from simalloc.measure.broken import Report, Side


@dataclass(frozen=True, slots=True)
class Access:
    """A use of a list: in which context, whether it may be interrupted or preempted, and under which locks."""

    context: Context
    hardirqs_on: bool
    softirqs_on: bool
    preemptible: bool
    classes: frozenset[LockClass]
    locks: frozenset[SpinLock]
    side: Side

    def may_be_met_by(self, other: Access) -> bool:
        """Whether `other`, on the same CPU, may come in the midst of this one and find nothing to stop it."""
        if self.classes & other.classes:
            return False
        if other.context is Context.HARDIRQ:
            return self.hardirqs_on and self.context is not Context.HARDIRQ
        if other.context is Context.SOFTIRQ:
            return self.softirqs_on and self.context < Context.SOFTIRQ
        return self.preemptible


class ListUse:
    """All uses so far. A CPU's own uses of its lists are taken together; those by others are held against each list."""

    def __init__(self) -> None:
        self._own: list[Access] = []
        self._of: dict[Any, dict[int, list[Access]]] = {}

    def use(self, cpu: Cpu, pcp: Any, side: Side) -> Report | None:
        """Note a use; return the report if it and another one may meet."""
        hardirqs_on = cpu.irq_depth == 0
        softirqs_on = hardirqs_on and cpu.bh_depth == 0 and not cpu.serving_softirq
        access = Access(
            cpu.context,
            hardirqs_on,
            softirqs_on,
            cpu.context is Context.TASK and softirqs_on and cpu.preempt_depth == 0 and not cpu.held,
            frozenset(lock.lock_class for lock in cpu.held),
            frozenset(cpu.held),
            side,
        )
        users = self._of.setdefault(pcp, {})
        for index, others in users.items():
            for other in others if index != cpu.index else ():
                if not access.locks & other.locks:
                    return _report(other, access, "two CPUs use it without a common lock")
        users.setdefault(cpu.index, []).append(access)
        self._own.append(access)
        for other in self._own:
            for first, second in ((other, access), (access, other)):
                if first.may_be_met_by(second):
                    return _report(first, second, f"a {second.context.label} may come in the midst of a {_what(first)}")
        return None


def _what(access: Access) -> str:
    return f"{access.context.label}'s use ({access.side.masks})"


def _report(first: Access, second: Access, why: str) -> Report:
    if first is second:
        finding = ("the list may be changed by another task that preempts this one: preemption is on.",)
        return Report("page-list", "WARNING: inconsistent use of a page list", finding, (first.side,), ())
    sides = tuple(sorted((first.side, second.side), key=lambda each: (each.cycle, each.cpu)))
    scenario = (
        " Possible unsafe scenario:",
        "",
        "  CPU0",
        "  ----",
        f"  {first.context.label}: changes a pcp list",
        f"  <{second.context.label}>",
        "    changes the same list",
        "",
        " *** CORRUPTED LIST ***",
    )
    return Report("page-list", "WARNING: inconsistent use of a page list", (f"{why}.",), sides, scenario)
