"""Lock statistics per lock class, after /proc/lock_stat (Documentation/locking/lockstat.rst); times in cycles."""

from __future__ import annotations

from dataclasses import dataclass

from simalloc.machine import Cpu, Instrument, SpinLock


@dataclass(slots=True)
class LockClass:
    """One lock class: all locks of one name together, as lockdep merges them."""

    lock: str
    acquisitions: int = 0
    contentions: int = 0
    acq_bounces: int = 0
    con_bounces: int = 0
    waittime_max: int = 0
    waittime_total: int = 0
    holdtime_max: int = 0
    holdtime_total: int = 0


class LockStat(Instrument):
    """Counts acquisitions, contentions and bounces (the lock was last held by another CPU), sums waits and holds."""

    def __init__(self) -> None:
        self.classes: dict[str, LockClass] = {}

    def lock_acquired(self, cpu: Cpu, lock: SpinLock, waited: int, contended: bool) -> None:
        """Count an acquisition, and its wait if it had to."""
        entry = self.classes.setdefault(lock.name, LockClass(lock.name))
        bounced = lock.last_holder is not None and lock.last_holder is not cpu
        entry.acquisitions += 1
        entry.acq_bounces += bounced
        if contended:
            entry.contentions += 1
            entry.con_bounces += bounced
            entry.waittime_total += waited
            entry.waittime_max = max(entry.waittime_max, waited)

    def lock_released(self, cpu: Cpu, lock: SpinLock, held: int) -> None:  # noqa: ARG002
        """Add up the hold."""
        entry = self.classes[lock.name]
        entry.holdtime_total += held
        entry.holdtime_max = max(entry.holdtime_max, held)
