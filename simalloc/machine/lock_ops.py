"""What a program yields to take a spinlock, to try it, and to give it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simalloc.machine.deadlock import check_for_livelock
from simalloc.machine.op import Op
from simalloc.machine.step import PREEMPT_ON

if TYPE_CHECKING:
    from simalloc.machine.cpu import Cpu
    from simalloc.machine.lock import SpinLock
    from simalloc.machine.op import Events


class Acquire(Op):
    """Op: take the lock, spinning until it is granted.

    It is tried at the end of the acquire step. A waiter whose interrupts are on serves them; the lock may be granted
    meanwhile, and is then held while the handler runs on. Raises RuleBroken if this CPU holds the lock or waits for it
    already: nobody would release it.
    """

    __slots__ = ("lock",)

    def __init__(self, lock: SpinLock) -> None:
        self.lock = lock

    def perform(self, cpu: Cpu) -> Events[None] | None:
        """Take it; at once, without an event, if it is free and nobody else is due before."""
        lock = self.lock
        for saw in cpu.machine.hooks.lock_asked:
            saw(cpu, lock, False)
        if not cpu.takes(lock.acquire_step):
            return self._slowly(cpu)
        if not cpu.has_caught_up():
            return lock.ask_ahead(cpu) if lock.can_be_asked_ahead(cpu) else lock.ask(cpu)
        return lock.take(cpu) if lock.holder is None else lock.ask(cpu)

    def _slowly(self, cpu: Cpu) -> Events[None]:
        yield from cpu.charge(self.lock.acquire_step)
        yield from self.lock.ask(cpu)


class TryAcquire(Op):
    """Op: take the lock if it is free; gives True, or False at once if it is not."""

    __slots__ = ("lock",)

    def __init__(self, lock: SpinLock) -> None:
        self.lock = lock

    def perform(self, cpu: Cpu) -> Events[bool]:
        """Try at the end of the acquire step. A try that fails has fetched the lock's line from its holder."""
        lock = self.lock
        for saw in cpu.machine.hooks.lock_asked:
            saw(cpu, lock, True)
        yield from cpu.charge(lock.acquire_step)
        yield from cpu.sync()
        free = lock.holder is None
        if free:
            cpu.tried_in_vain = None
            events = lock.take(cpu)
            if events is not None:
                yield from events
        else:
            check_for_livelock(cpu, lock)
            yield from cpu.charge(cpu.machine.transfer_step, lock.lines_from(lock.holder_seen_by(cpu), cpu, 1))
        return free


class Release(Op):
    """Op: give the lock to whoever its kind says is next, if anybody waits.

    It is let go at the end of the release step. Raises RuleBroken if another CPU, or none, holds the lock.
    """

    __slots__ = ("lock",)

    def __init__(self, lock: SpinLock) -> None:
        self.lock = lock

    def perform(self, cpu: Cpu) -> Events[None] | None:
        """Let go; at once, without an event, if nobody else is due before."""
        lock = self.lock
        if not cpu.takes(lock.release_step):
            return self._slowly(cpu)
        lock.check_held_by(cpu)
        if not lock.kind.delays_release and cpu.has_caught_up():
            lock.let_go(cpu)
        elif not lock.let_go_ahead(cpu):
            return self._let_go(cpu)
        return _let_task_be_preempted(cpu)

    def _slowly(self, cpu: Cpu) -> Events[None]:
        yield from cpu.charge(self.lock.release_step)
        yield from self._let_go(cpu)

    def _let_go(self, cpu: Cpu) -> Events[None]:
        lock = self.lock
        yield from cpu.sync()
        lock.check_held_by(cpu)
        delay = lock.kind.release_delay(lock, cpu)
        if delay and (events := cpu.fetch(delay)) is not None:
            yield from events
        lock.let_go(cpu)
        if (preempted := _let_task_be_preempted(cpu)) is not None:
            yield from preempted


def _let_task_be_preempted(cpu: Cpu) -> Events[None] | None:
    """Let work and ksoftirqd in that a held lock has kept out (`preempt_enable`, the end of `spin_unlock`)."""
    interrupts = cpu.interrupts
    return interrupts.let_in(PREEMPT_ON) if interrupts.waiting and interrupts.want_the_task() else None
