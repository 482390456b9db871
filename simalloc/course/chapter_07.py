"""Exercises of notebook 7, break it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from simalloc import build, load, lockdep
from simalloc.course.exercise import Exercise, Mistake
from simalloc.machine import Activity, Machine, Program, Sleep, SpinLock
from simalloc.measure import Broken, Lockdep, Report


@cache
def report(name: str) -> Report:
    """Return the report with which a shipped scenario of a mistake ends."""
    (found,) = lockdep(load(name)).values()
    return found


def rule_of(*orders: str) -> str:
    """Return the rule that CPUs break which take locks in these orders, one letter a lock; `none` if none is broken.

    CPU i takes those of `orders[i]`, works, and lets go, long after CPU i - 1 has: they never meet.
    """
    machine = Machine(len(orders), instruments=[Lockdep()])
    step = machine.steps.define("lock, work or unlock", Activity.LOCK, 100)
    locks = {name: SpinLock(machine, name, step, step) for name in sorted(set("".join(orders)))}

    def program(number: int, taken: Sequence[SpinLock]) -> Program[None]:
        yield Sleep(100_000 * number)
        for lock in taken:
            yield lock.acquire
        yield step
        for lock in reversed(taken):
            yield lock.release

    try:
        machine.run([program(i, [locks[name] for name in order]) for i, order in enumerate(orders)])
    except Broken as broken:
        return broken.report.rule
    return "none"


def bh_disable_is_clean() -> bool:
    """Whether bottom halves off, as the patch of March 2017 has it, suffices where softirqs use the lists."""
    workload = {"kind": "nic-rx", "queues": 2, "queue_gbits": 4, "milliseconds": 1, "warmup_ms": 0}
    machine = {"preset": "nic-2017", "cpus": 2}
    return not lockdep(build({"name": "bh", "machine": machine, "allocator": "bh-disable", "workload": workload}))


EXERCISES = (
    Exercise(
        "7.1",
        truth=lambda: "softirqs" if bh_disable_is_clean() else "hardirqs",
        because="With bottom halves off no softirq comes in between. That is the patch of 27 March 2017, `bh-disable`.",
        hint="Which of them lets a softirq in? See the masks in the report.",
        mistakes=[
            Mistake(lambda: "preemption", "It is off already: that keeps other tasks away, not interrupts."),
            Mistake(
                lambda: "hardirqs",
                "That would do too, as v4.10 does it, but it is more than needed, and costs an IRQ save per page.",
            ),
        ],
    ),
    Exercise(
        "7.2",
        truth=lambda: float(report("in-irq-2017").sides[1].cycle),
        unit="cycles",
        because="Until then only tasks had used a list, which proves nothing.",
        hint="The report has two sides, in order of time.",
        mistakes=[
            Mistake(lambda: float(report("in-irq-2017").sides[0].cycle), "That is the task, with the first page.")
        ],
    ),
    Exercise(
        "7.3",
        truth=lambda: rule_of("gab", "gba"),
        because="Whoever takes a and b has g, so never both at once. The kernel's own lockdep would warn all the same.",
        hint="Ask which two CPUs could hold a and b at the same time.",
        mistakes=[Mistake(lambda: rule_of("ab", "ba"), "That is so without g.")],
    ),
    Exercise(
        "7.4",
        truth=lambda: report("plain-lock-v6.2").rule,
        because="The lock is held with softirqs on, and a softirq waits for it: on its own CPU, for ever.",
        hint="The scenario is plain-lock-v6.2; `report.rule` has the name.",
        mistakes=[Mistake(lambda: "lock-order", "There is one lock only, and no order to invert.")],
    ),
)
