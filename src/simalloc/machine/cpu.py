"""A simulated CPU: a local clock, masks, a context, and a loop that runs model code.

Model code is a generator that yields `Step`, `Burst` or an `Op` (a lock request, a sleep). The CPU adds a step's
cycles to its own clock and goes on; it enters SimPy's event queue only in `sync`, where others matter. Whatever bounds
how far it may run ahead (an interrupt due, an observer that wants every step, lockstep) is folded into one number,
`horizon`: a step that ends beyond it takes the slow way through `_pass`, all others cost one comparison.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from simpy.events import Event, EventPriority

from simalloc.machine.context import Context
from simalloc.machine.step import Burst, Effect, Step

if TYPE_CHECKING:
    from simalloc.machine.machine import Machine

T = TypeVar("T")

FOREVER = 1 << 62
"""A cycle no simulation reaches."""


class Op(Protocol):
    """Anything a program may yield that is more than cycles."""

    def perform(self, cpu: Cpu) -> Events[Any]:
        """Do it on `cpu`; what this returns is what the program's `yield` gives back."""
        ...


Events = Generator[Event, Any, T]
"""What runs inside the machine: yields SimPy events, returns a T."""

Program = Generator[Step | Burst | Op, Any, T]
"""What runs on a CPU: yields steps and ops, returns a T."""


class RuleBroken(Exception):  # noqa: N818 - the kernel's rule, not our error
    """The simulated kernel did what no kernel may: released a lock it did not hold, unmasked what was not masked."""


class Cpu:
    """One CPU.

    `clock` is its local time in cycles, at or after the event queue's. `tallies[context][step.index]` counts the steps
    run; `irq_depth`, `bh_depth` and `preempt_depth` are the nested masks.
    """

    def __init__(self, machine: Machine, index: int) -> None:
        self.machine = machine
        self.index = index
        self.clock = 0
        self.horizon = FOREVER
        self.context = Context.IDLE
        self.irq_depth = 0
        self.bh_depth = 0
        self.preempt_depth = 0
        self.tallies: list[list[int]] = [[] for _ in Context]
        self.tally = self.tallies[Context.IDLE]

    # What the kernel asks about where it runs: Linux v4.10 (ea57485af8f4), include/linux/preempt.h, irqflags.h

    def in_irq(self) -> bool:
        """Whether a hardirq handler is running."""
        return self.context is Context.HARDIRQ

    def in_softirq(self) -> bool:
        """Whether a softirq handler is running or bottom halves are disabled."""
        return self.context is Context.SOFTIRQ or self.bh_depth > 0

    def in_interrupt(self) -> bool:
        """Whether this is hardirq or softirq context; a task that disabled bottom halves counts as softirq."""
        return self.context >= Context.SOFTIRQ or self.bh_depth > 0

    def irqs_disabled(self) -> bool:
        """Whether interrupts are masked."""
        return self.irq_depth > 0

    # The clock

    def sync(self) -> Events[None]:
        """Let every CPU reach this one's clock: what others did before it is then visible, and nothing later is."""
        delay = self.clock - self.machine.now
        if delay > 0:
            yield self.alarm(delay)

    def alarm(self, delay: int) -> Event:
        """Return an event that fires `delay` cycles from the event queue's now, in this CPU's place in the cycle."""
        event = Event(self.machine.env)
        event._ok = True
        event._value = None
        self.machine.env.schedule(event, self.machine.rank(self), delay)
        return event

    def charge(self, step: Step, times: int = 1) -> Events[None]:
        """Run `step` `times` times: the slow, general way, for ops. Programs yield steps instead."""
        end = self.clock + step.cycles * times
        if end > self.horizon:
            yield from self._pass(step, times)
        else:
            self.clock = end
        self.tally[step.index] += times

    def room(self) -> int:
        """How many cycles this CPU may run before something is due: what a stride must fit into (at most 0: none)."""
        return self.horizon - self.clock

    def stride(self, steps: Sequence[Step], times: int) -> None:
        """Run `steps` `times` times in one arithmetic step. They fit in `room` and leave the masks as they were."""
        self.clock += times * sum(step.cycles for step in steps)
        for step in steps:
            self.tally[step.index] += times

    def _pass(self, step: Step, times: int) -> Events[None]:
        """Advance over the horizon: the one place where a step meets what else may want this CPU or see it."""
        start = self.clock
        self.clock += step.cycles * times
        if self.machine.lockstep:
            yield from self.sync()
        for saw in self.machine.hooks.step:
            saw(self, step, times, start)

    def set_horizon(self) -> None:
        """Work out anew how far the clock may run before something is due. -1: every step takes the slow way."""
        hooks = self.machine.hooks
        watched = self.machine.lockstep or bool(hooks.step or hooks.irqs_off or hooks.irqs_on)
        self.horizon = -1 if watched else FOREVER

    # Running programs

    def run(self, program: Program[T], context: Context = Context.TASK) -> Events[T]:
        """Run `program` in `context` and return what it returns; then back to the context before."""
        previous = self.switch(context)
        result = yield from self._execute(program)
        self.switch(previous)
        return result

    def switch(self, context: Context) -> Context:
        """Count cycles to `context` from here on; a hardirq masks interrupts. Returns the context left."""
        previous = self.context
        if context is Context.HARDIRQ and previous is not Context.HARDIRQ:
            self.apply(Effect.IRQ_OFF)
        elif previous is Context.HARDIRQ and context is not Context.HARDIRQ:
            self.apply(Effect.IRQ_ON)
        self.context = context
        self.tally = self.tallies[context]
        return previous

    def _execute(self, program: Program[T]) -> Events[T]:
        send = program.send
        answer: Any = None
        while True:
            try:
                op: Any = send(answer)
            except StopIteration as stop:
                result: T = stop.value
                return result
            answer = None
            # `type(op) is`, not isinstance: this loop is where a simulation spends its time.
            if type(op) is Step:
                end = self.clock + op.cycles
                if end > self.horizon:
                    yield from self._pass(op, 1)
                else:
                    self.clock = end
                self.tally[op.index] += 1
                if op.effect:
                    self.apply(op.effect)
            elif type(op) is Burst:
                yield from self.charge(op.step, op.times)
            else:
                answer = yield from op.perform(self)

    # Masks

    def apply(self, effect: Effect) -> None:
        """Raise or lower a mask. Raises RuleBroken when one is lowered that is not up."""
        if effect is Effect.IRQ_OFF:
            self.irq_depth += 1
            if self.irq_depth == 1:
                for saw in self.machine.hooks.irqs_off:
                    saw(self)
        elif effect is Effect.IRQ_ON:
            self.irq_depth = self._lower(self.irq_depth, "interrupts were not masked")
            if self.irq_depth == 0:
                for saw in self.machine.hooks.irqs_on:
                    saw(self)
        elif effect is Effect.PREEMPT_OFF:
            self.preempt_depth += 1
        elif effect is Effect.PREEMPT_ON:
            self.preempt_depth = self._lower(self.preempt_depth, "preemption was not off")
        elif effect is Effect.BH_OFF:
            self.bh_depth += 1
        elif effect is Effect.BH_ON:
            self.bh_depth = self._lower(self.bh_depth, "bottom halves were not off")

    def _lower(self, depth: int, complaint: str) -> int:
        if depth == 0:
            raise RuleBroken(f"cpu {self.index} at cycle {self.clock}: {complaint}")
        return depth - 1

    def __repr__(self) -> str:
        return f"<Cpu {self.index} at {self.clock} in {self.context.label}>"


class Sleep:
    """Op: be idle for `cycles` cycles, or until cycle `until`."""

    __slots__ = ("cycles", "until")

    def __init__(self, cycles: int = 0, until: int | None = None) -> None:
        self.cycles = cycles
        self.until = until

    def perform(self, cpu: Cpu) -> Events[None]:
        """Spend the time in the idle context."""
        cycles = self.cycles if self.until is None else max(0, self.until - cpu.clock)
        previous = cpu.switch(Context.IDLE)
        yield from cpu.charge(cpu.machine.idle_step, cycles)
        cpu.switch(previous)


class Sync:
    """Op: let every CPU reach this one's clock, to look at shared state without its lock."""

    __slots__ = ()

    def perform(self, cpu: Cpu) -> Events[None]:
        """Wait in the event queue."""
        yield from cpu.sync()


RANK_OF_FIRST_CPU = 2
"""Event priorities below this are SimPy's own (URGENT 0, NORMAL 1)."""


def fixed_rank(index: int) -> EventPriority:
    """Return the place of CPU `index` among events of one cycle: lower CPUs first."""
    return EventPriority(RANK_OF_FIRST_CPU + index)
