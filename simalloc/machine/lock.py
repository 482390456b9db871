"""Spinlocks: one wait queue, ops to take and give. Who is next and what a hand-over costs is the lock's kind.

The caller masks what it must before it asks, as `spin_lock_irqsave` does: interrupts stay as they are while it spins.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from random import Random
from typing import TYPE_CHECKING

from simpy.events import Event

from simalloc.machine.context import IDLE
from simalloc.machine.deadlock import check_for_ring
from simalloc.machine.interrupts import FOREVER
from simalloc.machine.lock_class import LockClass
from simalloc.machine.lock_kinds import LOCK_KINDS, LockKind
from simalloc.machine.lock_ops import Acquire, Release, TryAcquire
from simalloc.machine.rules import RuleBroken, TimeUp
from simalloc.machine.step import Step

if TYPE_CHECKING:
    from simalloc.machine.cpu import Cpu
    from simalloc.machine.machine import Machine
    from simalloc.machine.op import Events

Waiter = tuple["Cpu", Event]
"""Who waits, and what wakes it."""

QSPINLOCK = LOCK_KINDS["qspinlock"]


class SpinLock:
    """A spinlock with its steps.

    `acquire_step` and `release_step` are paid with the lock's line at hand. A free lock that another CPU held last
    costs that line's transfer, one that is handed over what its kind says; `lines` more cache lines, which the lock
    protects, come with it wherever the holder changes. `seed` is for kinds that draw who is next. Locks made under one
    name are of one class; `of` says which object this one protects, such as a zone. `taken_in` and `taken_by` are the
    function and the context that took it last. `is_private`: it has been taken as one that no other CPU asks for.
    """

    def __init__(
        self,
        machine: Machine,
        name: str | LockClass,
        acquire: Step,
        release: Step,
        *,
        lines: float = 0,
        kind: LockKind = QSPINLOCK,
        seed: int = 0,
        of: str = "",
    ) -> None:
        self.machine = machine
        self.lock_class = machine.lock_class(name) if isinstance(name, str) else name
        self.name = self.lock_class.name
        self.of = of
        self.taken_in = ""
        self.taken_by = IDLE
        self.acquire_step = acquire
        self.release_step = release
        self.lines = lines
        self.kind = kind
        self.random = Random(seed)
        self.holder: Cpu | None = None
        self.last_holder: Cpu | None = None
        self._released_at = 0, -1
        self.held_since = 0
        self.in_transit = False
        self._to_fetch: dict[int, int] = {}
        self._fetched: dict[int, int] = {}
        self.waiters: deque[Waiter] = deque()
        self.coming: list[tuple[int, int, Waiter]] = []
        self.asking: set[int] = set()
        self.set_aside: deque[Waiter] = deque()
        self.local_handovers = 0
        self.is_private = False
        self.acquire = Acquire(self)
        self.trylock = TryAcquire(self)
        self.release = Release(self)

    # A lock that no other CPU asks for: no line moves, and nobody waits

    def take_alone(self, cpu: Cpu, *, tried: bool = True) -> bool:
        """Take a lock that only this CPU asks for, unless what a handler interrupts holds it; who asks has paid."""
        for saw in self.machine.hooks.lock_asked:
            saw(cpu, self, tried)
        if self.holder is not None:
            if not tried:
                cpu.begin_wait(self)
                check_for_ring(cpu)
            return False
        self.holder = cpu
        self.held_since = cpu.clock
        self.is_private = True
        self.taken_in, self.taken_by = cpu.site, cpu.context
        cpu.note_lock(self)
        for saw in self.machine.hooks.lock_acquired:
            saw(cpu, self, 0, False)
        return True

    def give_alone(self, cpu: Cpu) -> None:
        """Let go of it."""
        self.check_held_by(cpu)
        self._end_hold(cpu, cpu.clock - self.held_since)
        self.holder = None

    def is_wanted(self) -> bool:
        """Whether somebody waits."""
        return bool(self.waiters or self.set_aside)

    def lines_from(self, last: Cpu | None, cpu: Cpu, lines: float) -> int:
        """Return the cycles `cpu` needs to fetch so many lines that `last` wrote last."""
        if last is None or last is cpu:
            return 0
        return round(self.machine.topology.transfer(last.index, cpu.index) * lines)

    def take(self, cpu: Cpu) -> Events[None] | None:
        """Take the lock, which is free or on its way to another: its line comes from who had it last."""
        self.holder = cpu
        self.in_transit = False
        self.held_since = cpu.clock
        return self.enter(cpu, 0, contended=False)

    def enter(self, cpu: Cpu, waited: int, *, contended: bool) -> Events[None] | None:
        """Tell who watches, and fetch the lines that come with the lock.

        The holder changes shared state next; those who look at it without the lock see it when it happens.
        """
        self.taken_in, self.taken_by = cpu.site, cpu.context
        cpu.note_lock(self)
        for saw in self.machine.hooks.lock_acquired:
            saw(cpu, self, waited, contended)
        fetch = self.lines_from(self.last_holder, cpu, self.lines + (self.kind.line_moves and not contended))
        return cpu.fetch(fetch) if fetch else None

    def hand_over(self, releaser: Cpu, held: int) -> None:
        """Choose the next owner and wake it. It fetches what it needs itself, or is woken when it has."""
        machine = self.machine
        chosen, woken = self.kind.take_next(self, releaser)
        self.holder = chosen
        self.in_transit = True
        if chosen.waits[-1].lock is not self:
            check_for_ring(chosen)
        handover = self.kind.handover(self, releaser, chosen, held)
        ahead = releaser.clock - machine.now
        if not self.kind.may_be_overtaken and self._is_undisturbed((chosen, woken), releaser.clock + handover):
            self._fetched[chosen.index] = handover
            machine.fire(woken, chosen, ahead + handover)
        else:
            self._to_fetch[chosen.index] = handover
            machine.fire(woken, chosen, ahead)

    def _is_undisturbed(self, waiter: Waiter, until: int) -> bool:
        """Whether a CPU that queues is spinning, in no handler, and nothing can come to it before cycle `until`."""
        cpu, woken = waiter
        return cpu.waits_for is woken and until <= cpu.horizon and self.machine.lookahead is None

    def wait_in(self, cpu: Cpu) -> Events[None]:
        """Queue, and spin until the lock has come to `cpu`; anew if another overtakes it on the last way."""
        self.asking.add(cpu.index)
        while True:
            woken = Event(self.machine.queue)
            self.admit(cpu.clock, cpu.index)
            self.waiters.append((cpu, woken))
            yield from self._be_woken(cpu, woken)
            if self.holder is None:
                # Who overtook has come and gone.
                self.holder = cpu
            if self.holder is cpu:
                break
        self.in_transit = False
        self.asking.discard(cpu.index)

    def _be_woken(self, cpu: Cpu, woken: Event) -> Events[None]:
        """Spin until the event, and fetch the lock's line, if that has not been done in the time."""
        yield from cpu.wait(woken, self.machine.spin_step)
        if (events := self._settle(cpu)) is not None:
            yield from events

    def _settle(self, cpu: Cpu) -> Events[None] | None:
        """Count the hand-over of the line as that, if it is over, or let the CPU go through it."""
        fetched = self._fetched.pop(cpu.index, 0)
        if fetched:
            cpu.tally[self.machine.spin_step.index] -= fetched
            cpu.tally[self.machine.transfer_step.index] += fetched
            return None
        to_fetch = self._to_fetch.pop(cpu.index, 0)
        return cpu.fetch(to_fetch) if to_fetch else None

    # Without an event of its own: a CPU that will ask, and one that will let go

    def can_be_asked_ahead(self, cpu: Cpu) -> bool:
        """Whether `cpu`, whose clock is ahead of the others', may say now that it will ask at its clock.

        If the lock is not free until then, it has queued without an event. If it is, it is woken then and asks.
        """
        machine = self.machine
        return (
            self.holder is not None
            and self.holder is not cpu
            and machine.is_foreseeable
            and not self.kind.may_be_overtaken
            and cpu.index not in self.asking
            and cpu.interrupts.next_due() == FOREVER
        )

    def ask_ahead(self, cpu: Cpu) -> Events[None]:
        """Take the lock, waiting for it from this CPU's clock on; if it does not come by itself, ask for it then."""
        woken = Event(self.machine.queue)
        heappush(self.coming, (cpu.clock, cpu.index, (cpu, woken)))
        cpu.begin_wait(self)
        check_for_ring(cpu)
        self.asking.add(cpu.index)
        cpu.waits_for = woken
        try:
            yield woken
        except TimeUp:
            cpu.has_waited(self.machine.spin_step, self.machine.until)
            raise
        cpu.has_waited(self.machine.spin_step, self.machine.now)
        if (events := self._settle(cpu)) is not None:
            yield from events
        self.asking.discard(cpu.index)
        waited = cpu.end_wait()
        if self.holder is not cpu:
            yield from self.ask(cpu)
            return
        self.in_transit = False
        self.held_since = cpu.clock
        if (events := self.enter(cpu, waited, contended=True)) is not None:
            yield from events

    def admit(self, cycle: int, cpu: int) -> None:
        """Let those queue who asked before `cpu`'s place in `cycle`."""
        coming = self.coming
        while coming:
            at, index, waiter = coming[0]
            if at > cycle or (at == cycle and index >= cpu):
                return
            heappop(coming)
            self.waiters.append(waiter)

    def let_go_ahead(self, cpu: Cpu) -> bool:
        """Release the lock at this CPU's clock, ahead of the others', if it is settled who is next; say if it was."""
        machine = self.machine
        if not machine.is_foreseeable:
            return False
        self.admit(machine.now, -1)
        if not self.waiters:
            return False
        first, held = self.waiters[0], cpu.clock - self.held_since
        handover = self.kind.settled(self, cpu, first[0], held)
        if handover is None or not self._is_undisturbed(first, cpu.clock + handover):
            return False
        if cpu.clock == first[0].horizon:
            # Whether its interrupt or this release comes first in the cycle, the event queue says.
            return False
        self._end_hold(cpu, held)
        self.hand_over(cpu, held)
        self._released_at = cpu.clock, cpu.index
        return True

    def holder_seen_by(self, cpu: Cpu) -> Cpu | None:
        """Return who has the lock, or will have it next, at this CPU's clock: a release ahead may be to come."""
        return self.last_holder if (cpu.clock, cpu.index) < self._released_at else self.holder

    def let_go(self, cpu: Cpu) -> None:
        """Release the lock, all CPUs having come this far, and hand it over if it is wanted."""
        held = cpu.clock - self.held_since
        self.admit(cpu.clock, cpu.index)
        self._end_hold(cpu, held)
        self.holder = None
        if self.is_wanted():
            self.hand_over(cpu, held)
        elif self.coming:
            at, _, (asker, woken) = heappop(self.coming)
            self.machine.fire(woken, asker, at - cpu.clock)

    def _end_hold(self, cpu: Cpu, held: int) -> None:
        cpu.forget_lock(self)
        for saw in self.machine.hooks.lock_released:
            saw(cpu, self, held)
        self.last_holder = cpu

    def check_held_by(self, cpu: Cpu) -> None:
        """Raise RuleBroken unless it is this CPU that has the lock."""
        if self.holder is not cpu or self.in_transit:
            raise RuleBroken(f"cpu {cpu.index} at cycle {cpu.clock} released {self!r}, which it does not hold")

    def ask(self, cpu: Cpu) -> Events[None]:
        """Take the lock, when all CPUs have come this far, at once or after a wait."""
        yield from cpu.sync()
        if self.holder is None or (self.in_transit and self.kind.overtakes(self, cpu)):
            events = self.take(cpu)
        else:
            for saw in self.machine.hooks.lock_waiting:
                saw(cpu, self, self.holder)
            cpu.begin_wait(self)
            check_for_ring(cpu)
            yield from self.wait_in(cpu)
            waited = cpu.end_wait()
            self.held_since = cpu.clock
            events = self.enter(cpu, waited, contended=True)
        if events is not None:
            yield from events

    def __repr__(self) -> str:
        holder = f"cpu {self.holder.index}" if self.holder else "free"
        return f"<SpinLock {self.name}: {holder}, {len(self.waiters) + len(self.set_aside)} waiting>"
