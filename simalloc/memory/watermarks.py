"""How many free pages a zone keeps back, and from where on reclaim runs."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

from simalloc.memory.size import PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Watermarks:
    """Free pages below which allocations slow down (`low`), fail (`min`), or reclaim stops again (`high`)."""

    min: int
    low: int
    high: int


def watermarks_v4_10(managed_pages: int) -> Watermarks:
    """Return the watermarks of a machine that has only this zone.

    min_free_kbytes = sqrt(16 x KiB of memory), 128 ... 65536; low and high lie a quarter of it, or 0.1 % of the zone,
    further up each (watermark_scale_factor 10, Linux v4.6 and later).
    """
    kib = managed_pages * PAGE_SIZE // 1024
    min_free_kib = min(max(isqrt(kib * 16), 128), 65536)
    low_mark = min_free_kib * 1024 // PAGE_SIZE
    gap = max(low_mark // 4, managed_pages * 10 // 10000)
    return Watermarks(min=low_mark, low=low_mark + gap, high=low_mark + 2 * gap)
