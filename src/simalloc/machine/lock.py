"""Spinlocks: one FIFO wait queue, and ops to take and give.

Linux v4.10 (ea57485af8f4), kernel/locking/qspinlock.c grants in order of arrival but for one fast-path overtake; here
the order is plain FIFO. What a hand-over costs is the lock's, not its user's: line transfers whenever the new holder is
not the CPU that held it last.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from simpy.events import Event

from simalloc.machine.rules import RuleBroken
from simalloc.machine.step import Step

if TYPE_CHECKING:
    from simalloc.machine.cpu import Cpu, Events


class SpinLock:
    """A spinlock with its steps.

    `acquire_step` and `release_step` are paid with the lock's line at hand. When another CPU held it last, `lines`
    cache lines (the lock's own, and what it protects) are fetched, a `transfer_step` each.

    The caller masks what it must before it asks, as `spin_lock_irqsave` does: interrupts stay as they are while it
    spins.
    """

    def __init__(self, name: str, acquire: Step, release: Step, transfer: Step, lines: int = 1) -> None:
        self.name = name
        self.acquire_step = acquire
        self.release_step = release
        self.transfer_step = transfer
        self.lines = lines
        self.holder: Cpu | None = None
        self.last_holder: Cpu | None = None
        self.held_since = 0
        self.waiters: deque[tuple[Cpu, Event]] = deque()
        self.acquire = Acquire(self)
        self.release = Release(self)

    def __repr__(self) -> str:
        holder = f"cpu {self.holder.index}" if self.holder else "free"
        return f"<SpinLock {self.name}: {holder}, {len(self.waiters)} waiting>"


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
        asked = cpu.clock
        contended = lock.holder is not None
        if lock.holder is cpu or any(waiter is cpu for waiter, _ in lock.waiters):
            raise RuleBroken(
                f"cpu {cpu.index} at cycle {asked} in {cpu.context.label} ({cpu.site or 'unnamed code'}) asks for "
                f"{lock!r}, which it {'holds' if lock.holder is cpu else 'waits for'} already: deadlock"
            )
        if contended:
            granted = Event(cpu.machine.env)
            lock.waiters.append((cpu, granted))
            yield from cpu.wait(granted, cpu.machine.spin_step)
        else:
            lock.holder = cpu
            lock.held_since = asked
        waited = lock.held_since - asked
        cpu.note_lock_time(waited, 0)
        for saw in cpu.machine.hooks.lock_acquired:
            saw(cpu, lock, waited, contended)
        if lock.last_holder is not None and lock.last_holder is not cpu:
            yield from cpu.charge(lock.transfer_step, lock.lines)
            # The holder changes shared state next; those who look at it without the lock see it when it happens.
            yield from cpu.sync()


class Release:
    """Op: give the lock to the first waiter, if there is one."""

    __slots__ = ("lock",)

    def __init__(self, lock: SpinLock) -> None:
        self.lock = lock

    def perform(self, cpu: Cpu) -> Events[None]:
        """Let go at the end of the release step. Raises RuleBroken if another CPU, or none, holds the lock."""
        lock = self.lock
        yield from cpu.charge(lock.release_step)
        yield from cpu.sync()
        if lock.holder is not cpu:
            raise RuleBroken(f"cpu {cpu.index} at cycle {cpu.clock} released {lock!r}, which it does not hold")
        held = cpu.clock - lock.held_since
        cpu.note_lock_time(0, held)
        for saw in cpu.machine.hooks.lock_released:
            saw(cpu, lock, held)
        lock.last_holder = cpu
        lock.holder = None
        if lock.waiters:
            lock.holder, granted = lock.waiters.popleft()
            lock.held_since = cpu.clock
            cpu.machine.fire(granted, lock.holder)
