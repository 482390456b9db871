"""The machine: CPUs, one event queue, the steps they know, and who watches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from simpy import Environment
from simpy.events import EventPriority

from simalloc.machine.context import Context
from simalloc.machine.cpu import RANK_OF_FIRST_CPU, Cpu, Program, fixed_rank
from simalloc.machine.instrument import Hooks, Instrument
from simalloc.machine.step import Activity, StepTable


class Stuck(Exception):  # noqa: N818
    """CPUs wait for locks that nobody will release."""


class Machine:
    """`cpus` CPUs with one event queue.

    `lockstep` makes every step an event; results are the same to the cycle, only slower. `shuffle_ties` orders events
    of one cycle at random (seeded) instead of by CPU number, to show that nothing hangs on that order.
    """

    def __init__(
        self,
        cpus: int = 1,
        *,
        lockstep: bool = False,
        shuffle_ties: int | None = None,
        instruments: Sequence[Instrument] = (),
    ) -> None:
        self.env = Environment()
        self.lockstep = lockstep
        self.hooks = Hooks()
        for instrument in instruments:
            self.hooks.register(instrument)
        self.steps = StepTable()
        self.spin_step = self.steps.define("spin", Activity.SPIN, 1)
        self.idle_step = self.steps.define("idle", Activity.IDLE, 1)
        self.cpus = [Cpu(self, index) for index in range(cpus)]
        self.rank: Callable[[Cpu], EventPriority] = _rank_by_index
        if shuffle_ties is not None:
            self.rank = _ShuffledRank(shuffle_ties)

    @property
    def now(self) -> int:
        """The event queue's cycle: no CPU will act on anything shared before it."""
        return int(self.env.now)

    def run(self, programs: Sequence[Program[Any]], context: Context = Context.TASK) -> int:
        """Run one program per CPU, from cycle 0, to the end of the last; return that cycle.

        A CPU whose program has ended is idle until then. Raises Stuck on a deadlock.
        """
        for cpu, program in zip(self.cpus, programs, strict=True):
            cpu.tallies = [[0] * len(self.steps) for _ in Context]
            cpu.tally = cpu.tallies[Context.IDLE]
            cpu.set_horizon()
            self.env.process(cpu.run(program, context))
        self.env.run()
        stuck = [cpu for cpu in self.cpus if cpu.context is not Context.IDLE]
        if stuck:
            raise Stuck(f"no event is left, but these still run: {', '.join(map(repr, stuck))}")
        end = max(cpu.clock for cpu in self.cpus)
        for cpu in self.cpus:
            cpu.tally[self.idle_step.index] += end - cpu.clock
            cpu.clock = end
        return end


def _rank_by_index(cpu: Cpu) -> EventPriority:
    return fixed_rank(cpu.index)


class _ShuffledRank:
    """A new random place for every event: the order of equal cycles is then any order."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def __call__(self, _cpu: Cpu) -> EventPriority:
        return EventPriority(RANK_OF_FIRST_CPU + self._random.randrange(1 << 30))
