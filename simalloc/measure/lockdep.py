"""lockdep: learns in which order and in which contexts locks and page lists are used, and reports what can go wrong.

After Linux v4.10 (ea57485af8f4), kernel/locking/lockdep.c. Like it, this goes by what can happen and not by what does:
classes stand for all their locks, and paths that were seen may run at once, on any CPU, with an interrupt wherever
their masks let one in. The first broken rule ends the run with a report.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simalloc.machine import Context, Cpu, Instrument, LockClass, SpinLock, Step
from simalloc.machine.deadlock import named
from simalloc.measure.broken import Broken, Report, Side, side
from simalloc.measure.list_use import ListUse
from simalloc.measure.lock_order import Edge, LockOrder
from simalloc.measure.unsafe import order_report, recursion_report, unsafe_report

INTERRUPTS = (Context.SOFTIRQ, Context.HARDIRQ, Context.NMI)

DEEPEST = 8
"""Masks of one kind on top of each other that a program may have; more were not restored."""


@dataclass(frozen=True, slots=True)
class Use:
    """A lock asked for in an interrupt, or held where one may come; `guards` are all locks held then."""

    lock: SpinLock
    guards: frozenset[SpinLock]
    side: Side


@dataclass(slots=True)
class Entry:
    """The masks with which a CPU entered a context."""

    context: Context
    irqs: int
    bh: int
    preempt: int


class Lockdep(Instrument):
    """Raises Broken, with the report, at the first rule that is broken."""

    def __init__(self) -> None:
        self._seen: set[tuple[Any, ...]] = set()
        self._order = LockOrder()
        self._nested = LockOrder()
        self._used: dict[Context, list[Use]] = {context: [] for context in INTERRUPTS}
        self._enabled: dict[Context, list[Use]] = {context: [] for context in INTERRUPTS}
        self._lists = ListUse()
        self._entries: dict[int, list[Entry]] = {}

    def steps_of(self, cpu: Cpu) -> Sequence[str]:  # noqa: ARG002
        """Return the last steps of this CPU's context, as text: here nobody has written them down."""
        return ()

    # Locks

    def lock_asked(self, cpu: Cpu, lock: SpinLock, tried: bool) -> None:
        """Learn from it, if nobody has asked like this before."""
        key = (lock, tried, cpu.context, cpu.irq_depth > 0, cpu.bh_depth > 0, cpu.serving_softirq, *cpu.held)
        if key not in self._seen:
            self._seen.add(key)
            self._learn(cpu, lock, tried=tried)

    def _learn(self, cpu: Cpu, lock: SpinLock, *, tried: bool) -> None:
        what = "tries" if tried else "asks for"
        asks = side(cpu, f"{what} {named(lock)}", self.steps_of(cpu))
        held = frozenset(cpu.held)
        if not tried:
            if lock in held:
                raise Broken(recursion_report(lock, asks))
            for other in cpu.held:
                self._ordered(other, lock, held, asks)
            if cpu.context in INTERRUPTS:
                self._used_in(cpu.context, Use(lock, held, asks))
        self._held_with_interrupts_on(cpu, lock, held | {lock}, asks)

    def _ordered(self, first: SpinLock, second: SpinLock, held: frozenset[SpinLock], asks: Side) -> None:
        if first.lock_class is second.lock_class:
            ring = self._nested.add(Edge(first, second, held, (asks,)))
        else:
            ring = self._order.add(Edge(first.lock_class, second.lock_class, held, (asks,)))
        if ring:
            raise Broken(order_report(ring))

    def _used_in(self, context: Context, use: Use) -> None:
        """Note a lock asked for in an interrupt: whatever may be held when one comes comes before it."""
        if _is_new(use, self._used[context]):
            self._used[context].append(use)
            for holds in self._enabled[context]:
                self._interrupted(context, holds, use)

    def _held_with_interrupts_on(self, cpu: Cpu, lock: SpinLock, guards: frozenset[SpinLock], holds: Side) -> None:
        """Note a lock that is held where interrupts may come."""
        for context in _may_come(cpu):
            use = Use(lock, guards, holds)
            if _is_new(use, self._enabled[context]):
                self._enabled[context].append(use)
                for asks in self._used[context]:
                    self._interrupted(context, use, asks)

    def _interrupted(self, context: Context, holds: Use, asks: Use) -> None:
        """Add the edge of an interrupt that comes while a lock is held and asks for another, or for that one."""
        if holds.guards & asks.guards:
            return
        source, target = holds.lock.lock_class, asks.lock.lock_class
        edge = Edge(source, target, holds.guards | asks.guards, (holds.side, asks.side), context)
        ring = self._order.add(edge)
        if ring:
            raise Broken(unsafe_report(ring) if len(ring) == 1 else order_report(ring))

    def irqs_window(self, cpu: Cpu, start: int, end: int, waited: int, held: int, times: int) -> None:  # noqa: ARG002
        """Interrupts are on again: locks that are still held are now held with them on."""
        if cpu.held:
            self._unmasked(cpu)

    def bh_window(self, cpu: Cpu, start: int, end: int, times: int) -> None:  # noqa: ARG002
        """Bottom halves are on again."""
        if cpu.held:
            self._unmasked(cpu)

    def _unmasked(self, cpu: Cpu) -> None:
        key = ("unmasked", cpu.context, cpu.irq_depth > 0, cpu.bh_depth > 0, *cpu.held)
        if key not in self._seen:
            self._seen.add(key)
            guards = frozenset(cpu.held)
            for lock in cpu.held:
                holds = side(cpu, f"unmasks with {named(lock)} held", self.steps_of(cpu))
                self._held_with_interrupts_on(cpu, lock, guards, holds)

    # Page lists

    def pcp_used(self, cpu: Cpu, pcp: Any) -> None:
        """Learn under what protection the list is used, if nobody has used it like this before."""
        key = (pcp, cpu.index, cpu.context, cpu.irq_depth > 0, cpu.bh_depth > 0, cpu.preempt_depth > 0, *cpu.held)
        if key not in self._seen:
            self._seen.add(key)
            report = self._lists.use(cpu, pcp, side(cpu, "changes a pcp list", self.steps_of(cpu)))
            if report is not None:
                raise Broken(report)

    # Sleeping and waiting

    def waiting(self, cpu: Cpu, what: str, sleeps: bool) -> None:
        """Raise Broken if this CPU may not."""
        atomic = bool(cpu.irq_depth) or (sleeps and bool(cpu.held or cpu.preempt_depth or cpu.bh_depth))
        in_interrupt = sleeps and cpu.context in INTERRUPTS
        if not atomic and not in_interrupt:
            return
        does = side(cpu, f"would {what}", self.steps_of(cpu))
        if in_interrupt:
            title = "BUG: sleeping function called from invalid context"
        elif sleeps:
            title = "BUG: scheduling while atomic"
        else:
            title = "WARNING: waiting for other CPUs with interrupts disabled"
        finding = (f"cpu {cpu.index} would {what} in {cpu.context.label} context, {does.masks}.",)
        raise Broken(Report("atomic-sleep", title, finding, (does,)))

    # Masks

    def context_switched(self, cpu: Cpu, previous: Context, context: Context) -> None:
        """Remember the masks on the way in; raise Broken if they are others on the way out."""
        entries = self._entries.setdefault(cpu.index, [])
        if (len(entries) > 1 and entries[-2].context is context) or (len(entries) == 1 and context is Context.IDLE):
            entered = entries.pop()
        else:
            own = 1 if context is Context.HARDIRQ and previous is not Context.HARDIRQ else 0
            entries.append(Entry(context, cpu.irq_depth - own, cpu.bh_depth, cpu.preempt_depth))
            return
        now = Entry(entered.context, cpu.irq_depth, cpu.bh_depth, cpu.preempt_depth)
        if now != entered or cpu.held:
            raise Broken(self._masks_report(cpu, entered, now))

    def _masks_report(self, cpu: Cpu, entered: Entry, now: Entry) -> Report:
        names = (("interrupts", "irqs"), ("bottom halves", "bh"), ("preemption", "preempt"))
        changed = [
            f"{name} disabled {getattr(entered, key)} times at its entry and {getattr(now, key)} times at its end"
            for name, key in names
            if getattr(entered, key) != getattr(now, key)
        ]
        changed += [f"{named(lock)} still held, taken at cycle {lock.held_since}" for lock in cpu.held]
        finding = (f"A {entered.context.label} on cpu {cpu.index} has ended with {'; '.join(changed)}.",)
        does = side(cpu, f"ends its {entered.context.label}", self.steps_of(cpu))
        return Report("masks", "WARNING: masks not restored", finding, (does,))

    def call_ended(self, cpu: Cpu) -> None:
        """Raise Broken if masks lie deeper than anybody would put them."""
        if cpu.irq_depth > DEEPEST or cpu.bh_depth > DEEPEST or cpu.preempt_depth > DEEPEST:
            depths = {"interrupts": cpu.irq_depth, "bottom halves": cpu.bh_depth, "preemption": cpu.preempt_depth}
            deep = [f"{name} {depth} times more than enabled" for name, depth in depths.items() if depth > DEEPEST]
            finding = (f"A call of the page allocator on cpu {cpu.index} left {', '.join(deep)} disabled.",)
            does = side(cpu, "ends a call", self.steps_of(cpu))
            raise Broken(Report("masks", "WARNING: masks not restored", finding, (does,)))


def _may_come(cpu: Cpu) -> list[Context]:
    """Return which interrupts may come to this CPU now."""
    context = cpu.context
    if context is Context.NMI:
        return []
    found = [Context.NMI]
    if cpu.irq_depth == 0 and context < Context.HARDIRQ:
        found.append(Context.HARDIRQ)
        if cpu.bh_depth == 0 and context < Context.SOFTIRQ and not cpu.serving_softirq:
            found.append(Context.SOFTIRQ)
    return found


def _is_new(use: Use, known: Sequence[Use]) -> bool:
    """Whether no use of the class is known with as few guards."""
    lock_class: LockClass = use.lock.lock_class
    return not any(each.lock.lock_class is lock_class and each.guards <= use.guards for each in known)


KEPT = 400
SHOWN = 12
"""Steps of a CPU that are kept, and shown of one side."""


class TracingLockdep(Lockdep):
    """The same, with the steps that led to each side: much slower, for the run that prints a report."""

    def __init__(self) -> None:
        super().__init__()
        self._past: dict[int, deque[tuple[int, str]]] = {}

    def step(self, cpu: Cpu, step: Step, times: int, start: int) -> None:
        """Write it down."""
        past = self._past.setdefault(cpu.index, deque(maxlen=KEPT))
        many = f"{times} x " if times > 1 else ""
        past.append((len(cpu.below), f"[{start}] {cpu.context.label} {cpu.site or '-'}: {many}{step.name}"))

    def steps_of(self, cpu: Cpu) -> Sequence[str]:
        """Return the last steps of this CPU's context."""
        depth, found = len(cpu.below), []
        for at, text in reversed(self._past.get(cpu.index, ())):
            if at == depth:
                found.append(text)
            if at < depth or len(found) == SHOWN:
                break
        return found[::-1]
