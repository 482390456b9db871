"""Observers of a run. A hook nobody listens to costs one look at an empty tuple.

The shape is trio's (`trio/_core/_instrumentation.py`): an instrument implements any subset of the hooks, and
registration files its methods per hook.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mypy_extensions import mypyc_attr

from simalloc.machine.interrupts import FOREVER

if TYPE_CHECKING:
    from simalloc.machine.context import Context
    from simalloc.machine.cpu import Cpu
    from simalloc.machine.lock import SpinLock
    from simalloc.machine.step import Step


@mypyc_attr(allow_interpreted_subclasses=True)
class Instrument:
    """Base of all observers: override what you want to see. Cycles are the CPU's local clock at the event.

    An instrument only looks: it must not change the machine, and a run has the same results with and without it.
    `window` are the cycles [from, until) in which `step` wants every step; outside it hears of some, and costs little.
    `every_page` is whether it wants to hear of every page: those of rounds that can only repeat then are run.
    """

    window: tuple[int, int] = (0, FOREVER)
    every_page: bool = True

    def step(self, cpu: Cpu, step: Step, times: int, start: int) -> None:
        """`times` runs of `step` began at cycle `start` and have just ended."""

    def context_switched(self, cpu: Cpu, previous: Context, context: Context) -> None:
        """The CPU counts its cycles to `context` from now on."""

    def lock_asked(self, cpu: Cpu, lock: SpinLock, tried: bool) -> None:
        """The CPU is about to ask for the lock, and waits if it must; or, `tried`, does not wait."""

    def lock_hits(self, cpu: Cpu, lock: SpinLock, held: int, times: int) -> None:
        """In a stride the CPU took a lock that no other asks for `times` times, for `held` cycles each."""

    def waiting(self, cpu: Cpu, what: str, sleeps: bool) -> None:
        """The CPU's program is about to wait for something that is no lock; `sleeps`: others may run meanwhile."""

    def lock_waiting(self, cpu: Cpu, lock: SpinLock, owner: Cpu) -> None:
        """The CPU has found the lock taken, or on its way to another, and begins to wait; `owner` has it or will."""

    def lock_acquired(self, cpu: Cpu, lock: SpinLock, waited: int, contended: bool) -> None:
        """The CPU holds the lock, `waited` cycles after it found it taken (0 and not contended if it was free)."""

    def lock_released(self, cpu: Cpu, lock: SpinLock, held: int) -> None:
        """The CPU gave the lock up after holding it for `held` cycles."""

    def irqs_window(self, cpu: Cpu, start: int, end: int, waited: int, held: int, times: int) -> None:
        """Interrupts were masked from `start` to `end`, of which `waited` cycles for locks and `held` holding one.

        `times` such windows followed each other (a stride); the cycles are those of the last. `cpu.site` says where.
        """

    def bh_window(self, cpu: Cpu, start: int, end: int, times: int) -> None:
        """Bottom halves were off from `start` to `end`, `times` times over."""

    def irq_taken(self, cpu: Cpu, name: str, latency: int) -> None:
        """Interrupt `name` is taken, `latency` cycles after it arrived."""

    def softirq(self, cpu: Cpu, number: int, what: str) -> None:
        """Softirq `number` is at a `raise`, the `entry` or the `exit` of its handler."""

    def page_allocated(self, cpu: Cpu, pfn: int, order: int) -> None:
        """A block of 2**order pages, first frame `pfn`, was handed to a caller."""

    def page_freed(self, cpu: Cpu, pfn: int, order: int) -> None:
        """A caller gave a block back."""

    def pages_allocated(self, cpu: Cpu, pfns: Sequence[int]) -> None:
        """Many pages, of order 0, were handed to a caller: told one by one, where that is not overridden."""
        for pfn in pfns:
            self.page_allocated(cpu, pfn, 0)

    def pages_freed(self, cpu: Cpu, pfns: Sequence[int]) -> None:
        """A caller gave many pages back: told one by one too."""
        for pfn in pfns:
            self.page_freed(cpu, pfn, 0)

    def pages_owned(self, pfns: Sequence[int]) -> None:
        """A workload has these pages, of order 0, from before the run."""

    def pcp_used(self, cpu: Cpu, pcp: Any) -> None:
        """The CPU changes a pcp's lists now, under whatever protects them here. In strides nobody is told."""

    def pages_parked(self, cpu: Cpu, pcp: Any, pfns: Sequence[int], order: int) -> None:
        """The CPU has put these blocks of 2**order pages on a pcp's lists, one by one or in a stride."""

    def pages_unparked(self, cpu: Cpu, pcp: Any, pfns: Sequence[int], order: int) -> None:
        """The CPU has taken these blocks off a pcp's lists. In strides a caller has them at once: nobody hears."""

    def call_ended(self, cpu: Cpu) -> None:
        """A call of the page allocator has ended: it has no page in hand."""

    def pages_removed(self, cpu: Cpu, zone: Any, order: int, mt: int, pfns: list[int]) -> None:
        """These blocks have left the zone's buddy lists, for migratetype `mt`; zone->lock is held."""

    def pages_inserted(self, cpu: Cpu, zone: Any, order: int, mt: int, pfns: list[int]) -> None:
        """These blocks of migratetype `mt` are on the zone's buddy lists again; zone->lock is held."""

    def pages_left(self, cpu: Cpu, zone: Any, order: int, pfns: list[int]) -> None:
        """These blocks are on the zone's lockless list, for the next that frees one block under zone->lock."""


HOOKS = (
    "step",
    "context_switched",
    "lock_asked",
    "lock_hits",
    "waiting",
    "lock_waiting",
    "lock_acquired",
    "lock_released",
    "irqs_window",
    "bh_window",
    "irq_taken",
    "softirq",
    "page_allocated",
    "page_freed",
    "pages_allocated",
    "pages_freed",
    "pages_owned",
    "pcp_used",
    "pages_parked",
    "pages_unparked",
    "call_ended",
    "pages_removed",
    "pages_inserted",
    "pages_left",
)

ONE_BY_ONE = {"pages_allocated": "page_allocated", "pages_freed": "page_freed"}
"""Hooks of many pages at once, and those of one, which by default they call."""

Hook = tuple[Callable[..., None], ...]


def _overrides(instrument: Instrument, name: str) -> bool:
    return getattr(type(instrument), name) is not getattr(Instrument, name)


class Hooks:
    """For each hook the methods to call, in order of registration.

    Every step matters to somebody from cycle `steps_from` to before `steps_until`, every page if `every_page`.
    """

    __slots__ = (*HOOKS, "every_page", "steps_from", "steps_until")

    step: Hook
    context_switched: Hook
    lock_asked: Hook
    lock_hits: Hook
    waiting: Hook
    lock_waiting: Hook
    lock_acquired: Hook
    lock_released: Hook
    irqs_window: Hook
    bh_window: Hook
    irq_taken: Hook
    softirq: Hook
    page_allocated: Hook
    page_freed: Hook
    pages_allocated: Hook
    pages_freed: Hook
    pages_owned: Hook
    pcp_used: Hook
    pages_parked: Hook
    pages_unparked: Hook
    call_ended: Hook
    pages_removed: Hook
    pages_inserted: Hook
    pages_left: Hook
    every_page: bool
    steps_from: int
    steps_until: int

    def __init__(self) -> None:
        for name in HOOKS:
            setattr(self, name, ())
        self.every_page = False
        self.steps_from = self.steps_until = FOREVER

    def register(self, instrument: Instrument) -> None:
        """File those hooks that the instrument's class overrides; of several windows of steps the hull counts."""
        steps_before, pages_before = self.step, (self.page_allocated, self.page_freed)
        for name in HOOKS:
            if any(_overrides(instrument, each) for each in (name, ONE_BY_ONE.get(name, name))):
                setattr(self, name, (*getattr(self, name), getattr(instrument, name)))
        if instrument.every_page and pages_before != (self.page_allocated, self.page_freed):
            self.every_page = True
        if self.step is not steps_before:
            # Through Any: compiled code would read the base class's window where a user's class has its own.
            anyone: Any = instrument
            begin, end = anyone.window
            self.steps_from = min(self.steps_from, begin)
            self.steps_until = max(self.steps_until, end) if steps_before else end

    def drop(self, instrument: Instrument) -> None:
        """Tell an instrument nothing more."""
        for name in HOOKS:
            setattr(self, name, tuple(each for each in getattr(self, name) if each.__self__ is not instrument))
