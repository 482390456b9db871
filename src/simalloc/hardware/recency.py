"""How long ago a CPU last used a struct page, measured in struct pages it used since.

This stands for the CPU's caches. A `struct page` is one 64-byte line; how much of it is still near depends on how many
other lines were used in between. The measure is reuse *time* (uses since), an upper bound of the stack distance
(distinct lines since) that costs O(1). It is quantised to `LEVELS` levels of d / (d + half_point), so that every level
can be a step with a fixed cost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import repeat
from operator import sub

LEVELS = 16

_GRAIN = 6
"""Distances are looked up in grains of 2**6 uses."""

_TABLE = 1 << 12

_NEVER = 1 << 62
"""The distance of a page never used."""


class Recency:
    """One CPU's last use of every page frame it has used. `half_point` is the distance, in lines, of half the cost."""

    def __init__(self, half_point: int) -> None:
        self.uses = 0
        self._last: dict[int, int] = {}
        grain = 1 << _GRAIN
        self._level = [
            min(int(LEVELS * d / (d + half_point)), LEVELS - 1) for d in range(grain // 2, _TABLE * grain, grain)
        ]
        self._level.append(LEVELS - 1)

    def touch(self, pfn: int) -> int:
        """Use the struct page of `pfn`; return how cold it was: 0 (just used) ... LEVELS - 1 (long ago, or never)."""
        uses = self.uses = self.uses + 1
        last = self._last.get(pfn)
        self._last[pfn] = uses
        grains = min((uses - last) >> _GRAIN, _TABLE) if last is not None else _TABLE
        return self._level[grains]

    def touch_all(self, pfns: Sequence[int]) -> list[int]:
        """Use many different ones, one after the other; return how many were of each level of coldness.

        Pages used in order were mostly used in order before: few distances differ, so they are counted first.
        """
        now = range(self.uses + 1, self.uses + 1 + len(pfns))
        distances = Counter(map(sub, now, map(self._last.get, pfns, repeat(-_NEVER))))
        self._last.update(zip(pfns, now, strict=True))
        self.uses += len(pfns)
        counts = [0] * LEVELS
        for distance, times in distances.items():
            counts[self._level[min(distance >> _GRAIN, _TABLE)]] += times
        return counts


def share_of_level(level: int) -> float:
    """Return the middle of the range of d / (d + half_point) that `level` stands for; level 0 costs nothing."""
    return (level + 0.5) / LEVELS if level else 0.0
