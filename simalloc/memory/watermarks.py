"""How many free pages each zone keeps back, and from where on reclaim runs.

Linux v4.10 (ea57485af8f4), mm/page_alloc.c: init_per_zone_wmark_min(), __setup_per_zone_wmarks(); mm/khugepaged.c:
set_recommended_min_free_kbytes().
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

from simalloc.memory.buddy import PAGEBLOCK_PAGES
from simalloc.memory.size import PAGE_SIZE

PAGE_KIB = PAGE_SIZE // 1024

BELOW_4_GIB = (1 << 32) // PAGE_SIZE
"""Pages that x86-64 puts into two zones of their own, ZONE_DMA and ZONE_DMA32."""

PCP_TYPES = 3


@dataclass(frozen=True, slots=True)
class Watermarks:
    """Free pages below which allocations slow down (`low`), fail (`min`), or reclaim stops again (`high`)."""

    min: int
    low: int
    high: int


def min_free_kib(machine_pages: int, zones: int, *, at_most: int = 65536, huge_pages: bool = True) -> int:
    """Return min_free_kbytes of a machine of so many pages in `zones` zones beside those below 4 GiB.

    The square root of 16 x KiB of memory, 128 ... `at_most`. Transparent huge pages, on by default on most
    distributions, raise it to 11 pageblocks a zone (2 free, and 2 x 3 x 3 / 2 for types to fall back to), but to no
    more than a twentieth of memory; ZONE_DMA and ZONE_DMA32 count there.
    """
    kib = min(max(isqrt(machine_pages * PAGE_KIB * 16), 128), at_most)
    if huge_pages:
        all_zones = 2 if machine_pages <= BELOW_4_GIB else 2 + zones
        blocks = all_zones * (2 + PCP_TYPES * PCP_TYPES)
        kib = max(kib, min(blocks * PAGEBLOCK_PAGES, machine_pages // 20) * PAGE_KIB)
    return kib


def watermarks(zone_pages: int, machine_pages: int, min_free_kbytes: int) -> Watermarks:
    """Return a zone's watermarks: its share of min_free_kbytes by size.

    LOW and HIGH lie a quarter of that, or 0.1 % of the zone, further up each (watermark_scale_factor 10, Linux v4.6).
    """
    low_mark = min_free_kbytes // PAGE_KIB * zone_pages // machine_pages
    gap = max(low_mark // 4, zone_pages * 10 // 10000)
    return Watermarks(min=low_mark, low=low_mark + gap, high=low_mark + 2 * gap)
