"""How long ago a CPU last used a struct page, measured in struct pages it used since.

This stands for the CPU's caches. A `struct page` is one 64-byte line; how much of it is still near depends on how many
other lines were used in between. The measure is reuse *time* (uses since), an upper bound of the stack distance
(distinct lines since) that costs O(1). It is quantised to `LEVELS` levels of d / (d + half_point), so that every level
can be a step with a fixed cost.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from typing import Final

from simalloc.hardware.per_frame import CHUNK, CHUNK_MASK, PerFrame

LEVELS: Final = 16

_GRAIN: Final = 64
"""Levels begin at multiples of so many uses."""

_FARTHEST: Final = 1 << 18
"""Distances beyond this are all of the last level."""

_NEVER: Final = 1 << 59
"""The distance of a page never used, or near it; no other is half as large."""

Run = tuple[int, int, int]
"""Neighbouring frames: the first, how many, and 1 if they ascend or -1 if they descend."""

STREAM: Final = 64
"""Struct pages this near to the one used before are fetched ahead: a hardware stream follows lines within 4 KiB."""


class Recency:
    """One CPU's last use of every page frame it has used. `half_point` is the distance, in lines, of half the cost.

    `llc_lines` is how many lines this CPU has of the last-level cache; 0: nobody asks where a line is.

    Uses are numbered. A run of frames that is used in order needs one number: frame `pfn` was use `base + pfn` if they
    ascend, `base - pfn` if they descend. What is kept for each of them is `2 * base`, plus 1 if they descend.
    """

    def __init__(self, half_point: int, llc_lines: int = 0) -> None:
        self.uses = 0
        self._previous = -_NEVER
        self._l2_lines, self._llc_lines = half_point, llc_lines
        self._nearer = 1
        self._last = PerFrame(-_NEVER << 1)
        self._from = _levels_from(half_point)

    def stand_for(self, times: int) -> None:
        """Take every use for so many: a run of fewer pages than the one it stands for leaves the caches as warm."""
        self._nearer = max(1, times)

    def sources(self, runs: Sequence[Run], neighbour: int = 0) -> tuple[int, int]:
        """Return how many of these struct pages come from the last-level cache and how many from memory, in full.

        To be asked before they are used. One that is near the one before, as all but the first of a run are, or that a
        private cache still has, is not among them; nor is one that this CPU has never used. `neighbour`: not of these
        frames, but of those whose number differs from theirs in this bit.
        """
        cached, uncached, previous, since = 0, 0, self._previous, self.uses + 1
        for first, count, step in runs:
            pfn = first ^ neighbour
            if abs(pfn - previous) > STREAM:
                distance = self._nearer * (since - _use(self._last.chunk(pfn)[pfn & CHUNK_MASK], pfn))
                if distance > self._llc_lines:
                    uncached += distance < _NEVER >> 1
                elif distance > self._l2_lines:
                    cached += 1
            previous = first + (count - 1) * step ^ neighbour
            since += count
        self._previous = previous
        return cached, uncached

    def buddies(self, runs: Sequence[Run]) -> tuple[int, int]:
        """Return the same of the second neighbours of blocks, which are looked at when blocks are joined."""
        previous = self._previous
        found = self.sources(runs, neighbour=2)
        self._previous = previous
        return found

    def touch(self, pfn: int) -> int:
        """Use the struct page of `pfn`; return how cold it was: 0 (just used) ... LEVELS - 1 (long ago, or never)."""
        uses = self.uses = self.uses + 1
        chunk, place = self._last.chunk(pfn), pfn & CHUNK_MASK
        distance = uses - _use(chunk[place], pfn)
        chunk[place] = uses - pfn << 1
        return bisect_right(self._from, distance) - 1

    def touch_all(self, runs: Sequence[Run]) -> list[tuple[int, int]]:
        """Use many different ones, one after the other; return (level, how many were that cold), warmest first."""
        found: dict[int, int] = {}
        number = self.uses + 1
        for first, count, step in runs:
            low = first if step > 0 else first - count + 1
            # As it is kept: see the class.
            use = number - first << 1 if step > 0 else number + first << 1 | 1
            number += count
            end = low + count
            while low < end:
                chunk, place = self._last.chunk(low), low & CHUNK_MASK
                here = min(end - low, CHUNK - place)
                if here == 1:
                    last, chunk[place] = chunk[place], use
                    self._add_levels(low, 1, use, last, found)
                    low += 1
                    continue
                before = chunk[place : place + here]
                chunk[place : place + here] = [use] * here
                last = before[0]
                if before.count(last) == here:
                    self._add_levels(low, here, use, last, found)
                    low += here
                    continue
                for last, alike in groupby(before):
                    length = len(list(alike))
                    self._add_levels(low, length, use, last, found)
                    low += length
        self.uses = number - 1
        return sorted(found.items())

    def _add_levels(self, low: int, count: int, use: int, last: int, found: dict[int, int]) -> None:
        """Add to `found` how cold neighbours from frame `low` on are: numbered as `use` now, as `last` before.

        If both ascend or both descend, all are as far; else the distance grows by 2 from frame to frame, or falls.
        """
        begins = self._from
        if not (use ^ last) & 1:
            level = bisect_right(begins, use - last >> 1) - 1
            found[level] = found.get(level, 0) + count
            return
        high = low + count - 1
        near, far = _use(use, low) - _use(last, low), _use(use, high) - _use(last, high)
        if near > far:
            near, far = far, near
        level, coldest = bisect_right(begins, near) - 1, bisect_right(begins, far) - 1
        done = 0
        while level < coldest:
            nearer = begins[level + 1] - near + 1 >> 1
            if nearer > done:
                found[level] = found.get(level, 0) + nearer - done
                done = nearer
            level += 1
        found[coldest] = found.get(coldest, 0) + count - done

    def repeat(self, uses: int, times: int, runs: Sequence[Run]) -> None:
        """Repeat the last `uses` uses, which were of some of these frames, `times` times more in one go."""
        since, later = self.uses - uses, uses * times
        for first, count, step in runs:
            low = first if step > 0 else first - count + 1
            end = low + count
            while low < end:
                chunk, place = self._last.chunk(low), low & CHUNK_MASK
                for last, alike in groupby(chunk[place : place + min(end - low, CHUNK - place)]):
                    length = len(list(alike))
                    if min(_use(last, low), _use(last, low + length - 1)) > since:
                        chunk[place : place + length] = [last + 2 * later] * length
                    else:
                        for pfn in range(low, low + length):
                            if _use(last, pfn) > since:
                                chunk[pfn & CHUNK_MASK] = last + 2 * later
                    low += length
                    place += length
        self.uses += later


@cache
def _levels_from(half_point: int) -> list[int]:
    """Return the least distance of each level; whatever is farther than we look is of the last."""
    middles = range(_GRAIN // 2, _FARTHEST, _GRAIN)
    levels = [min(int(LEVELS * d / (d + half_point)), LEVELS - 1) for d in middles]
    return [_GRAIN * bisect_left(levels, level) for level in range(LEVELS)]


def _use(kept: int, pfn: int) -> int:
    """Return the number of the last use of `pfn`, for which this is kept."""
    return (kept >> 1) - pfn if kept & 1 else (kept >> 1) + pfn


def share_of_level(level: int) -> float:
    """Return the middle of the range of d / (d + half_point) that `level` stands for; level 0 costs nothing."""
    return (level + 0.5) / LEVELS if level else 0.0
