"""The state memory is in when a simulation starts."""

from __future__ import annotations

import numpy as np

from simalloc.memory.buddy import PAGEBLOCK_PAGES, Buddy
from simalloc.memory.migratetype import MigrateType
from simalloc.memory.zone import Zone


def warm(zone: Zone, mt: MigrateType) -> None:
    """Fill every CPU's pcp list of `mt` to high - batch pages, where a drain leaves it; batch if that is more."""
    for pcp in zone.pcps:
        wanted = max(pcp.high - pcp.batch, pcp.batch)
        pfns = zone.take(wanted, 0, mt)
        pcp.refill(pfns, mt)
        pcp.refilled = 0


def fragment(zone: Zone, span_pages: int, free_share: float, mt: MigrateType, rng: np.random.Generator) -> None:
    """Leave only scattered single pages free in the zone's first `span_pages`, chosen at random, and nothing else.

    As on a machine that has run for long: of every two buddies at most one is free, so there is nothing to split and
    nothing merges. `free_share` of all pages in the span are free (at most a half); everything beyond it is in use
    for good. The span's pageblocks belong to `mt`.
    """
    pairs = span_pages // PAGEBLOCK_PAGES * PAGEBLOCK_PAGES // 2
    which = rng.integers(0, 2, size=pairs)
    kept = rng.random(pairs) < 2 * free_share
    free = zone.start + (2 * np.arange(pairs) + which)[kept]
    rng.shuffle(free)
    buddy = Buddy(zone.start, zone.pages, empty=True)
    for start in range(zone.start, zone.start + 2 * pairs, PAGEBLOCK_PAGES):
        buddy.set_pageblock_type(start, mt)
    for pfn in free.tolist():
        buddy.insert(pfn, 0, mt)
    zone.restart(buddy)
