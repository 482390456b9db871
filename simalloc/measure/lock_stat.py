"""Lock statistics per lock class, after /proc/lock_stat (Documentation/locking/lockstat.rst); times in cycles."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from mypy_extensions import mypyc_attr

from simalloc.machine import Cpu, Instrument, LockClass, SpinLock

FEW: Final = 16
"""Steps compared at once: most of a machine's are not run in a hold."""

SHARPNESS = 4
"""Bits of a length that its bin keeps beside the leading one: 16 bins to a doubling, none wider than 6.25 %."""


@dataclass(slots=True)
class Times:
    """Exact counts per length of a time, in cycles."""

    counts: Counter[int] = field(default_factory=Counter)

    @property
    def max(self) -> int:
        """The longest, 0 if there is none."""
        return max(self.counts, default=0)

    @property
    def total(self) -> int:
        """The sum of all."""
        return sum(cycles * times for cycles, times in self.counts.items())

    def columns(self, name: str) -> dict[str, float]:
        """Return the four columns lock_stat prints."""
        total, least = self.total, min(self.counts, default=0)
        average = total / self.counts.total() if self.counts else 0.0
        return {f"{name}_min": least, f"{name}_max": self.max, f"{name}_total": total, f"{name}_avg": average}

    def histogram(self) -> list[tuple[int, int]]:
        """Return (lower bound, count) of the bins that hold any, in order; below 32 cycles each length has its own.

        What is at least as long as a bin's lower bound is counted exactly; there are at most 16 bins to a doubling.
        """
        bins: Counter[int] = Counter()
        for cycles, times in self.counts.items():
            dropped = max(0, cycles.bit_length() - SHARPNESS - 1)
            bins[cycles >> dropped << dropped] += times
        return sorted(bins.items())


@dataclass(slots=True)
class ClassStat:
    """What one lock class has seen: all its locks together, as lockdep merges them.

    `waiters_at` and `holders_at` count contentions by the function that waited, and by the one whose hold it waited
    for last. `hold_by_activity` is what holders did (cycles) in holds at whose end somebody waited.
    """

    lock: str
    acquisitions: int = 0
    contentions: int = 0
    acq_bounces: int = 0
    con_bounces: int = 0
    wait: Times = field(default_factory=Times)
    hold: Times = field(default_factory=Times)
    waiters_at: Counter[str] = field(default_factory=Counter)
    holders_at: Counter[str] = field(default_factory=Counter)
    hold_by_activity: Counter[str] = field(default_factory=Counter)

    def row(self) -> dict[str, Any]:
        """Return the class as a flat row, but for three tables by site and by activity, and two histograms (cycles)."""
        return {
            "lock": self.lock,
            "con_bounces": self.con_bounces,
            "contentions": self.contentions,
            **self.wait.columns("waittime"),
            "acq_bounces": self.acq_bounces,
            "acquisitions": self.acquisitions,
            **self.hold.columns("holdtime"),
            "waiters_at": _most_first(self.waiters_at),
            "holders_at": _most_first(self.holders_at),
            "hold_by_activity": _most_first(self.hold_by_activity),
            "wait_histogram": [list(each) for each in self.wait.histogram()],
            "hold_histogram": [list(each) for each in self.hold.histogram()],
        }


def _most_first(counted: Counter[str]) -> dict[str, int]:
    """Order by count, then by name: never by who happened to be met first."""
    return dict(sorted(counted.items(), key=lambda each: (-each[1], each[0])))


@mypyc_attr(allow_interpreted_subclasses=True)
class LockStat(Instrument):
    """Counts acquisitions, contentions and bounces (the lock was last held by another CPU), sums waits and holds."""

    def __init__(self) -> None:
        self.classes: dict[LockClass, ClassStat] = {}
        self._before: dict[SpinLock, tuple[list[int], str]] = {}
        self._last_site: dict[SpinLock, str] = {}
        self._activities: list[str] = []

    def lock_acquired(self, cpu: Cpu, lock: SpinLock, waited: int, contended: bool) -> None:
        """Count an acquisition, and its wait if it had to."""
        entry = self._entry(lock)
        bounced = lock.last_holder is not None and lock.last_holder is not cpu
        entry.acquisitions += 1
        entry.acq_bounces += bounced
        if contended:
            entry.contentions += 1
            entry.con_bounces += bounced
            entry.wait.counts[waited] += 1
            entry.waiters_at[cpu.site] += 1
            entry.holders_at[self._last_site.get(lock, "")] += 1
        self._before[lock] = (cpu.tally.copy(), cpu.site)

    def lock_hits(self, cpu: Cpu, lock: SpinLock, held: int, times: int) -> None:  # noqa: ARG002
        """Count a stride's."""
        entry = self._entry(lock)
        entry.acquisitions += times
        entry.hold.counts[held] += times

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a class, by name: which lock is taken first may differ between runs that are otherwise equal."""
        return [entry.row() for entry in sorted(self.classes.values(), key=lambda each: each.lock)]

    def _entry(self, lock: SpinLock) -> ClassStat:
        entry = self.classes.get(lock.lock_class)
        if entry is None:
            entry = self.classes[lock.lock_class] = ClassStat(self._name(lock.lock_class))
        return entry

    def _name(self, lock_class: LockClass) -> str:
        """Return what to call it: as lockdep does, a number tells classes of one name apart."""
        others = sum(each.name == lock_class.name for each in self.classes)
        return f"{lock_class.name}#{others + 1}" if others else lock_class.name

    def of(self, name: str) -> ClassStat:
        """Return what the class of this name has seen: nothing, if no lock of it was taken."""
        return next((entry for entry in self.classes.values() if entry.lock == name), ClassStat(name))

    def lock_released(self, cpu: Cpu, lock: SpinLock, held: int) -> None:
        """Add up the hold, and what it was spent on if somebody waits."""
        entry = self.classes[lock.lock_class]
        entry.hold.counts[held] += 1
        before, self._last_site[lock] = self._before.pop(lock)
        if not lock.is_wanted():
            return
        steps, rest = cpu.machine.steps, held
        tally = cpu.tally
        activities = self._activities
        if len(activities) < len(tally):
            activities += [steps[index].activity.value for index in range(len(activities), len(tally))]
        for first in range(0, len(tally), FEW):
            if tally[first : first + FEW] == before[first : first + FEW]:
                continue
            for index in range(first, min(first + FEW, len(tally))):
                times = tally[index] - before[index]
                if times and (cycles := times * steps[index].cycles):
                    entry.hold_by_activity[activities[index]] += cycles
                    rest -= cycles
        if rest:
            entry.hold_by_activity["interrupts taken meanwhile"] += rest
