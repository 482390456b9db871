"""Interrupts of one CPU: hardirqs, NMIs, softirqs, ksoftirqd, work that preempts the task.

Linux v4.10 (ea57485af8f4): kernel/softirq.c (irq_exit, __do_softirq, ksoftirqd), arch/x86 entry. A hardirq is taken at
its very cycle if unmasked, else at the unmask; handlers run with interrupts masked and do not nest. Softirqs run when
the last hardirq returns to a task (or idle) whose bottom halves are on, and at local_bh_enable; they do not nest, are
restarted up to the kernel's limits, and are then left to ksoftirqd.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from simalloc.machine.context import HARDIRQ, NMI, SOFTIRQ, TASK
from simalloc.machine.rules import Placing, Stuck
from simalloc.machine.step import BH_ON, IRQ_ON, PREEMPT_ON_NO_RESCHED, Effect

if TYPE_CHECKING:
    from simalloc.machine.cpu import Cpu
    from simalloc.machine.op import Events, Program

FOREVER: Final = 1 << 60
"""A cycle no simulation reaches. Below 1 << 62, the largest integer that compiled code holds without an object."""

MAX_SOFTIRQ_RESTART: Final = 10
"""Rounds of __do_softirq before it hands over to ksoftirqd. Linux v4.10 (ea57485af8f4)."""

MAX_SOFTIRQ_MS: Final = 2
"""Milliseconds after which it does so too."""

SLICE_MS: Final = 3
"""How long ksoftirqd and a task that wants the CPU run in turns: the minimum granularity of CFS on 8 CPUs."""

STORM: Final = 1_000_000
"""Interrupts in a row that leave a task no cycle, after which a run that has no end of its own is called stuck."""

Handler = Callable[["Cpu"], "Program[None]"]

Place = tuple[int, int, int]
"""Where an arrival stands among those of its cycle: kind of origin, number of the origin, count."""


class Irq:
    """One arrival: its cycle, a name, what its handler does, and where its successor comes from.

    `place` orders arrivals of one cycle: sources as they were attached, then what the CPU announced to itself, then
    IPIs by sender. Not the order of announcement, which would depend on how far local clocks ran ahead.
    """

    __slots__ = ("handler", "name", "place", "time", "times")

    def __init__(
        self, time: int, place: Place, name: str, handler: Handler, times: Iterator[int] | None = None
    ) -> None:
        self.time = time
        self.place = place
        self.name = name
        self.handler = handler
        self.times = times


class Interrupts:
    """What is due on a CPU, what is pending, and what runs it.

    `waiting` is whether anything at all may come or is pending: false costs a CPU nothing.
    """

    def __init__(self, cpu: Cpu) -> None:
        self.cpu = cpu
        self.waiting = False
        self.ksoftirqd_runs = 0
        self._irqs: list[tuple[int, Place, Irq]] = []
        self._nmis: list[tuple[int, Place, Irq]] = []
        self._sources = 0
        self._announced: dict[int, int] = {}
        self._softirqs: dict[int, Handler] = {}
        self._pending: set[int] = set()
        self._ksoftirqd_since: int | None = None
        self._slice_ended = 0
        self._in_ksoftirqd = False
        self._softirq_limit = cpu.machine.milliseconds(MAX_SOFTIRQ_MS)
        self._work: deque[Handler] = deque()
        self._row = 0
        self._row_ended = -1

    # Where interrupts come from

    def attach(self, name: str, times: Iterable[int], handler: Handler, *, nmi: bool = False) -> None:
        """Let interrupts `name` arrive at `times` (cycles, ascending), each running `handler` in hardirq context."""
        iterator = iter(times)
        first = next(iterator, None)
        self._sources += 1
        if first is not None:
            self._push(Irq(first, (0, self._sources, 0), name, handler, iterator), nmi=nmi)

    def raise_at(self, time: int, name: str, handler: Handler, sender: Cpu | None = None) -> None:
        """Let one interrupt arrive at cycle `time`, not before now; from another CPU if `sender` is given."""
        origin = -1 if sender is None else sender.index
        announced = self._announced[origin] = self._announced.get(origin, 0) + 1
        place = (1 if sender is None else 2, origin, announced)
        self._push(Irq(time, place, name, handler), nmi=False)

    def _push(self, irq: Irq, *, nmi: bool) -> None:
        heappush(self._nmis if nmi else self._irqs, (irq.time, irq.place, irq))
        self.waiting = True
        if irq.time < self.cpu.horizon:
            self.cpu.set_horizon()

    def register_softirq(self, number: int, action: Handler) -> None:
        """Say what softirq `number` does; lower numbers run first."""
        self._softirqs[number] = action

    def raise_softirq(self, number: int) -> None:
        """Mark softirq `number` pending on this CPU; called by code that runs on it."""
        self._pending.add(number)
        self.waiting = True
        for saw in self.cpu.machine.hooks.softirq:
            saw(self.cpu, number, "raise")

    def queue_work(self, work: Handler) -> None:
        """Let `work` preempt the task as soon as that may be preempted."""
        self._work.append(work)
        self.waiting = True

    # What is due

    def next_due(self) -> int:
        """Return the cycle of the next interrupt that would be let in under the present mask; FOREVER if none."""
        cpu = self.cpu
        if cpu.context is NMI:
            return FOREVER
        due = self._irqs[0][0] if self._irqs and cpu.irq_depth == 0 else FOREVER
        if self._nmis and self._nmis[0][0] < due:
            due = self._nmis[0][0]
        return due

    def take_due(self) -> Events[None]:
        """Serve every interrupt that is due by now and let in, earliest first."""
        cpu = self.cpu
        while cpu.context is not NMI:
            if self._nmis and self._nmis[0][0] <= cpu.clock:
                yield from self._nmi()
            elif self._irqs and cpu.irq_depth == 0 and self._irqs[0][0] <= cpu.clock:
                yield from self._hardirq()
            else:
                return

    def let_in(self, effect: Effect) -> Events[None] | None:
        """Serve what a lowered mask lets in: hardirqs at the unmask, softirqs at local_bh_enable, work at both.

        None if nothing is due.
        """
        if (
            (effect is IRQ_ON and self.next_due() <= self.cpu.clock)
            or (effect is BH_ON and self._pending)
            or self._work
            or self._ksoftirqd_since is not None
        ):
            return self._let_in(effect)
        return None

    def _let_in(self, effect: Effect) -> Events[None]:
        cpu = self.cpu
        if effect is IRQ_ON and self.next_due() <= cpu.clock:
            yield from self.take_due()
        if effect is BH_ON and self._may_run_softirqs():
            yield from self._do_softirq()
        if effect is not PREEMPT_ON_NO_RESCHED and (self._work or self._ksoftirqd_since is not None):
            yield from self._reschedule()

    # Hardirqs and NMIs

    def _take(self, queue: list[tuple[int, Place, Irq]], *, nmi: bool) -> Irq:
        """Take the first arrival off its queue, put its successor in, and tell observers."""
        cpu = self.cpu
        _, _, irq = heappop(queue)
        following = next(irq.times, None) if irq.times is not None else None
        if following is not None:
            self._push(Irq(following, irq.place, irq.name, irq.handler, irq.times), nmi=nmi)
        self._watch_for_a_storm(irq)
        for saw in cpu.machine.hooks.irq_taken:
            saw(cpu, irq.name, cpu.clock - irq.time)
        return irq

    def _hardirq(self) -> Events[None]:
        cpu, machine = self.cpu, self.cpu.machine
        irq = self._take(self._irqs, nmi=False)
        holding, site = cpu.set_locks_aside(), cpu.site
        previous = cpu.switch(HARDIRQ)
        cpu.site = irq.name
        if not cpu.takes(machine.hardirq_entry):
            yield from cpu.charge(machine.hardirq_entry)
        handler = irq.handler(cpu)
        with Placing(handler):
            yield from cpu.execute(handler)
        if not cpu.takes(machine.hardirq_exit):
            yield from cpu.charge(machine.hardirq_exit)
        cpu.site = irq.name
        cpu.switch(previous)
        cpu.take_locks_up(holding=holding)
        if self._may_run_softirqs():
            yield from self._do_softirq()
        if self._work or self._ksoftirqd_since is not None:
            yield from self._reschedule()
        cpu.site = site
        self._row_ended = cpu.clock

    def _nmi(self) -> Events[None]:
        cpu, machine = self.cpu, self.cpu.machine
        irq = self._take(self._nmis, nmi=True)
        holding, site, previous = cpu.set_locks_aside(), cpu.site, cpu.context
        cpu.site = irq.name
        # Not through `switch`: an NMI neither masks nor unmasks what it interrupts.
        cpu.context, cpu.tally = NMI, cpu.tallies[NMI]
        for saw in machine.hooks.context_switched:
            saw(cpu, previous, NMI)
        cpu.set_horizon()
        yield from cpu.charge(machine.hardirq_entry)
        handler = irq.handler(cpu)
        with Placing(handler):
            yield from cpu.execute(handler)
        yield from cpu.charge(machine.hardirq_exit)
        cpu.context, cpu.tally, cpu.site = previous, cpu.tallies[previous], site
        for saw in machine.hooks.context_switched:
            saw(cpu, NMI, previous)
        cpu.take_locks_up(holding=holding)
        cpu.set_horizon()
        self._row_ended = cpu.clock

    def _watch_for_a_storm(self, irq: Irq) -> None:
        """Raise Stuck if nothing but interrupts has run for very long and the run has no end."""
        cpu = self.cpu
        self._row = self._row + 1 if cpu.clock == self._row_ended else 0
        if self._row >= STORM and cpu.machine.until == FOREVER:
            raise Stuck(
                f"cpu {cpu.index}: {self._row} interrupts in a row, the last {irq.name!r}, left its task no cycle up "
                f"to cycle {cpu.clock}; give the run a duration, or the interrupts a lower rate"
            )

    # Softirqs

    def forbid_strides(self) -> bool:
        """Whether work or ksoftirqd waits for a point where the task may be preempted, or this is an NMI."""
        return self.want_the_task() or self.cpu.context is NMI

    def want_the_task(self) -> bool:
        """Whether work or ksoftirqd waits for a point where the task may be preempted."""
        return bool(self._work) or self._ksoftirqd_since is not None

    def _may_run_softirqs(self) -> bool:
        return bool(self._pending) and self._ksoftirqd_since is None and self._is_preemptible_by_softirq()

    def _is_preemptible_by_softirq(self) -> bool:
        cpu = self.cpu
        return cpu.context < SOFTIRQ and cpu.bh_depth == 0 and cpu.irq_depth == 0

    def _do_softirq(self) -> Events[None]:
        """Run pending softirqs until there are none, or the limits are reached; then wake ksoftirqd."""
        cpu, machine = self.cpu, self.cpu.machine
        holding, site = cpu.set_locks_aside(), cpu.site
        previous = cpu.switch(SOFTIRQ)
        cpu.serving_softirq = True
        began = cpu.clock
        if not cpu.takes(machine.softirq_dispatch):
            yield from cpu.charge(machine.softirq_dispatch)
        for _ in range(MAX_SOFTIRQ_RESTART):
            if self.next_due() <= cpu.clock:
                yield from self.take_due()
            pending = sorted(self._pending)
            self._pending.clear()
            for number in pending:
                for saw in machine.hooks.softirq:
                    saw(cpu, number, "entry")
                handler = self._softirqs[number](cpu)
                with Placing(handler):
                    yield from cpu.execute(handler)
                for saw in machine.hooks.softirq:
                    saw(cpu, number, "exit")
            if not self._pending or cpu.clock - began > self._softirq_limit:
                break
        cpu.site = site
        cpu.serving_softirq = False
        cpu.switch(previous)
        cpu.take_locks_up(holding=holding)
        if self._pending and self._ksoftirqd_since is None:
            self._ksoftirqd_since = cpu.clock

    # The scheduler, as far as it matters here: work items and ksoftirqd share the CPU with the task

    def _reschedule(self) -> Events[None]:
        cpu = self.cpu
        if cpu.preempt_depth or cpu.held or cpu.waits or self._in_ksoftirqd or not self._is_preemptible_by_softirq():
            return
        while self._work or self._ksoftirqd_may_run():
            if self._work:
                holding = cpu.set_locks_aside()
                yield from cpu.run(self._work.popleft()(cpu))
                cpu.take_locks_up(holding=holding)
            else:
                yield from self._run_ksoftirqd()

    def _ksoftirqd_may_run(self) -> bool:
        if self._ksoftirqd_since is None:
            return False
        slice_ = self.cpu.machine.milliseconds(SLICE_MS)
        its_turn = not self._slice_ended or self.cpu.clock - self._slice_ended >= slice_
        return its_turn or not self._task_wants_cpu()

    def _task_wants_cpu(self) -> bool:
        return self.cpu.context is TASK or self.cpu.clock >= self.cpu.wakes_at

    def _run_ksoftirqd(self) -> Events[None]:
        """Give ksoftirqd its slice; all it needs on an idle CPU, else turn and turn about with the task."""
        cpu, slice_ = self.cpu, self.cpu.machine.milliseconds(SLICE_MS)
        began, rounds = cpu.clock, 0
        self._in_ksoftirqd = True
        self.ksoftirqd_runs += 1
        while self._pending and not self._work and not (self._task_wants_cpu() and cpu.clock - began >= slice_):
            yield from self._do_softirq()
            rounds += 1
            if rounds >= STORM // MAX_SOFTIRQ_RESTART and cpu.machine.until == FOREVER:
                raise Stuck(f"cpu {cpu.index}: softirqs raise each other without end, up to cycle {cpu.clock}")
        self._in_ksoftirqd = False
        self._slice_ended = cpu.clock
        if not self._pending:
            self._ksoftirqd_since = None
