"""Batch means: the measured time cut into windows, what fell into each, and a confidence interval over them."""

from __future__ import annotations

from math import sqrt
from statistics import fmean, stdev


def half_interval(values: list[float], confidence: float = 0.95) -> float:
    """Return half the confidence interval of the mean of independent values (Student's t); there are two or more."""
    from scipy.special import stdtrit  # noqa: PLC0415 - a fifth of a second of import that runs without intervals spare

    quantile = float(stdtrit(len(values) - 1, (1 + confidence) / 2))
    return quantile * stdev(values) / sqrt(len(values))


class Windows:
    """Sums per window, `length` cycles in all from `start` on."""

    def __init__(self, start: int, length: int, windows: int) -> None:
        self.start = start
        self.length = length // windows
        self.windows = windows
        self._sums: dict[str, list[float]] = {}

    def add(self, name: str, cycle: int, amount: float) -> None:
        """Add to the window that `cycle` is in; nothing outside the measured time."""
        window = (cycle - self.start) // self.length
        if 0 <= window < self.windows:
            sums = self._sums.get(name)
            if sums is None:
                sums = self._sums[name] = [0.0] * self.windows
            sums[window] += amount

    def spread(self, name: str, start: int, end: int, amount: float) -> None:
        """Add what was spread evenly over the cycles from `start` to before `end`, to each window its part."""
        first, last = (start - self.start) // self.length, (end - 1 - self.start) // self.length
        if first >= last:
            self.add(name, start, amount)
            return
        for window in range(max(first, 0), min(last, self.windows - 1) + 1):
            begin = self.start + window * self.length
            part = min(end, begin + self.length) - max(start, begin)
            self.add(name, begin, float(amount) * part / (end - start))

    def end_of(self, cycle: int) -> int:
        """Return the cycle at which the window that `cycle` is in ends."""
        return self.start + ((cycle - self.start) // self.length + 1) * self.length

    def series(self, name: str) -> list[float]:
        """Return the sum of each window."""
        return self._sums.get(name, [0.0] * self.windows)

    def mean(self, name: str, factor: float = 1.0) -> tuple[float, float]:
        """Return the mean over windows times `factor`, and half its 95 % confidence interval."""
        sums = [amount * factor for amount in self.series(name)]
        return fmean(sums), half_interval(sums)
