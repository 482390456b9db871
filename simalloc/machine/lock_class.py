"""What lockdep and lock_stat merge: all locks of one class follow the same rules, whatever object each protects."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simalloc.machine.cpu import Cpu
    from simalloc.machine.lock import SpinLock


class LockClass:
    """A class of locks: zone->lock of every zone is one. Two classes differ even if they have one name.

    Linux v4.10 (ea57485af8f4), include/linux/lockdep.h: struct lock_class, which a lock gets where it is initialised.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<LockClass {self.name}>"


class Wait:
    """A wait of a CPU for a lock that has not ended: since which cycle, in which function and context.

    `depth` is how many contexts it has interrupted; `waited`, `holding` and `fetched` are what the CPU had waited,
    held, and fetched in that context, by then.
    """

    __slots__ = ("context", "depth", "fetched", "holding", "lock", "since", "site", "waited")

    def __init__(self, lock: SpinLock, cpu: Cpu) -> None:
        self.lock = lock
        self.since = cpu.clock
        self.site = cpu.site
        self.context = cpu.context
        self.depth = len(cpu.below)
        self.waited = cpu.waited
        self.holding = cpu.holding
        self.fetched = cpu.tally[cpu.machine.transfer_step.index]
