"""Batch means: the measured time cut into windows, what fell into each, and a confidence interval over them."""

from __future__ import annotations

from statistics import fmean, stdev

from simalloc.machine import Cpu, Instrument, SpinLock

T_975 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
"""97.5 % quantiles of Student's t for so many windows."""


ZONE_LOCK = "zone->lock"


class Windows(Instrument):
    """Sums per window, `length` cycles in all from `start` on; as an instrument also zone->lock's waits and holds."""

    def __init__(self, start: int, length: int, windows: int) -> None:
        self.start = start
        self.length = length // windows
        self.windows = windows
        self._sums: dict[str, list[float]] = {}

    def add(self, name: str, cycle: int, amount: float) -> None:
        """Add to the window that `cycle` is in; nothing outside the measured time."""
        window = (cycle - self.start) // self.length
        if 0 <= window < self.windows:
            self._sums.setdefault(name, [0.0] * self.windows)[window] += amount

    def mean(self, name: str, factor: float = 1.0) -> tuple[float, float]:
        """Return the mean over windows times `factor`, and half its 95 % confidence interval."""
        sums = [amount * factor for amount in self._sums.get(name, [0.0] * self.windows)]
        return fmean(sums), T_975[self.windows] * stdev(sums) / self.windows**0.5

    def lock_acquired(self, cpu: Cpu, lock: SpinLock, waited: int, contended: bool) -> None:  # noqa: ARG002
        """Count the wait for zone->lock, in the window in which it ended."""
        if waited and lock.name == ZONE_LOCK:
            self.add("waited", cpu.clock, waited)

    def lock_released(self, cpu: Cpu, lock: SpinLock, held: int) -> None:
        """Count the hold."""
        if lock.name == ZONE_LOCK:
            self.add("held", cpu.clock, held)
