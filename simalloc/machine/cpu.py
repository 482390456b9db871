"""A simulated CPU: a local clock, masks, a context, and a loop that runs model code.

Model code is a generator that yields `Step`, `Burst` or an `Op` (a lock request, a sleep). The CPU adds a step's
cycles to its own clock and goes on; it enters SimPy's event queue only in `sync`, where others matter. Whatever bounds
how far it may run ahead (the next interrupt, the end of the run, an observer that wants every step, lockstep) is folded
into one number, `horizon`: a step that ends beyond it takes the slow way through `_pass`, all others cost one
comparison.

Interrupts are in `interrupts.py`; here is where they are let in: between two steps, inside a step at their very cycle,
and at the end of a step that unmasks them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from simpy.events import AnyOf, Event

from simalloc.machine.context import HARDIRQ, IDLE, SOFTIRQ, TASK, Context
from simalloc.machine.interrupts import FOREVER, Interrupts
from simalloc.machine.lock_class import Wait
from simalloc.machine.op import Events, Op, Program
from simalloc.machine.rules import Placing, RuleBroken, TimeUp
from simalloc.machine.sleep import Sleep
from simalloc.machine.step import (
    BH_OFF,
    BH_ON,
    IRQ_OFF,
    IRQ_ON,
    PREEMPT_OFF,
    PREEMPT_ON,
    PREEMPT_ON_NO_RESCHED,
    Burst,
    Effect,
    Step,
)

if TYPE_CHECKING:
    from simalloc.machine.lock import SpinLock
    from simalloc.machine.machine import Machine

T = TypeVar("T")


class Cpu:
    """One CPU.

    `clock` is its local time in cycles, at or after the event queue's. `tallies[context][step.index]` counts the steps
    run; `irq_depth`, `bh_depth` and `preempt_depth` are the nested masks. `site` names the function that runs, for
    observers; whoever masks or locks sets it. `held` are the spinlocks that the present context holds, in the order in
    which it took them; each keeps the task from being preempted. `below` are those of the contexts it has interrupted,
    and `waits` what is waited for now, in whatever context, outermost first.

    `waited` and `holding` are cycles so far: spent waiting for locks, and holding one without waiting for another. A
    cycle counts once, however many locks are held. `handover` are the cycles in which the last wait fetched the lock.
    """

    def __init__(self, machine: Machine, index: int) -> None:
        self.machine = machine
        self.queue = machine.queue
        self.index = index
        self.clock = 0
        self.horizon = FOREVER
        self.context = IDLE
        self.site = ""
        self.irq_depth = 0
        self.bh_depth = 0
        self.preempt_depth = 0
        self.tallies: list[list[int]] = [[] for _ in Context]
        self.tally = self.tallies[IDLE]
        self.unfinished: list[tuple[Context, Step, int]] = []
        self.interrupts = Interrupts(self)
        self.serving_softirq = False
        self.wakes_at = FOREVER
        self.waits_for: Event | None = None
        self._poked: Event | None = None
        self.held: list[SpinLock] = []
        self.below: list[list[SpinLock]] = []
        self.waits: list[Wait] = []
        self.waited = 0
        self.holding = 0
        self.handover = 0
        self.tried_in_vain: SpinLock | None = None
        self.tries_in_vain = 0
        self._holding_since = -1
        self._masked_since = 0
        self._masked_wait = 0
        self._masked_hold = 0
        self._bh_off_since = 0

    # What the kernel asks about where it runs: Linux v4.10 (ea57485af8f4), include/linux/preempt.h, irqflags.h

    def in_irq(self) -> bool:
        """Whether a hardirq handler (or an NMI's) is running."""
        return self.context >= HARDIRQ

    def in_softirq(self) -> bool:
        """Whether a softirq handler is running, or is what a hardirq interrupted, or bottom halves are disabled."""
        return self.context is SOFTIRQ or self.serving_softirq or self.bh_depth > 0

    def in_interrupt(self) -> bool:
        """Whether this is NMI, hardirq or softirq context; a task that disabled bottom halves counts as softirq."""
        return self.context >= SOFTIRQ or self.bh_depth > 0

    def irqs_disabled(self) -> bool:
        """Whether interrupts are masked."""
        return self.irq_depth > 0

    @property
    def masked_since(self) -> int:
        """Since which cycle interrupts are masked, or were when they last were."""
        return self._masked_since

    # The clock

    def sync(self) -> Events[None]:
        """Let every CPU reach this one's clock: what others did before it is then visible, and nothing later is."""
        if not self.has_caught_up():
            yield self.alarm(self.clock - self.machine.now)

    def has_caught_up(self) -> bool:
        """Whether every CPU has reached this one's clock.

        If nothing is due up to then, the event queue is moved there: this CPU's event would come next anyway. In
        lockstep every step is an event.
        """
        queue = self.queue
        if self.clock <= queue.cycle:
            return True
        return not self.machine.lockstep and queue.advance(self.clock)

    def alarm(self, delay: int) -> Event:
        """Return an event that fires `delay` cycles from the event queue's now, in this CPU's place in the cycle."""
        return self.machine.fire(Event(self.queue), self, delay)

    def wait(self, event: Event, step: Step) -> Events[None]:
        """Run the one-cycle `step` (spinning, idling) until `event`, taking interrupts that are let in.

        The CPU has synced. If the event comes while a handler runs, that ends the wait when the handler has ended.
        """
        interrupts = self.interrupts
        while True:
            due = interrupts.next_due()
            self.waits_for = event
            try:
                if due == FOREVER and self.machine.lookahead is None:
                    yield event
                else:
                    yield from self._first_of(event, due)
            except TimeUp:
                self.has_waited(step, self.machine.until)
                raise
            self.has_waited(step, self.machine.now)
            if not event.triggered:
                yield from interrupts.take_due()
                yield from self.sync()
            if event.triggered:
                return

    def has_waited(self, step: Step, until: int) -> None:
        """Count the cycles of a wait that has ended."""
        self.waits_for = None
        self.tally[step.index] += until - self.clock
        self.clock = until

    def _first_of(self, event: Event, due: int) -> Events[None]:
        """Wait for the event, the next interrupt, or (if there are IPIs) a poke to look again."""
        events = [event]
        alarm = self.alarm(due - self.clock) if due < FOREVER else None
        if alarm is not None:
            events.append(alarm)
        if self.machine.lookahead is not None:
            self._poked = Event(self.queue)
            events.append(self._poked)
        yield AnyOf(self.queue, events)
        if alarm is not None and not alarm.processed:
            self.queue.cancel(alarm)

    def poke(self) -> None:
        """Make a CPU that waits look again at what is due: another has just sent it an interrupt."""
        if self._poked is not None and not self._poked.triggered:
            self._poked.succeed()

    def charge(self, step: Step, times: int = 1) -> Events[None]:
        """Run `step` `times` times: the slow, general way, for ops. Programs yield steps instead."""
        if not self.takes(step, times):
            yield from self._pass(step, times)
            self.tally[step.index] += times

    def takes(self, step: Step, times: int = 1) -> bool:
        """Run `step` `times` times if that ends within the horizon; return whether it did."""
        end = self.clock + step.cycles * times
        if end > self.horizon:
            return False
        self.clock = end
        self.tally[step.index] += times
        return True

    def _takes_all(self, runs: Iterable[tuple[Step, int]]) -> bool:
        end, tally = self.clock, self.tally
        for step, times in runs:
            end += step.cycles * times
        if end > self.horizon:
            return False
        self.clock = end
        for step, times in runs:
            tally[step.index] += times
        return True

    def _charge_all(self, runs: Iterable[tuple[Step, int]]) -> Events[None]:
        for step, times in runs:
            if times:
                yield from self.charge(step, times)

    def fetch(self, cycles: int) -> Events[None] | None:
        """Fetch cache lines in so many cycles, and sync; None if that is done."""
        if self.takes(self.machine.transfer_step, cycles):
            return None if self.has_caught_up() else self.sync()
        return self._fetch(cycles)

    def _fetch(self, cycles: int) -> Events[None]:
        yield from self.charge(self.machine.transfer_step, cycles)
        yield from self.sync()

    def cycles_of(self, step: Step) -> int:
        """Return the cycles this CPU has spent on a step so far, in all contexts."""
        return sum(tally[step.index] for tally in self.tallies) * step.cycles

    def room(self) -> int:
        """How many cycles this CPU may run before something is due: what a stride must fit into (at most 0: none).

        A stride may end with an unmask. What is due in that very cycle is let in there, so it must end before.
        """
        return self.horizon - 1 - self.clock

    def stride(self, steps: list[tuple[int, int]], cycles: int, times: int) -> None:
        """Run `steps`, pairs of index and count, of `cycles` cycles in all, `times` times in one arithmetic step.

        They fit in `room` and leave the masks as they were.
        """
        self.clock += times * cycles
        tally = self.tally
        for index, count in steps:
            tally[index] += times * count

    def _pass(self, step: Step, times: int) -> Events[None]:
        """Advance over the horizon: the one place where a step meets what else may want this CPU or see it.

        An interrupt that falls inside the step is served at its own cycle; the rest of the step follows it.
        """
        machine, interrupts, context = self.machine, self.interrupts, self.context
        start = self.clock
        total = left = step.cycles * times
        try:
            while left:
                yield from interrupts.take_due()
                due = interrupts.next_due()
                end = min(self.clock + left, due, machine.until)
                if machine.lookahead is not None:
                    end = min(end, machine.now + machine.lookahead)
                left -= end - self.clock
                self.clock = end
                if end >= machine.until:
                    raise TimeUp
                if machine.lockstep or (left and end < due):
                    yield from self.sync()
        except TimeUp:
            # A step that ends with the run counts in full; what would come after it does not happen.
            if left < total:
                self._cut_short(context, step, total - left)
            raise
        self.set_horizon()
        for saw in machine.hooks.step:
            saw(self, step, times, start)

    def _cut_short(self, context: Context, step: Step, cycles: int) -> None:
        """Count what a step, or a run of equal ones, had got of its cycles when the time was up."""
        whole, rest = divmod(cycles, step.cycles)
        self.tallies[context][step.index] += whole
        if rest:
            self.unfinished.append((context, step, rest))

    def set_horizon(self) -> None:
        """Work out anew how far the clock may run before something is due. -1: every step takes the slow way."""
        machine, hooks = self.machine, self.machine.hooks
        horizon = self.interrupts.next_due()
        if horizon >= machine.until:
            horizon = machine.until - 1
        if machine.lockstep:
            horizon = -1
        elif hooks.step and self.clock < hooks.steps_until:
            horizon = min(horizon, hooks.steps_from) if self.clock < hooks.steps_from else -1
        if machine.lookahead is not None:
            horizon = min(horizon, machine.now + machine.lookahead)
        self.horizon = horizon

    # Running programs

    def main(self, program: Program[Any], context: Context) -> Events[None]:
        """Run `program`, then be idle to the end of the run if it has one."""
        try:
            yield from self.run(program, context)
            self._must_hold_nothing()
            if self.machine.until < FOREVER:
                yield from Sleep(until=self.machine.until).perform(self)
            elif self.machine.lookahead is not None:
                yield from self.machine.all_have_ended(self)
        except TimeUp:
            self.context, self.tally = IDLE, self.tallies[IDLE]

    def _must_hold_nothing(self) -> None:
        if self.held:
            lock = self.held[0]
            raise RuleBroken(
                f"cpu {self.index} at cycle {self.clock}: its program ended with {lock.name} held, taken in "
                f"{lock.taken_in or 'unnamed code'} at cycle {lock.held_since}"
            )

    def run(self, program: Program[T], context: Context = TASK) -> Events[T]:
        """Run `program` in `context` and return what it returns; then back to the context before."""
        previous = self.switch(context)
        with Placing(program):
            result = yield from self.execute(program)
        self.switch(previous)
        return result

    def switch(self, context: Context) -> Context:
        """Count cycles to `context` from here on; a hardirq masks interrupts. Returns the context left."""
        previous = self.context
        if context is HARDIRQ and previous is not HARDIRQ:
            self._mask()
        elif previous is HARDIRQ and context is not HARDIRQ:
            self._unmask()
        self.context = context
        self.tally = self.tallies[context]
        for saw in self.machine.hooks.context_switched:
            saw(self, previous, context)
        return previous

    def execute(self, program: Program[T]) -> Events[T]:
        """Run `program` in the context that is on, and return what it returns."""
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
                    if self.interrupts.waiting and (due := self.interrupts.let_in(op.effect)) is not None:
                        yield from due
            elif type(op) is Burst:
                if not self._takes_all(op.runs):
                    yield from self._charge_all(op.runs)
            elif isinstance(op, Op):
                events = op.perform(self)
                if events is not None:
                    answer = yield from events
            else:
                raise RuleBroken(f"cpu {self.index} at cycle {self.clock}: {op!r} is no step and no request")

    # Masks

    def apply(self, effect: Effect) -> None:
        """Raise or lower a mask. Raises RuleBroken when one is lowered that is not up."""
        if effect is IRQ_OFF:
            self._mask()
        elif effect is IRQ_ON:
            self._unmask()
        elif effect is PREEMPT_OFF:
            self.preempt_depth += 1
        elif effect is PREEMPT_ON or effect is PREEMPT_ON_NO_RESCHED:
            self.preempt_depth = self._lower(self.preempt_depth, "preemption was not off")
        elif effect is BH_OFF:
            self.bh_depth += 1
            if self.bh_depth == 1:
                self._bh_off_since = self.clock
        elif effect is BH_ON:
            self.bh_depth = self._lower(self.bh_depth, "bottom halves were not off")
            if self.bh_depth == 0 and not self.in_softirq():
                for saw in self.machine.hooks.bh_window:
                    saw(self, self._bh_off_since, self.clock, 1)

    def _mask(self) -> None:
        self.irq_depth += 1
        if self.irq_depth == 1:
            self._masked_since = self.clock
            self._masked_wait = self.waited
            self._masked_hold = self.holding if self._holding_since < 0 else self.held_so_far()
            if self.interrupts.waiting:
                self.set_horizon()

    def _unmask(self) -> None:
        self.irq_depth = self._lower(self.irq_depth, "interrupts were not masked")
        if self.irq_depth == 0:
            for saw in self.machine.hooks.irqs_window:
                waited, held = self.waited - self._masked_wait, self.held_so_far() - self._masked_hold
                saw(self, self._masked_since, self.clock, waited, held, 1)
            if self.interrupts.waiting:
                self.set_horizon()

    # Locks: what is held and waited for, and for how long

    def held_so_far(self) -> int:
        """Return the cycles up to now in which this CPU held a lock and did not wait for another."""
        return self.holding + (self.clock - self._holding_since if self._holding_since >= 0 else 0)

    def note_lock(self, lock: SpinLock) -> None:
        """Hold this lock from now on."""
        self.held.append(lock)
        if self._holding_since < 0:
            self._holding_since = self.clock

    def forget_lock(self, lock: SpinLock) -> None:
        """Hold it no more. A handler may let go of a lock that what it interrupted has taken."""
        held = self.held
        if held and held[-1] is lock:
            held.pop()
        else:
            for each in (held, *self.below):
                if lock in each:
                    each.remove(lock)
        if not held:
            self._pause_holding()

    def note_hold(self, cycles: int) -> None:
        """Count so many cycles in which a lock was held, in a stride."""
        if self._holding_since < 0:
            self.holding += cycles

    def begin_wait(self, lock: SpinLock) -> None:
        """Wait for this lock from now on."""
        self._pause_holding()
        self.waits.append(Wait(lock, self))

    def end_wait(self) -> int:
        """End the innermost wait, after which its lock is held; return how long it was.

        What handlers that ran meanwhile have waited and held was part of it.
        """
        wait = self.waits.pop()
        waited = self.clock - wait.since
        self.waited, self.holding = wait.waited + waited, wait.holding
        self.handover = self.tally[self.machine.transfer_step.index] - wait.fetched
        return waited

    def _pause_holding(self) -> bool:
        if self._holding_since < 0:
            return False
        self.holding += self.clock - self._holding_since
        self._holding_since = -1
        return True

    def set_locks_aside(self) -> bool:
        """Let a handler begin, which holds no lock; return what `take_locks_up` wants to know."""
        self.below.append(self.held)
        self.held = []
        return self._pause_holding()

    def take_locks_up(self, *, holding: bool) -> None:
        """Go back from a handler to what it has interrupted."""
        self.held = self.below.pop()
        if holding and self.held:
            self._holding_since = self.clock

    def _lower(self, depth: int, complaint: str) -> int:
        if depth == 0:
            raise RuleBroken(f"cpu {self.index} at cycle {self.clock}: {complaint}")
        return depth - 1

    def __repr__(self) -> str:
        return f"<Cpu {self.index} at {self.clock} in {self.context.label}>"
