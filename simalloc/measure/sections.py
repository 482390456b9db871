"""Named stretches of a program, and how often each step ran inside them.

A workload marks what it times; with these counts a measurement is a sum of steps, which is what a calibration solves
for and what tells a reader where the cycles of one figure went.
"""

from __future__ import annotations

from simalloc.machine import Cpu


class Sections:
    """Step counts (by step index, over all contexts) of every section, added up over its runs.

    A section's key is what it measures and at which parameter, such as ("alloc", 64).
    """

    def __init__(self) -> None:
        self.counts: dict[tuple[str, int], list[int]] = {}
        self.runs: dict[tuple[str, int], int] = {}
        self._open: dict[int, list[int]] = {}

    def begin(self, cpu: Cpu) -> None:
        """Enter a section on this CPU."""
        self._open[cpu.index] = _total(cpu)

    def end(self, cpu: Cpu, key: tuple[str, int]) -> None:
        """Leave the section, and add what ran since `begin` to `key`."""
        before, now = self._open.pop(cpu.index), _total(cpu)
        so_far = self.counts.get(key) or [0] * len(now)
        self.counts[key] = [a + b - c for a, b, c in zip(so_far, now, before, strict=True)]
        self.runs[key] = self.runs.get(key, 0) + 1


def _total(cpu: Cpu) -> list[int]:
    return [sum(counts) for counts in zip(*cpu.tallies, strict=True)]
