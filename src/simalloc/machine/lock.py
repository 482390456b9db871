"""Spinlocks: one FIFO wait queue, and ops to take and give.

Linux v4.10 (ea57485af8f4), kernel/locking/qspinlock.c grants in order of arrival but for one fast-path overtake; here
the order is plain FIFO. What a hand-over costs is the lock's, not its user's: `transfer` cycles for the lock's cache
line whenever the new holder is not the CPU that held it last.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from simpy.events import Event

from simalloc.machine.cpu import RuleBroken
from simalloc.machine.step import Step

if TYPE_CHECKING:
    from simalloc.machine.cpu import Cpu, Events


class SpinLock:
    """A spinlock with its steps.

    `acquire_step` and `release_step` are paid with the lock's line at hand, `transfer_step` when another CPU has it.
    The caller masks what it must before it asks, as `spin_lock_irqsave` does: interrupts stay as they are while it
    spins.
    """

    def __init__(self, name: str, acquire: Step, release: Step, transfer: Step) -> None:
        self.name = name
        self.acquire_step = acquire
        self.release_step = release
        self.transfer_step = transfer
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
        """Try at the end of the acquire step; if it is taken, queue, and spin until the releaser grants it."""
        lock = self.lock
        yield from cpu.charge(lock.acquire_step)
        yield from cpu.sync()
        asked = cpu.clock
        contended = lock.holder is not None
        if contended:
            granted = Event(cpu.machine.env)
            lock.waiters.append((cpu, granted))
            yield granted
            cpu.clock = cpu.machine.now
            cpu.tally[cpu.machine.spin_step.index] += cpu.clock - asked
        else:
            lock.holder = cpu
        lock.held_since = cpu.clock
        for saw in cpu.machine.hooks.lock_acquired:
            saw(cpu, lock, cpu.clock - asked, contended)
        if lock.last_holder is not None and lock.last_holder is not cpu:
            yield from cpu.charge(lock.transfer_step)


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
        for saw in cpu.machine.hooks.lock_released:
            saw(cpu, lock, cpu.clock - lock.held_since)
        lock.last_holder = cpu
        lock.holder = None
        if lock.waiters:
            lock.holder, granted = lock.waiters.popleft()
            granted._ok = True
            granted._value = None
            cpu.machine.env.schedule(granted, cpu.machine.rank(lock.holder), 0)
