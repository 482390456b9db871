"""irq-disable: interrupts are masked around every use of a pcp list, so every context may use it.

Linux v4.10 (ea57485af8f4), mm/page_alloc.c: buffered_rmqueue(), free_hot_cold_page().
"""

from __future__ import annotations

from simalloc.allocators.base import Allocator
from simalloc.machine import Cpu, Program
from simalloc.memory import MigrateType, Zone


class IrqDisable(Allocator):
    """One IRQ-off window per page; a refill or drain, with its wait for zone->lock, lies inside it."""

    def rmqueue(self, cpu: Cpu, zone: Zone, mt: MigrateType, *, cold: bool) -> Program[int | None]:
        """Mask, refill if empty, pop, count, unmask."""
        k = self.k
        cpu.site = "rmqueue"
        yield k.irq_save
        pcp = zone.pcps[cpu.index]
        if not pcp.lists[mt]:
            yield from self.rmqueue_bulk(cpu, zone, pcp, mt, cold=cold)
            if not pcp.lists[mt]:
                yield k.irq_restore_alloc
                return None
        yield k.pcp_pop
        pfn = pcp.pop(mt, cold=cold)
        yield k.zone_counters
        yield k.irq_restore_alloc
        return pfn

    def free_unref_page(self, cpu: Cpu, zone: Zone, pfn: int, *, cold: bool) -> Program[None]:
        """Mask, push, drain a batch at the high mark, unmask."""
        k = self.k
        cpu.site = "free_unref_page"
        yield k.free_prepare
        mt = self.views[zone][cpu.index].pageblock_type(pfn)
        yield k.irq_save
        yield k.event_counter
        yield k.pcp_push
        pcp = zone.pcps[cpu.index]
        pcp.push(pfn, mt, cold=cold)
        if pcp.count >= pcp.high:
            yield from self.free_pcppages_bulk(cpu, zone, pcp, pcp.batch)
        yield k.irq_restore_free
