"""A zone: a range of page frames with its buddy lists, its watermarks and every CPU's pcp.

Linux v4.10 (ea57485af8f4), struct zone.
"""

from __future__ import annotations

from collections.abc import Sequence

from simalloc.memory.buddy import TOP_PAGES, Buddy, FallbackRule
from simalloc.memory.migratetype import MigrateType
from simalloc.memory.neighbours import FrameRun, frames
from simalloc.memory.pcp import Pcp
from simalloc.memory.pcp_sizes import PcpSizes
from simalloc.memory.tuning import Tuning
from simalloc.memory.watermarks import Watermarks, min_free_kib, watermarks

FIRST_FRAME = 1 << 20
"""Where the first zone starts: at 4 GiB, as ZONE_NORMAL does on x86-64."""

SMALLEST_ZONE = 4 * TOP_PAGES
"""16 MiB, the size of ZONE_DMA: below this the kernel's own arithmetic for watermarks and batches says little."""


class Zone:
    """`pages` page frames from `start`, and one pcp per CPU.

    `free_pages` is NR_FREE_PAGES: the pages on the buddy lists. Pages on pcp lists are not free pages. `node` is the
    NUMA node the memory is on; `pcp_orders` are the orders that pcps have lists for, `tuning` how each adapts.
    `marks` are its watermarks, by default those of a machine that has only this zone; `reclaim_active` is whether
    kswapd works on it. A zone with holes has an `end` beyond its pages. Frames `in_use` are in use at the start;
    `lent` counts those of them that a workload has, which may free them.
    `fallback` is what a type without free blocks does.
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
        tuning: type[Tuning] = Tuning,
        marks: Watermarks | None = None,
        fallback: FallbackRule = "half a block",
        end: int | None = None,
    ) -> None:
        if pages < SMALLEST_ZONE and marks is None:
            raise ValueError(f"a zone of {pages} pages is too small; the smallest is {SMALLEST_ZONE} pages (16MiB)")
        self.name = name
        self.node = node
        self.pages = pages
        self.start = start
        self.end = start + pages if end is None else end
        self.watermarks = marks or watermarks(pages, pages, min_free_kib(pages, 1))
        self.reclaim_active = False
        self.buddy = Buddy(start, pages, fallback=fallback)
        self.in_use = range(start, start)
        self.lent = 0
        self.free_pages = pages
        self.sizes = sizes
        self.pcps = [Pcp(tuning(sizes), pcp_orders) for _ in range(cpus)]

    def __contains__(self, pfn: int) -> bool:
        return self.start <= pfn < self.end

    def parked_pages(self) -> int:
        """Count the pages on pcp lists."""
        return sum(pcp.count for pcp in self.pcps)

    def take(self, count: int, order: int, mt: MigrateType) -> list[int]:
        """Take up to `count` blocks of 2**order pages off the buddy lists; return their first frames."""
        if not order:
            return frames(self.take_pages(count, mt))
        pfns = [block for _ in range(count) if (block := self.buddy.remove(order, mt)) is not None]
        self.free_pages -= len(pfns) << order
        return pfns

    def take_pages(self, count: int, mt: MigrateType) -> list[FrameRun]:
        """Take up to `count` single pages off the buddy lists; return them as runs."""
        runs = self.buddy.remove_pages(count, mt)
        for _, pages, _ in runs:
            self.free_pages -= pages
        return runs

    def take_fragments(self, pageblock: int, mt: MigrateType, lowest: int) -> list[tuple[int, int]]:
        """Take the free blocks of a pageblock, as (order, first frame), off the buddy lists (`remove_fragments`)."""
        found = self.buddy.remove_fragments(pageblock, mt, lowest)
        self.free_pages -= sum(1 << order for order, _ in found)
        return found

    def give(self, pfns: Sequence[int], order: int, mt: MigrateType) -> None:
        """Put blocks of 2**order pages on the buddy lists, in this order."""
        if order:
            for pfn in pfns:
                self.buddy.insert(pfn, order, mt)
        else:
            self.buddy.insert_pages(pfns, mt)
        self.free_pages += len(pfns) << order

    def restart(self, buddy: Buddy) -> None:
        """Begin with these free blocks, and no others."""
        buddy.fallback_rule = self.buddy.fallback_rule
        self.buddy = buddy
        self.free_pages = buddy.free_pages()
