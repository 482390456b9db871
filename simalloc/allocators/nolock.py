"""Pages without waiting, in any context: what BPF programs use, also in an NMI, with any lock held below them.

Linux v6.15 (97769a53f117, 8c57b687e833), mm/page_alloc.c: try_alloc_pages() and free_pages_nolock(). Every lock is
tried, none waited for; one attempt, no reclaim, and failure is expected. A free that gets no lock leaves its block on a
list of the zone that needs none; the next ordinary free that takes zone->lock for one block takes those along.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from simalloc.machine import Cpu, Program, Sync
from simalloc.memory import MigrateType, Zone

if TYPE_CHECKING:
    from simalloc.allocators.linux import Linux

Left = tuple[int, int, MigrateType]
"""A block that waits for somebody with the zone's lock: its first frame, order and type."""


class NoLock:
    """The calls that may not spin, of one allocator; and the blocks that its zones' lockless lists have.

    `asked` and `failed` count allocations.
    """

    def __init__(self, linux: Linux) -> None:
        self.linux = linux
        self.left: defaultdict[Zone, list[Left]] = defaultdict(list)
        self.asked = self.failed = 0

    def pages_left(self, zone: Zone) -> int:
        """Return how many pages are on the zone's list."""
        return sum(1 << order for _, order, _ in self.left[zone])

    def alloc(self, cpu: Cpu, order: int, mt: MigrateType) -> Program[int | None]:
        """Try to get a block of an order that pcps have; None if a lock was taken, or MIN fails. It is not zeroed here.

        Raises ValueError for another order.
        """
        linux, k = self.linux, self.linux.k
        if order not in linux.pcp_orders:
            raise ValueError(f"an allocation that may not spin is of an order that pcps have, not {order}")
        yield k.alloc_call
        self.asked += 1
        for zone in linux.zonelists[cpu.index]:
            if linux.views[zone][cpu.index].free_pages - (1 << order) < zone.watermarks.min:
                continue
            pfn = yield from self._from_pcp(cpu, zone, order, mt)
            if pfn is None:
                pfn = yield from self._from_buddy(cpu, zone, order, mt)
            if pfn is not None:
                yield k.zone_counters
                yield k.prep_new_page
                for saw in linux.hooks.page_allocated:
                    saw(cpu, pfn, order)
                for ended in linux.hooks.call_ended:
                    ended(cpu)
                return pfn
        self.failed += 1
        return None

    def _from_pcp(self, cpu: Cpu, zone: Zone, order: int, mt: MigrateType) -> Program[int | None]:
        linux, k, pcp = self.linux, self.linux.k, zone.pcps[cpu.index]
        cpu.site = "alloc_pages_nolock"
        for step in linux.entering:
            yield step
        if not (yield from linux.try_lock(cpu, pcp)):
            return None
        pcp.tuning.on_alloc(1)
        place, pfn = pcp.place(order, mt), None
        if not pcp.lists[place]:
            yield k.irq_save
            if (yield linux.zone_lock[zone].trylock):
                count = pcp.tuning.refill(pcp.count, order, linux.views[zone][cpu.index].pressure)
                linux.fill(cpu, pcp, (yield from linux.remove_blocks(cpu, zone, order, mt, count=count)), order, mt)
                yield linux.zone_lock[zone].release
            yield k.irq_restore
        if pcp.lists[place]:
            yield k.pcp_pop
            pfn = linux.pop(cpu, pcp, mt, order)
        yield from linux.unlock(cpu, pcp)
        for step in linux.leaving_alloc:
            yield step
        return pfn

    def _from_buddy(self, cpu: Cpu, zone: Zone, order: int, mt: MigrateType) -> Program[int | None]:
        linux, k, pfns = self.linux, self.linux.k, []
        yield k.irq_save
        if (yield linux.zone_lock[zone].trylock):
            pfns = yield from linux.remove_blocks(cpu, zone, order, mt)
            yield linux.zone_lock[zone].release
        yield k.irq_restore
        return pfns[0] if pfns else None

    def free(self, cpu: Cpu, pfn: int, order: int) -> Program[None]:
        """Free a block: to the pcp, whose high mark does not matter now; to the buddy lists; or to the zone's list."""
        linux, k = self.linux, self.linux.k
        for saw in linux.hooks.page_freed:
            saw(cpu, pfn, order)
        yield k.put_page
        yield k.free_prepare
        zone = linux.zone_of(pfn)
        pcp, mt = linux.home(cpu, zone, pfn)
        cpu.site = "free_pages_nolock"
        for step in linux.entering:
            yield step
        if (yield from linux.try_lock(cpu, pcp)):
            yield k.event_counter
            yield k.pcp_push
            linux.push(cpu, pcp, pfn, mt, order)
            yield from linux.unlock(cpu, pcp)
            for step in linux.leaving_free:
                yield step
        else:
            yield from self._to_zone(cpu, zone, (pfn, order, mt))
        for ended in linux.hooks.call_ended:
            ended(cpu)

    def _to_zone(self, cpu: Cpu, zone: Zone, block: Left) -> Program[None]:
        linux, k = self.linux, self.linux.k
        pfn, order, mt = block
        yield k.irq_save
        if (yield linux.zone_lock[zone].trylock):
            yield from linux.insert_blocks(cpu, zone, [(order, mt, [pfn])])
            yield linux.zone_lock[zone].release
        else:
            yield k.counter_atomic
            yield Sync()
            self.left[zone].append(block)
            for saw in linux.hooks.pages_left:
                saw(cpu, zone, order, [pfn])
        yield k.irq_restore

    def take_along(self, cpu: Cpu, zone: Zone) -> Program[None]:
        """Put what the zone's list has on the buddy lists, and count it; zone->lock is held."""
        left = self.left[zone]
        while left:
            pfn, order, mt = left.pop()
            yield self.linux.k.event_counter
            yield from self.linux.insert_blocks(cpu, zone, [(order, mt, [pfn])])
            yield Sync()
