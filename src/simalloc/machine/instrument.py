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

    def irqs_off(self, cpu: Cpu) -> None:
        """The outermost interrupt mask went up."""

    def irqs_on(self, cpu: Cpu) -> None:
        """The outermost interrupt mask came down."""

    def page_allocated(self, cpu: Cpu, pfn: int, order: int) -> None:
        """A block of 2**order pages, first frame `pfn`, was handed to a caller."""

    def page_freed(self, cpu: Cpu, pfn: int, order: int) -> None:
        """A caller gave a block back."""


HOOKS = ("step", "lock_acquired", "lock_released", "irqs_off", "irqs_on", "page_allocated", "page_freed")

Hook = tuple[Callable[..., None], ...]


class Hooks:
    """For each hook the methods to call, in order of registration."""

    __slots__ = HOOKS

    step: Hook
    lock_acquired: Hook
    lock_released: Hook
    irqs_off: Hook
    irqs_on: Hook
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
