"""What a program yields to be idle, or to let every CPU reach its clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simalloc.machine.context import IDLE
from simalloc.machine.interrupts import FOREVER
from simalloc.machine.op import Op
from simalloc.machine.rules import TimeUp

if TYPE_CHECKING:
    from simalloc.machine.cpu import Cpu
    from simalloc.machine.op import Events


class Sleep(Op):
    """Op: be idle for `cycles` cycles, or until cycle `until`. Interrupts are served meanwhile."""

    __slots__ = ("cycles", "until")

    def __init__(self, cycles: int = 0, until: int | None = None) -> None:
        self.cycles = cycles
        self.until = until

    def perform(self, cpu: Cpu) -> Events[None]:
        """Spend the time in the idle context; a handler that runs past the end makes it that much later."""
        for saw in cpu.machine.hooks.waiting:
            saw(cpu, "sleep", True)
        until = cpu.clock + self.cycles if self.until is None else self.until
        previous = cpu.switch(IDLE)
        cpu.wakes_at = until
        while cpu.clock < until:
            cycles = min(until, max(cpu.interrupts.next_due(), cpu.clock)) - cpu.clock
            if cpu.machine.lookahead is not None:
                # An IPI not sent yet may end this; no further than one could come.
                if cpu.clock >= cpu.machine.now + cpu.machine.lookahead:
                    yield from cpu.sync()
                    cycles = min(cycles, max(cpu.interrupts.next_due(), cpu.clock) - cpu.clock)
                cycles = min(cycles, cpu.machine.now + cpu.machine.lookahead - cpu.clock)
            if not cpu.takes(cpu.machine.idle_step, cycles):
                yield from cpu.charge(cpu.machine.idle_step, cycles)
            if cpu.interrupts.next_due() <= cpu.clock:
                yield from cpu.interrupts.take_due()
            if cpu.clock >= cpu.machine.until:
                raise TimeUp
        cpu.wakes_at = FOREVER
        cpu.switch(previous)


class Sync(Op):
    """Op: let every CPU reach this one's clock, to look at shared state without its lock."""

    __slots__ = ()

    def perform(self, cpu: Cpu) -> Events[None] | None:
        """Wait in the event queue."""
        return None if cpu.has_caught_up() else cpu.sync()
