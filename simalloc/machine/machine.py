"""The machine: CPUs, one event queue, the steps they know, and who watches."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from simpy.events import Event

from simalloc.machine.context import Context
from simalloc.machine.cpu import Cpu
from simalloc.machine.deadlock import chain
from simalloc.machine.instrument import Hooks, Instrument
from simalloc.machine.interrupts import FOREVER
from simalloc.machine.lock_class import LockClass
from simalloc.machine.op import Events, Program
from simalloc.machine.queue import EventQueue
from simalloc.machine.rules import Stuck, TimeUp
from simalloc.machine.step import Activity, Step, StepTable
from simalloc.machine.topology import Topology, Uniform


class Machine:
    """`cpus` CPUs with one event queue; a millisecond is `ghz` million cycles.

    `lockstep` makes every step an event; results are the same to the cycle, only slower. `shuffle_ties` orders events
    of one cycle at random (seeded) instead of by CPU number, to show that nothing depends on that order. What taking an
    interrupt costs is nothing, until `price_interrupts` says otherwise. `topology` says how far CPUs are apart.
    """

    def __init__(
        self,
        cpus: int = 1,
        *,
        ghz: int | float = 1.0,
        lockstep: bool = False,
        shuffle_ties: int | None = None,
        instruments: Sequence[Instrument] = (),
        topology: Topology | None = None,
    ) -> None:
        self.queue = EventQueue()
        self.ghz = ghz
        self.topology: Topology = topology or Uniform()
        self.lockstep = lockstep
        self.until = FOREVER
        self.lookahead: int | None = None
        self.is_foreseeable = False
        self._has_run = False
        self._running = 0
        self._ended = Event(self.queue)
        self.hooks = Hooks()
        for instrument in instruments:
            self.hooks.register(instrument)
        self._lock_classes: dict[str, LockClass] = {}
        self.steps = StepTable()
        self.spin_step = self.steps.define("spin", Activity.SPIN, 1)
        self.idle_step = self.steps.define("idle", Activity.IDLE, 1)
        self.transfer_step = self.steps.define("line_transfer", Activity.TRANSFER, 1)
        free = self.steps.define("interrupt", Activity.INTERRUPT, 0)
        self.price_interrupts(entry=free, leave=free, softirq=free, send_ipi=free)
        self.cpus = [Cpu(self, index) for index in range(cpus)]
        self._shuffle = None if shuffle_ties is None else Random(shuffle_ties)

    def price_interrupts(self, *, entry: Step, leave: Step, softirq: Step, send_ipi: Step) -> None:
        """Set the steps of entering and leaving a hardirq, of dispatching softirqs, and of sending an IPI."""
        self.hardirq_entry, self.hardirq_exit = entry, leave
        self.softirq_dispatch, self.send_ipi_step = softirq, send_ipi

    def expect_ipis(self, delivery: int) -> None:
        """Say that CPUs may send IPIs, which arrive `delivery` cycles later: so far may a local clock run ahead."""
        self.lookahead = delivery if self.lookahead is None else min(self.lookahead, delivery)

    @property
    def now(self) -> int:
        """The event queue's cycle: no CPU will act on anything shared before it."""
        return self.queue.cycle

    def all_have_ended(self, cpu: Cpu) -> Events[None]:
        """Be idle on a CPU whose program has ended until all have: others may still send it IPIs."""
        yield from cpu.sync()
        self._running -= 1
        if self._running == 0:
            self.fire(self._ended, cpu)
        else:
            yield from cpu.wait(self._ended, self.idle_step)

    def fire(self, event: Event, cpu: Cpu, delay: int = 0) -> Event:
        """Let `event` happen `delay` cycles from now, in `cpu`'s place among the events of that cycle; return it."""
        self.queue.fire(event, delay, cpu.index if self._shuffle is None else self._shuffle.randrange(1 << 30))
        return event

    def lock_class(self, name: str) -> LockClass:
        """Return the class of this machine's locks made under this name."""
        return self._lock_classes.setdefault(name, LockClass(name))

    def milliseconds(self, ms: float) -> int:
        """Return so many milliseconds in cycles."""
        return round(ms * self.ghz * 1_000_000)

    def run(
        self,
        programs: Sequence[Program[Any]],
        context: Context = Context.TASK,
        *,
        until: int | None = None,
    ) -> int:
        """Run one program per CPU, from cycle 0, to the end of the last or to cycle `until`; return that cycle.

        A CPU whose program has ended is idle until then, and with `until` still takes interrupts. Without it,
        interrupts end with the program of their CPU. Raises Stuck on a deadlock, RuntimeError on a second call.
        """
        if self._has_run:
            raise RuntimeError("a machine runs once; make another")
        self._has_run = True
        if until is not None:
            self.until = until
        self.is_foreseeable = (
            not self.lockstep
            and self.lookahead is None
            and self._shuffle is None
            and not self.hooks.lock_waiting
            and not self.hooks.step
        )
        mains = []
        self._running = len(programs)
        self._ended = Event(self.queue)
        for cpu, program in zip(self.cpus, programs, strict=True):
            cpu.tallies = [[0] * len(self.steps) for _ in Context]
            cpu.tally = cpu.tallies[Context.IDLE]
            cpu.set_horizon()
            mains.append(cpu.main(program, context))
            self.queue.process(mains[-1])
        self.queue.run(until=until)
        end = self._stop(mains) if until is not None else self._last_clock()
        for cpu in self.cpus:
            cpu.tallies[Context.IDLE][self.idle_step.index] += end - cpu.clock
            cpu.clock = end
        return end

    def _stop(self, mains: Sequence[Generator[Event, object, None]]) -> int:
        """Tell every CPU that waits for an event that the time is up; return the cycle it is."""
        for main in mains:
            with suppress(TimeUp, StopIteration):
                main.throw(TimeUp())
        return self.until

    def _last_clock(self) -> int:
        stuck = [cpu for cpu in self.cpus if cpu.context is not Context.IDLE]
        if stuck:
            raise Stuck(f"no event is left, but these CPUs still run:\n{chain(stuck)}")
        return max(cpu.clock for cpu in self.cpus)
