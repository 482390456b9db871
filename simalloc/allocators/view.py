"""What a CPU knows of a zone without holding its lock.

The kernel reads NR_FREE_PAGES and pageblock types unlocked and lives with stale values. Here a CPU sees both as they
were when it last held zone->lock. That is a definition, not an approximation of the engine: it makes the value the
same whether CPUs run ahead on local clocks or in lockstep.
"""

from __future__ import annotations

from collections.abc import Sequence

from simalloc.memory import PAGEBLOCK_ORDER, MigrateType, Zone
from simalloc.memory.tuning import BELOW_HIGH, RECLAIM

MOVABLE = MigrateType.MOVABLE


class ZoneView:
    """One CPU's view of one zone: `free_pages`, `pressure` (as `Tuning` is told), and the migratetype of pageblocks."""

    __slots__ = ("_read", "_types", "_zone", "free_pages", "pressure")

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._types: dict[int, MigrateType] = {}
        self._read = 0
        self.free_pages = 0
        self.pressure = 0
        self.refresh()

    def refresh(self) -> None:
        """Look at the zone as it is now: the CPU holds its lock."""
        zone = self._zone
        free_pages = self.free_pages = zone.free_pages
        below = BELOW_HIGH if free_pages < zone.watermarks.high else 0
        self.pressure = below | RECLAIM if zone.reclaim_active else below
        changes = zone.buddy.changes
        if self._read < len(changes):
            self._types.update(changes[self._read :])
            self._read = len(changes)

    def pageblock_type(self, pfn: int) -> MigrateType:
        """Return the migratetype of the pageblock around `pfn`, as last seen."""
        return self._types.get(self._zone.buddy.pageblock(pfn), MOVABLE)

    def file(self, pfns: Sequence[int], lowest: int, highest: int, lists: Sequence[list[int]]) -> None:
        """Append every page, all from `lowest` to `highest`, to the list of its pageblock's type."""
        get = self._types.get
        first, last = lowest >> PAGEBLOCK_ORDER, highest >> PAGEBLOCK_ORDER
        if first == last:
            lists[get(first, MOVABLE)].extend(pfns)
            return
        near = last - first < len(pfns)
        blocks = range(first, last + 1) if near else {pfn >> PAGEBLOCK_ORDER for pfn in pfns}
        types = {get(block, MOVABLE) for block in blocks}
        if len(types) == 1:
            lists[types.pop()].extend(pfns)
            return
        for pfn in pfns:
            lists[get(pfn >> PAGEBLOCK_ORDER, MOVABLE)].append(pfn)
