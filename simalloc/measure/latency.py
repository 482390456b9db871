"""How long interrupts, or bottom halves, are off, by whom; and how long interrupts wait to be taken.

Exact counts per length, so that maxima and quantiles are what they are. All in cycles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from mypy_extensions import mypyc_attr

from simalloc.machine import Cpu, Instrument

ALL = "all"

QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


@dataclass(slots=True)
class Lengths:
    """Counts per length; and of the longest what it was made of, where, and on which CPU.

    Of several equally long it is the one that waited longest, then held longest: not the first to be told of, which
    would depend on how far local clocks ran ahead.
    """

    counts: Counter[int] = field(default_factory=Counter)
    longest: tuple[int, int, int, str, int] = (-1, 0, 0, "", 0)

    def add(self, length: int, times: int, waited: int, held: int, site: str, cpu: int) -> None:
        """Count `times` of this length."""
        self.counts[length] += times
        if length >= self.longest[0]:
            self.longest = max(self.longest, (length, waited, held, site, cpu))

    def quantile(self, share: float) -> int:
        """Return the smallest length that at least `share` of all are no longer than."""
        left = share * self.counts.total()
        for length in sorted(self.counts):
            left -= self.counts[length]
            if left <= 1e-9:
                return length
        return 0

    def histogram(self) -> list[tuple[int, int]]:
        """Return (lower bound, count) of bins that double: 0, 1, 2, 4, 8, ... cycles; empty ones are left out."""
        bins: Counter[int] = Counter()
        for length, times in self.counts.items():
            bins[1 << (length.bit_length() - 1) if length else 0] += times
        return sorted(bins.items())


@mypyc_attr(allow_interpreted_subclasses=True)
class Latency(Instrument):
    """IRQ-off and BH-off windows by CPU and site, interrupt latencies by CPU and name."""

    def __init__(self) -> None:
        self.lengths: dict[tuple[str, str, str], Lengths] = {}
        self._counted_in: dict[tuple[str, int, str], list[Lengths]] = {}

    def irqs_window(self, cpu: Cpu, start: int, end: int, waited: int, held: int, times: int) -> None:
        """Count a window in which interrupts were off."""
        self._add("irqs_off", cpu, cpu.site, end - start, times, waited, held)

    def bh_window(self, cpu: Cpu, start: int, end: int, times: int) -> None:
        """Count a window in which a task had bottom halves off."""
        self._add("bh_off", cpu, cpu.site, end - start, times, 0, 0)

    def irq_taken(self, cpu: Cpu, name: str, latency: int) -> None:
        """Count an interrupt's way from its arrival to its entry."""
        self._add("irq_latency", cpu, name, latency, 1, 0, 0)

    def _add(self, kind: str, cpu: Cpu, site: str, length: int, times: int, waited: int, held: int) -> None:
        index = cpu.index
        found = self._counted_in.get((kind, index, site))
        if found is None:
            keys = [(kind, number, where) for number in (ALL, str(index)) for where in (ALL, site)]
            found = self._counted_in[kind, index, site] = [self.lengths.setdefault(key, Lengths()) for key in keys]
        for each in found:
            each.add(length, times, waited, held, site, index)

    def rows(self) -> Iterable[dict[str, object]]:
        """Return a flat row per kind, CPU (`all` or a number) and site (`all` or a name)."""
        for (kind, cpu, site), lengths in sorted(self.lengths.items()):
            longest, waited, held, where, on = lengths.longest
            yield {
                "kind": kind,
                "cpu": cpu,
                "site": site,
                "count": lengths.counts.total(),
                "mean": sum(length * times for length, times in lengths.counts.items()) / lengths.counts.total(),
                **{name: lengths.quantile(share) for name, share in QUANTILES.items()},
                "max": longest,
                "histogram": [list(each) for each in lengths.histogram()],
                "max_waited": waited,
                "max_held": held,
                "max_rest": longest - waited - held,
                "max_site": where,
                "max_cpu": on,
                "unit": "cycles",
            }
