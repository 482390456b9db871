"""Interrupts that one CPU sends another, waiting for what they do there, and barriers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simpy.events import Event

from simalloc.machine.op import Op

if TYPE_CHECKING:
    from simalloc.machine.cpu import Cpu
    from simalloc.machine.interrupts import Handler
    from simalloc.machine.machine import Machine
    from simalloc.machine.op import Events
    from simalloc.machine.step import Step


class SendIpi(Op):
    """Op: send an interrupt to another CPU, where it arrives `machine.lookahead` cycles later and runs `handler`."""

    __slots__ = ("handler", "name", "target")

    def __init__(self, target: Cpu, name: str, handler: Handler) -> None:
        self.target = target
        self.name = name
        self.handler = handler

    def perform(self, cpu: Cpu) -> Events[None]:
        """Send it. Raises RuntimeError if the machine was not told to expect IPIs."""
        machine = cpu.machine
        if machine.lookahead is None:
            raise RuntimeError("a machine on which IPIs are sent must expect them: call expect_ipis first")
        yield from cpu.charge(machine.send_ipi_step)
        yield from cpu.sync()
        self.target.interrupts.raise_at(cpu.clock + machine.lookahead, self.name, self.handler, cpu)
        self.target.poke()


class Await(Op):
    """Op: wait, running the one-cycle `step`, until `count` others have arrived. Interrupts are served meanwhile."""

    def __init__(self, machine: Machine, count: int, step: Step) -> None:
        self.machine = machine
        self.step = step
        self.left = count
        self._done = Event(machine.queue)

    def arrive(self, cpu: Cpu) -> None:
        """Count one arrival, by a program on `cpu` that has just synced; the last one ends the wait."""
        self.left -= 1
        if self.left == 0:
            self.machine.fire(self._done, cpu)

    def perform(self, cpu: Cpu) -> Events[None]:
        """Wait."""
        for saw in cpu.machine.hooks.waiting:
            saw(cpu, "wait for other CPUs", self.step is cpu.machine.idle_step)
        yield from cpu.sync()
        if self.left:
            yield from cpu.wait(self._done, self.step)


class Barrier(Op):
    """Op: wait, running the one-cycle `step`, until all `parties` have come here; then it starts anew.

    Each waiter has an event of its own: of several woken by one event the first could run ahead, and take the event
    queue with it, before the others have woken.
    """

    def __init__(self, parties: int, step: Step) -> None:
        self.parties = parties
        self.step = step
        self._waiting: list[tuple[Cpu, Event]] = []

    def perform(self, cpu: Cpu) -> Events[None]:
        """Arrive, and wait for the others."""
        for saw in cpu.machine.hooks.waiting:
            saw(cpu, "wait at a barrier", True)
        yield from cpu.sync()
        if len(self._waiting) == self.parties - 1:
            waiting, self._waiting = self._waiting, []
            for other, woken in waiting:
                cpu.machine.fire(woken, other)
            return
        woken = Event(cpu.machine.queue)
        self._waiting.append((cpu, woken))
        yield from cpu.wait(woken, self.step)
