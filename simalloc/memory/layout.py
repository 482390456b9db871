"""Free memory as a machine's own /proc tells it: which zone has how many free pages, in which blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simalloc.memory.buddy import PAGEBLOCK_ORDER, TOP_ORDER, TOP_PAGES, Buddy
from simalloc.memory.migratetype import MigrateType
from simalloc.memory.zone import Zone

FreeBlocks = Mapping[tuple[int, MigrateType], int]
"""How many free blocks there are by order and migratetype."""


def lay_out(zone: Zone, free_pages: int, blocks: FreeBlocks) -> None:
    """Leave these blocks free, at the zone's upper end, and all below in use; without blocks, the largest there can be.

    A block's buddy is in use, so that nothing merges before something is freed; where the zone is too full for that,
    the free pages are in the largest blocks. Every pageblock is of the type of the blocks in it. Raises ValueError if
    they do not fit.
    """
    pages = {mt: sum(n << order for (order, of), n in blocks.items() if of is mt) for mt in MigrateType}
    if not any(pages.values()):
        pages[MigrateType.MOVABLE] = free_pages
        blocks = {}
    if not blocks or not _place(zone, lambda buddy, at, mt: _apart(buddy, at, mt, blocks)):
        fits = _place(zone, lambda buddy, at, mt: _together(buddy, at, mt, pages[mt]))
        if not fits:
            there = zone.end - zone.start
            raise ValueError(f"zone {zone.name}: {sum(pages.values())} free pages do not fit into its {there} frames")


def _place(zone: Zone, put: Callable[[Buddy, int, MigrateType], int]) -> bool:
    """Put the blocks of each type below those of the one before; return whether they fit."""
    buddy = Buddy(zone.start, zone.end - zone.start, empty=True)
    at = zone.end // TOP_PAGES * TOP_PAGES
    for mt in MigrateType:
        top = at
        at = put(buddy, at, mt) // TOP_PAGES * TOP_PAGES
        if at < zone.start:
            return False
        if mt is not MigrateType.MOVABLE:
            for pfn in range(at, top, 1 << PAGEBLOCK_ORDER):
                buddy.set_pageblock_type(pfn, mt)
    zone.restart(buddy)
    zone.in_use = range(zone.start, at)
    return True


def _apart(buddy: Buddy, at: int, mt: MigrateType, blocks: FreeBlocks) -> int:
    """Put blocks below frame `at`, each beside a buddy that is in use; return the lowest frame."""
    for order in range(TOP_ORDER, -1, -1):
        slot = 1 << min(order + 1, TOP_ORDER)
        for _ in range(blocks.get((order, mt), 0)):
            at = (at - slot) // slot * slot
            buddy.insert(at, order, mt)
    return at


def _together(buddy: Buddy, at: int, mt: MigrateType, pages: int) -> int:
    """Put so many pages below frame `at`, in the largest blocks; return the lowest frame."""
    low = at - -(-pages // TOP_PAGES) * TOP_PAGES
    buddy.insert_range(low, pages % TOP_PAGES, mt)
    buddy.insert_range(at - pages // TOP_PAGES * TOP_PAGES, pages // TOP_PAGES * TOP_PAGES, mt)
    return low


class InUse:
    """Hands out blocks that are in use when a simulation starts, for somebody to free."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self._next: dict[MigrateType, int] = {}
        self._pageblock = zone.in_use.start

    def block(self, order: int, mt: MigrateType) -> int | None:
        """Return a block in use whose pageblock is of this type; None if there are no more."""
        size = 1 << order
        at = -(-self._next.get(mt, 0) // size) * size
        pageblock = 1 << PAGEBLOCK_ORDER
        if at % pageblock == 0 or (at + size - 1) >> PAGEBLOCK_ORDER != (at - 1) >> PAGEBLOCK_ORDER:
            at = -(-self._pageblock // max(size, pageblock)) * max(size, pageblock)
            end = at + max(size, pageblock)
            if end > self.zone.in_use.stop:
                return None
            self._pageblock = end
            if mt is not MigrateType.MOVABLE:
                for pfn in range(at, end, pageblock):
                    self.zone.buddy.set_pageblock_type(pfn, mt)
        self._next[mt] = at + size
        self.zone.lent += size
        return at
