"""Observers of a run. A hook nobody listens to costs one look at an empty tuple.

The shape is trio's (`trio/_core/_instrumentation.py`): an instrument implements any subset of the hooks, and
registration files its methods per hook.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simalloc.machine.cpu import Cpu
    from simalloc.machine.lock import SpinLock
    from simalloc.machine.step import Step


class Instrument:
    """Base of all observers: override what you want to see. Cycles are the CPU's local clock at the event.

    An instrument only looks: it must not change the machine, and a run has the same results with and without it.
    """

    def step(self, cpu: Cpu, step: Step, times: int, start: int) -> None:
        """`times` runs of `step` began at cycle `start` and have just ended."""

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

    def page_allocated(self, cpu: Cpu, pfn: int, order: int) -> None:
        """A block of 2**order pages, first frame `pfn`, was handed to a caller."""

    def page_freed(self, cpu: Cpu, pfn: int, order: int) -> None:
        """A caller gave a block back."""


HOOKS = (
    "step",
    "lock_acquired",
    "lock_released",
    "irqs_window",
    "bh_window",
    "irq_taken",
    "page_allocated",
    "page_freed",
)

Hook = tuple[Callable[..., None], ...]


class Hooks:
    """For each hook the methods to call, in order of registration."""

    __slots__ = HOOKS

    step: Hook
    lock_acquired: Hook
    lock_released: Hook
    irqs_window: Hook
    bh_window: Hook
    irq_taken: Hook
    page_allocated: Hook
    page_freed: Hook

    def __init__(self) -> None:
        for name in HOOKS:
            setattr(self, name, ())

    def register(self, instrument: Instrument) -> None:
        """File those hooks that the instrument's class overrides."""
        for name in HOOKS:
            method: Any = getattr(type(instrument), name)
            if method is not getattr(Instrument, name):
                setattr(self, name, (*getattr(self, name), getattr(instrument, name)))
