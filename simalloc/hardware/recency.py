"""How long ago a CPU last used a struct page, measured in struct pages it used since.

This stands for the CPU's caches. A `struct page` is one 64-byte line; how much of it is still near depends on how many
other lines were used in between. The measure is reuse *time* (uses since), an upper bound of the stack distance
(distinct lines since) that costs O(1). It is quantised to `LEVELS` levels of d / (d + half_point), so that every level
can be a step with a fixed cost.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from operator import sub
from typing import Final

from simalloc.hardware.per_frame import CHUNK, CHUNK_MASK, PerFrame, is_run, run_ends

LEVELS: Final = 16

_GRAIN: Final = 64
"""Levels begin at multiples of so many uses."""

_FARTHEST: Final = 1 << 18
"""Distances beyond this are all of the last level."""

_NEVER: Final = 1 << 60
"""The distance of a page never used."""


STREAM: Final = 64
"""Struct pages this near to the one used before are fetched ahead: a hardware stream follows lines within 4 KiB."""


class Recency:
    """One CPU's last use of every page frame it has used. `half_point` is the distance, in lines, of half the cost.

    `llc_lines` is how many lines this CPU has of the last-level cache; 0: nobody asks where a line is.
    """

    def __init__(self, half_point: int, llc_lines: int = 0) -> None:
        self.uses = 0
        self._previous = -_NEVER
        self._l2_lines, self._llc_lines = half_point, llc_lines
        self._nearer = 1
        self._last = PerFrame("q", -_NEVER)
        middles = range(_GRAIN // 2, _FARTHEST, _GRAIN)
        levels = [min(int(LEVELS * d / (d + half_point)), LEVELS - 1) for d in middles]
        # The least distance of each level; whatever is farther than we look is of the last.
        self._from = [_GRAIN * bisect_left(levels, level) for level in range(LEVELS)]

    def stand_for(self, times: int) -> None:
        """Take every use for so many: a run of fewer pages than the one it stands for leaves the caches as warm."""
        self._nearer = max(1, times)

    def sources(self, pfns: Sequence[int]) -> tuple[int, int]:
        """Return how many of these struct pages come from the last-level cache and how many from memory, in full.

        To be asked before they are used. One that is near the one before in the list, or that a private cache still
        has, is not among them; nor is one that this CPU has never used.
        """
        cached, uncached, previous = 0, 0, self._previous
        since = self.uses
        for pfn in pfns:
            since += 1
            if abs(pfn - previous) > STREAM:
                distance = self._nearer * (since - self._last.chunk(pfn)[pfn & CHUNK_MASK])
                if distance > self._llc_lines:
                    uncached += distance < _NEVER >> 1
                elif distance > self._l2_lines:
                    cached += 1
            previous = pfn
        self._previous = previous
        return cached, uncached

    def buddies(self, pfns: Sequence[int]) -> tuple[int, int]:
        """Return the same of the second neighbours of blocks, which are looked at when blocks are joined."""
        previous = self._previous
        found = self.sources([pfn ^ 2 for pfn in pfns])
        self._previous = previous
        return found

    def touch(self, pfn: int) -> int:
        """Use the struct page of `pfn`; return how cold it was: 0 (just used) ... LEVELS - 1 (long ago, or never)."""
        uses = self.uses = self.uses + 1
        chunk, place = self._last.chunk(pfn), pfn & CHUNK_MASK
        distance = uses - chunk[place]
        chunk[place] = uses
        return bisect_right(self._from, distance) - 1

    def touch_all(self, pfns: Sequence[int]) -> list[tuple[int, int]]:
        """Use many different ones, one after the other; return (level, how many were that cold), warmest first.

        Pages used in order were mostly used in order before: their distances are near each other.
        """
        count = len(pfns)
        if not count:
            return []
        begin = self.uses
        end = self.uses = begin + count
        before = self._replace_run(pfns[0], begin + 1, 1, count) if is_run(pfns) else self._replace(pfns, begin)
        # No distance is less than the first of these two, none more than the second.
        warmest = bisect_right(self._from, begin + 1 - max(before)) - 1
        coldest = bisect_right(self._from, end - min(before)) - 1
        if warmest == coldest:
            return [(warmest, count)]
        return self._by_level(list(map(sub, range(begin + 1, end + 1), before)))

    def _replace_run(self, first: int, number: int, step: int, count: int) -> array[int]:
        """Number the uses of neighbours in one chunk from `number` by `step`; return the last use of each before."""
        chunk, place = self._last.chunk(first), first & CHUNK_MASK
        before = chunk[place : place + count]
        chunk[place : place + count] = array("q", range(number, number + step * count, step))
        return before

    def _replace(self, pfns: Sequence[int], begin: int) -> array[int]:
        """Number the uses of any frames from `begin + 1` on; return the last use of each before.

        Lists are last in, first out, so pages often come in descending order: they are then gone through backwards.
        """
        ends = run_ends(pfns)
        if 2 * len(ends) > len(pfns):
            backwards = pfns[::-1]
            fewer = run_ends(backwards)
            if len(fewer) < len(ends):
                return self._replace_runs(backwards, fewer, begin + len(pfns), -1)[::-1]
        return self._replace_runs(pfns, ends, begin + 1, 1)

    def _replace_runs(self, pfns: Sequence[int], ends: Sequence[int], number: int, step: int) -> array[int]:
        """Number the uses of runs of frames that end at `ends`; return the last use of each before."""
        before, done = array("q"), 0
        for end in ends:
            while done < end:
                pfn = pfns[done]
                count = min(end - done, CHUNK - (pfn & CHUNK_MASK))
                if count == 1:
                    chunk, place = self._last.chunk(pfn), pfn & CHUNK_MASK
                    before.append(chunk[place])
                    chunk[place] = number + step * done
                else:
                    before += self._replace_run(pfn, number + step * done, step, count)
                done += count
        return before

    def _by_level(self, distances: list[int]) -> list[tuple[int, int]]:
        """Return (level, how many) of distances, warmest first."""
        warmest, coldest = (bisect_right(self._from, each(distances)) - 1 for each in (min, max))
        if warmest == coldest:
            return [(warmest, len(distances))]
        distances.sort()
        found, done = [], 0
        for level in range(warmest, coldest + 1):
            beyond = bisect_left(distances, self._from[level + 1]) if level < coldest else len(distances)
            if beyond > done:
                found.append((level, beyond - done))
            done = beyond
        return found

    def repeat(self, uses: int, times: int, pfns: Iterable[int]) -> None:
        """Repeat the last `uses` uses, which were of some of `pfns`, `times` times more in one go."""
        since, later = self.uses - uses, uses * times
        for pfn in pfns:
            chunk, place = self._last.chunk(pfn), pfn & CHUNK_MASK
            if chunk[place] > since:
                chunk[place] += later
        self.uses += later


def share_of_level(level: int) -> float:
    """Return the middle of the range of d / (d + half_point) that `level` stands for; level 0 costs nothing."""
    return (level + 0.5) / LEVELS if level else 0.0
