"""Spinlocks: one wait queue, ops to take and give. Who is next and what a hand-over costs is the lock's kind.

The caller masks what it must before it asks, as `spin_lock_irqsave` does: interrupts stay as they are while it spins.
"""

from __future__ import annotations

from collections import deque
from random import Random
from typing import TYPE_CHECKING

from simpy.events import Event

from simalloc.machine.lock_kinds import LOCK_KINDS, LockKind
from simalloc.machine.rules import RuleBroken
from simalloc.machine.step import Step

if TYPE_CHECKING:
    from simalloc.machine.cpu import Cpu, Events
    from simalloc.machine.machine import Machine

Waiter = tuple["Cpu", Event]
"""Who waits, and what wakes it."""

QSPINLOCK = LOCK_KINDS["qspinlock"]


class SpinLock:
    """A spinlock with its steps.

    `acquire_step` and `release_step` are paid with the lock's line at hand. A free lock that another CPU held last
    costs that line's transfer, one that is handed over what its kind says; `lines` more cache lines, which the lock
    protects, come with it wherever the holder changes. `seed` is for kinds that draw who is next.
    """

    def __init__(
        self,
        machine: Machine,
        name: str,
        acquire: Step,
        release: Step,
        *,
        lines: float = 0,
        kind: LockKind = QSPINLOCK,
        seed: int = 0,
    ) -> None:
        self.machine = machine
        self.name = name
        self.acquire_step = acquire
        self.release_step = release
        self.lines = lines
        self.kind = kind
        self.random = Random(seed)
        self.holder: Cpu | None = None
        self.last_holder: Cpu | None = None
        self.held_since = 0
        self.in_transit = False
        self._handover: dict[int, int] = {}
        self.waiters: deque[Waiter] = deque()
        self.asking: set[int] = set()
        self.set_aside: deque[Waiter] = deque()
        self.local_handovers = 0
        self.acquire = Acquire(self)
        self.trylock = TryAcquire(self)
        self.release = Release(self)

    def is_wanted(self) -> bool:
        """Whether somebody waits."""
        return bool(self.waiters or self.set_aside)

    def lines_from(self, last: Cpu | None, cpu: Cpu, lines: float) -> int:
        """Return the cycles `cpu` needs to fetch so many lines that `last` wrote last."""
        if last is None or last is cpu:
            return 0
        return round(self.machine.topology.transfer(last.index, cpu.index) * lines)

    def hand_over(self, releaser: Cpu, held: int) -> None:
        """Choose the next owner and wake it; it fetches what it needs itself."""
        chosen, woken = self.kind.take_next(self, releaser)
        self.holder = chosen
        self.in_transit = True
        self._handover[chosen.index] = self.kind.handover(self, releaser, chosen, held)
        self.machine.fire(woken, chosen)

    def wait_in(self, cpu: Cpu) -> Events[None]:
        """Queue, and spin until the lock has come to `cpu`; anew if another overtakes it on the last way."""
        self.asking.add(cpu.index)
        while True:
            woken = Event(self.machine.env)
            self.waiters.append((cpu, woken))
            yield from cpu.wait(woken, self.machine.spin_step)
            handover = self._handover.pop(cpu.index)
            if handover:
                yield from cpu.charge(self.machine.transfer_step, handover)
                yield from cpu.sync()
            if self.holder is None:
                # Who overtook has come and gone.
                self.holder = cpu
            if self.holder is cpu:
                break
        self.in_transit = False
        self.asking.discard(cpu.index)

    def __repr__(self) -> str:
        holder = f"cpu {self.holder.index}" if self.holder else "free"
        return f"<SpinLock {self.name}: {holder}, {len(self.waiters) + len(self.set_aside)} waiting>"


class Acquire:
    """Op: take the lock, spinning until it is granted."""

    __slots__ = ("lock",)

    def __init__(self, lock: SpinLock) -> None:
        self.lock = lock

    def perform(self, cpu: Cpu) -> Events[None]:
        """Try at the end of the acquire step; if it is taken, queue, and spin until the releaser grants it.

        A waiter whose interrupts are on serves them; the lock may be granted meanwhile, and is then held while the
        handler runs on. Raises RuleBroken if this CPU holds the lock or waits for it already: nobody would release it.
        """
        lock = self.lock
        yield from cpu.charge(lock.acquire_step)
        yield from cpu.sync()
        if lock.holder is None or (lock.in_transit and lock.kind.overtakes(lock, cpu)):
            yield from _take(lock, cpu)
            return
        asked = cpu.clock
        if lock.holder is cpu or cpu.index in lock.asking:
            raise RuleBroken(
                f"cpu {cpu.index} at cycle {asked} in {cpu.context.label} ({cpu.site or 'unnamed code'}) asks for "
                f"{lock!r}, which it {'waits for' if cpu.index in lock.asking else 'holds'} already: deadlock"
            )
        for saw in cpu.machine.hooks.lock_waiting:
            saw(cpu, lock, lock.holder)
        yield from lock.wait_in(cpu)
        lock.held_since = cpu.clock
        yield from _enter(lock, cpu, cpu.clock - asked, contended=True)


class TryAcquire:
    """Op: take the lock if it is free; gives True, or False at once if it is not."""

    __slots__ = ("lock",)

    def __init__(self, lock: SpinLock) -> None:
        self.lock = lock

    def perform(self, cpu: Cpu) -> Events[bool]:
        """Try at the end of the acquire step. A try that fails has fetched the lock's line from its holder."""
        lock = self.lock
        yield from cpu.charge(lock.acquire_step)
        yield from cpu.sync()
        if lock.holder is None:
            yield from _take(lock, cpu)
            return True
        yield from cpu.charge(cpu.machine.transfer_step, lock.lines_from(lock.holder, cpu, 1))
        return False


class Release:
    """Op: give the lock to whoever its kind says is next, if anybody waits."""

    __slots__ = ("lock",)

    def __init__(self, lock: SpinLock) -> None:
        self.lock = lock

    def perform(self, cpu: Cpu) -> Events[None]:
        """Let go at the end of the release step. Raises RuleBroken if another CPU, or none, holds the lock."""
        lock = self.lock
        yield from cpu.charge(lock.release_step)
        yield from cpu.sync()
        if lock.holder is not cpu or lock.in_transit:
            raise RuleBroken(f"cpu {cpu.index} at cycle {cpu.clock} released {lock!r}, which it does not hold")
        delay = lock.kind.release_delay(lock, cpu)
        if delay:
            yield from cpu.charge(cpu.machine.transfer_step, delay)
            yield from cpu.sync()
        held = cpu.clock - lock.held_since
        cpu.note_lock_time(0, held)
        for saw in cpu.machine.hooks.lock_released:
            saw(cpu, lock, held)
        lock.last_holder = cpu
        lock.holder = None
        if lock.is_wanted():
            lock.hand_over(cpu, held)


def _take(lock: SpinLock, cpu: Cpu) -> Events[None]:
    """Take a lock that is free, or on its way to another: its line comes from who had it last."""
    lock.holder = cpu
    lock.in_transit = False
    lock.held_since = cpu.clock
    yield from _enter(lock, cpu, 0, contended=False)


def _enter(lock: SpinLock, cpu: Cpu, waited: int, *, contended: bool) -> Events[None]:
    """Tell who watches, and fetch the lines that come with the lock.

    The holder changes shared state next; those who look at it without the lock see it when it happens.
    """
    cpu.note_lock_time(waited, 0)
    for saw in cpu.machine.hooks.lock_acquired:
        saw(cpu, lock, waited, contended)
    fetch = lock.lines_from(lock.last_holder, cpu, lock.lines + (lock.kind.line_moves and not contended))
    if fetch:
        yield from cpu.charge(cpu.machine.transfer_step, fetch)
        yield from cpu.sync()
