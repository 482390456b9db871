"""Runs of neighbouring page frames in a list of pages.

Frames come in runs, because the buddy lists hand out blocks, and their owners free them in the same order or in the
opposite one. What is done to each page of a list can then be done to a run at once.
"""

from __future__ import annotations

from collections.abc import Sequence

FrameRun = tuple[int, int, int]
"""Neighbours: the first frame, how many there are, and 1 if they ascend or -1 if they descend. A single one has 1."""


def frame_runs(pfns: Sequence[int]) -> list[FrameRun]:
    """Split a list of different frames into runs, in order."""
    if not pfns:
        return []
    found: list[FrameRun] = []
    first = expected = pfns[0]
    step = 1
    for pfn in pfns:
        if pfn == expected:
            expected += step
        elif pfn == first - 1 and expected == first + 1:
            step, expected = -1, pfn - 1
        else:
            found.append((first, (expected - first) * step, step))
            first, expected, step = pfn, pfn + 1, 1
    found.append((first, (expected - first) * step, step))
    return found


def frames(runs: Sequence[FrameRun]) -> list[int]:
    """Return the frames of runs, in order."""
    pfns: list[int] = []
    for first, count, step in runs:
        pfns += range(first, first + count * step, step)
    return pfns


def span(runs: Sequence[FrameRun]) -> tuple[int, int]:
    """Return the lowest and the highest frame of runs, of which there is one at least."""
    lowest = highest = runs[0][0]
    for first, count, step in runs:
        last = first + (count - 1) * step
        if step > 0:
            lowest, highest = min(lowest, first), max(highest, last)
        else:
            lowest, highest = min(lowest, last), max(highest, first)
    return lowest, highest
