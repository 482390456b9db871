"""Mistakes that were made, or proposed, with the pcp lists: each is a small change of a generation that was right.

A scenario makes one with `allocator.mistake`; lockdep (`check: true`) reports it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from simalloc.allocators.generation import Generation


@dataclass(frozen=True, slots=True)
class Mistake:
    """A change of a generation. `fits` is whether it can be made there, `needs` says what it takes."""

    about: str
    change: Callable[[Generation], Generation]
    fits: Callable[[Generation], bool]
    needs: str


def _in_irq(right: Generation) -> Generation:
    return replace(right, entry=replace(right.entry, bars="hardirqs"))


def _plain_lock(right: Generation) -> Generation:
    return replace(right, entry=replace(right.entry, waits=True))


def _unmasked_zone_lock(right: Generation) -> Generation:
    return replace(right, entry=replace(right.entry, masks=True))


MISTAKES: dict[str, Mistake] = {
    "in-irq": Mistake(
        "in_irq() is asked where in_interrupt() must be: softirqs use lists that only preemption protects",
        _in_irq,
        lambda right: right.entry.bars == "interrupts",
        "a generation that bars interrupts from its lists, such as v4.11-rc",
    ),
    "plain-lock": Mistake(
        "the pcp's lock is taken and waited for where it must be tried, with interrupts on",
        _plain_lock,
        lambda right: right.entry.locks and not right.entry.masks,
        "a generation that tries the pcp's lock with interrupts on, such as v6.2",
    ),
    "unmasked-zone-lock": Mistake(
        "zone->lock is taken without masking interrupts, by a refill or drain of a task",
        _unmasked_zone_lock,
        lambda right: not right.entry.masks,
        "a generation that masks interrupts for zone->lock alone, such as v4.11-rc",
    ),
}
"""By name. in-irq: tried on 23 March 2017, a race came at once (thread of Linux v4.11-rc3). plain-lock: what v6.2
(574907741599) must not do. unmasked-zone-lock: what the January 2017 series has to mask for."""


def with_mistake(right: Generation, name: str) -> Generation:
    """Return the generation with this mistake made. Raises ValueError where it cannot be."""
    mistake = MISTAKES[name]
    if not mistake.fits(right):
        raise ValueError(f"{name} cannot be made in {right.name}; it needs {mistake.needs}")
    return mistake.change(right)
