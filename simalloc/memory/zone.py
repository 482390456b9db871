"""A zone: a range of page frames with its buddy lists, its watermarks and every CPU's pcp.

Linux v4.10 (ea57485af8f4), struct zone; watermarks from `init_per_zone_wmark_min` and `__setup_per_zone_wmarks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

from simalloc.memory.buddy import TOP_PAGES, Buddy
from simalloc.memory.pcp import Pcp, PcpSizes
from simalloc.memory.size import PAGE_SIZE

FIRST_FRAME = 1 << 20
"""Where the first zone starts: at 4 GiB, as ZONE_NORMAL does on x86-64."""

SMALLEST_ZONE = 4 * TOP_PAGES
"""16 MiB, the size of ZONE_DMA: below this the kernel's own arithmetic for watermarks and batches says little."""


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


class Zone:
    """`pages` page frames from `start`, and one pcp per CPU.

    `free_pages` is NR_FREE_PAGES: the pages on the buddy lists. Pages on pcp lists are not free pages. `node` is the
    NUMA node the memory is on; `pcp_orders` are the orders that pcps have lists for.
    """

    def __init__(
        self,
        name: str,
        pages: int,
        cpus: int,
        sizes: PcpSizes,
        start: int = FIRST_FRAME,
        *,
        node: int = 0,
        pcp_orders: Sequence[int] = (0,),
    ) -> None:
        if pages < SMALLEST_ZONE:
            raise ValueError(f"a zone of {pages} pages is too small; the smallest is {SMALLEST_ZONE} pages (16MiB)")
        self.name = name
        self.node = node
        self.pages = pages
        self.start = start
        self.end = start + pages
        self.watermarks = watermarks_v4_10(pages)
        self.buddy = Buddy(start, pages)
        self.free_pages = pages
        self.sizes = sizes
        self.pcps = [Pcp(sizes, pcp_orders) for _ in range(cpus)]

    def __contains__(self, pfn: int) -> bool:
        return self.start <= pfn < self.end

    def parked_pages(self) -> int:
        """Count the pages on pcp lists."""
        return sum(pcp.count for pcp in self.pcps)
