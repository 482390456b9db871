"""What lockdep and lock_stat merge: all locks of one class follow the same rules, whatever object each protects."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simalloc.machine.context import Context
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
    """A wait for a lock that has not ended: since which cycle, in which function and context.

    `waited`, `holding` and `fetched` are what its CPU had waited, held, and fetched in that context, by then.
    """

    __slots__ = ("context", "fetched", "holding", "lock", "since", "site", "waited")

    def __init__(
        self, lock: SpinLock, since: int, site: str, context: Context, waited: int, holding: int, fetched: int
    ) -> None:
        self.lock = lock
        self.since = since
        self.site = site
        self.context = context
        self.waited = waited
        self.holding = holding
        self.fetched = fetched
