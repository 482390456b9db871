"""two-phase-drain: as irq-disable, but zone->lock is held for less of a drain, and a list is freed in few windows.

Linux v4.17 (97334162e4d7), mm/page_alloc.c: free_pcppages_bulk() and free_unref_page_list(). There are no hot and cold
pages since v4.15.
"""

from __future__ import annotations

from simalloc.allocators.irq_disable import IrqDisable
from simalloc.allocators.list_free import ListFree, Prepared, by_zone, windows
from simalloc.machine import Cpu, Program
from simalloc.memory import MigrateType, Pcp, Zone


class TwoPhaseDrain(ListFree, IrqDisable):
    """Interrupts are masked as long as ever; other CPUs wait less."""

    def rmqueue(self, cpu: Cpu, zone: Zone, mt: MigrateType, *, cold: bool) -> Program[int | None]:  # noqa: ARG002
        """As v4.10, with every page hot."""
        return super().rmqueue(cpu, zone, mt, cold=False)

    def free_unref_page(self, cpu: Cpu, zone: Zone, pfn: int, *, cold: bool) -> Program[None]:  # noqa: ARG002
        """As v4.10, with every page hot."""
        return super().free_unref_page(cpu, zone, pfn, cold=False)

    def free_pcppages_bulk(self, cpu: Cpu, zone: Zone, pcp: Pcp, count: int) -> Program[None]:
        """Pick the coldest pages and prefetch their buddies, and only then lock the zone and insert them."""
        lock = self.zone_lock[zone]
        cpu.site = "free_pcppages_bulk"
        yield self.k.pcp_pick * count
        self.must_have(cpu, pcp.count, count)
        picked = pcp.take_for_drain(count)
        yield lock.acquire
        yield from self._insert(cpu, zone, picked, 0, picked=True)
        yield lock.release

    def commit_list(self, cpu: Cpu, prepared: list[Prepared]) -> Program[None]:
        """Mask once for up to 32 pages, of whatever zones."""
        for window in windows(prepared):
            yield self.k.irq_save
            for run in by_zone(window):
                yield from self.commit(cpu, run)
            yield self.k.irq_restore_free

    def drain_at_high(self, cpu: Cpu, zone: Zone, pcp: Pcp, place: int) -> Program[None]:  # noqa: ARG002
        """Drain a batch, whatever list has just grown."""
        return self.free_pcppages_bulk(cpu, zone, pcp, pcp.batch)
