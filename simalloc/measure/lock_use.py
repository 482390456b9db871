"""How often locks are asked for, and how often a try finds one taken."""

from __future__ import annotations

from collections import Counter

from mypy_extensions import mypyc_attr

from simalloc.machine import Cpu, Instrument, SpinLock


@mypyc_attr(allow_interpreted_subclasses=True)
class LockUse(Instrument):
    """Counts per class of locks: `asked`, those that waited and those that only tried, and `taken`."""

    every_page = False

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()

    def lock_asked(self, cpu: Cpu, lock: SpinLock, tried: bool) -> None:  # noqa: ARG002
        """Count it."""
        self.asked[lock.name] += 1

    def lock_acquired(self, cpu: Cpu, lock: SpinLock, waited: int, contended: bool) -> None:  # noqa: ARG002
        """Count it."""
        self.taken[lock.name] += 1

    def lock_hits(self, cpu: Cpu, lock: SpinLock, held: int, times: int) -> None:  # noqa: ARG002
        """Count those of a stride."""
        self.asked[lock.name] += times
        self.taken[lock.name] += times

    def missed(self, name: str) -> float:
        """Return the share of requests for locks of this class that did not get one, in %; 0 if there were none."""
        asked = self.asked[name]
        return 100 * (asked - self.taken[name]) / asked if asked else 0.0
