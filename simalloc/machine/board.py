"""A board on which CPUs post that something is done, each with a number; who needs it and comes too early waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simpy.events import Event

from simalloc.machine.context import IDLE
from simalloc.machine.op import Op
from simalloc.machine.sleep import Sleep

if TYPE_CHECKING:
    from simalloc.machine.cpu import Cpu
    from simalloc.machine.op import Events


class Board:
    """Numbers are posted once each. `post`, and if it says that somebody waits, yield `wake`; others yield `await_`."""

    def __init__(self) -> None:
        self._posted: dict[int, int] = {}
        self._waiting: dict[int, list[tuple[Event, Cpu]]] = {}

    def post(self, cpu: Cpu, number: int) -> bool:
        """Say that it is done at this CPU's clock; return whether others wait for it."""
        self._posted[number] = cpu.clock
        return number in self._waiting

    def wake(self, number: int) -> Wake:
        """Return the op that wakes those who wait."""
        return Wake(self, number)

    def await_(self, number: int) -> AwaitPost:
        """Return the op that is idle until the number is posted."""
        return AwaitPost(self, number)

    def forget(self, number: int) -> None:
        """Nobody will ask for it again."""
        self._posted.pop(number, None)


class Wake(Op):
    """Op: wake everybody who waits for a number that has been posted."""

    __slots__ = ("board", "number")

    def __init__(self, board: Board, number: int) -> None:
        self.board = board
        self.number = number

    def perform(self, cpu: Cpu) -> Events[None]:
        """Do it when every CPU has come this far."""
        yield from cpu.sync()
        for event, waiter in self.board._waiting.pop(self.number, ()):
            cpu.machine.fire(event, waiter)


class AwaitPost(Op):
    """Op: be idle until a number has been posted; interrupts are served meanwhile."""

    __slots__ = ("board", "number")

    def __init__(self, board: Board, number: int) -> None:
        self.board = board
        self.number = number

    def perform(self, cpu: Cpu) -> Events[None]:
        """Wait for it, or for the cycle at which a CPU whose clock is ahead has posted it."""
        yield from cpu.sync()
        board, number = self.board, self.number
        posted = board._posted.get(number)
        if posted is None:
            event = Event(cpu.machine.queue)
            board._waiting.setdefault(number, []).append((event, cpu))
            previous = cpu.switch(IDLE)
            yield from cpu.wait(event, cpu.machine.idle_step)
            cpu.switch(previous)
            yield from cpu.sync()
        elif posted > cpu.clock:
            yield from Sleep(until=posted).perform(cpu)
