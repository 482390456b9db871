"""noirq: the pcp lists belong to !in_interrupt() callers, who then need not mask interrupts; and a bulk API.

The January 2017 series "Fast noirq bulk page allocator v2r7" (9 Jan 2017, Message-Id 20170109163518.6001-1): patch 3
(pcp lists for irq-safe requests only) and patch 4 (bulk allocation and free of lists).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from simalloc.allocators.base import Allocator
from simalloc.machine import Cpu, Program, Step
from simalloc.memory import MigrateType, Zone


class NoIrqPcp(Allocator):
    """Preemption off instead of interrupts off; interrupts are masked only while zone->lock is wanted or held.

    Softirqs, hardirqs and tasks with bottom halves off go to the buddy lists, one page a lock. Linux v4.11-rc1
    (374ad05ab64d).
    """

    def rmqueue(self, cpu: Cpu, zone: Zone, mt: MigrateType, *, cold: bool) -> Program[int | None]:
        """In a task: enter, refill if empty, pop, count, leave."""
        if self.is_barred(cpu):
            return (yield from self.rmqueue_buddy(cpu, zone, 0, mt))
        k = self.k
        cpu.site = "rmqueue_pcplist"
        yield self.enter
        pcp = zone.pcps[cpu.index]
        if not pcp.lists[mt]:
            yield k.irq_save
            yield from self.rmqueue_bulk(cpu, zone, pcp, mt, cold=cold)
            yield k.irq_restore
            if not pcp.lists[mt]:
                yield self.leave
                return None
        yield k.pcp_pop
        # Only preemption is off: an IPI that drains, as v2 still has it (found in its review), may have come.
        self.must_have(cpu, len(pcp.lists[mt]), 1)
        pfn = pcp.pop(mt, cold=cold)
        yield k.zone_counters
        yield self.leave
        return pfn

    def free_unref_page(self, cpu: Cpu, zone: Zone, pfn: int, *, cold: bool) -> Program[None]:
        """In a task: enter, push, drain a batch at the high mark, leave."""
        if self.is_barred(cpu):
            yield from self.free_pages_ok(cpu, zone, pfn, 0)
            return
        k = self.k
        cpu.site = "free_unref_page"
        yield k.free_prepare
        mt = self.views[zone][cpu.index].pageblock_type(pfn)
        yield self.enter
        yield k.event_counter
        yield k.pcp_push
        pcp = zone.pcps[cpu.index]
        pcp.push(pfn, mt, cold=cold)
        if pcp.count >= pcp.high:
            yield k.irq_save
            yield from self.free_pcppages_bulk(cpu, zone, pcp, pcp.batch)
            yield k.irq_restore
        yield self.leave

    @property
    def enter(self) -> Step:
        """What keeps others of this CPU off the pcp lists."""
        return self.k.preempt_disable

    @property
    def leave(self) -> Step:
        """What lets them back."""
        return self.k.preempt_enable

    def is_barred(self, cpu: Cpu) -> bool:
        """Whether this context may not use the pcp lists."""
        return cpu.in_interrupt()


class NoIrq(NoIrqPcp):
    """The series as posted: with the bulk API on top."""

    has_bulk: ClassVar[bool] = True

    def alloc_pages_bulk(
        self, cpu: Cpu, count: int, pages: list[int], mt: MigrateType = MigrateType.UNMOVABLE
    ) -> Program[int]:
        """Append up to `count` order-0 pages to an empty list; return how many, possibly fewer than asked.

        Falls back to one single-page call in interrupt context, when the preferred zone has no `count` pages above
        its HIGH watermark, and when the pcp yields nothing. A list that is not empty is refused with 0.
        """
        if pages:
            return 0
        k = self.k
        zone = self.zonelists[cpu.index][0]
        if self.is_barred(cpu):
            return (yield from self._single(cpu, pages, mt))
        yield k.bulk_call
        if self.views[zone][cpu.index].free_pages <= zone.watermarks.high + count:
            return (yield from self._single(cpu, pages, mt))
        cpu.site = "alloc_pages_bulk"
        yield self.enter
        pcp = zone.pcps[cpu.index]
        while len(pages) < count:
            if not pcp.lists[mt]:
                yield k.irq_save
                yield from self.rmqueue_bulk(cpu, zone, pcp, mt, cold=False)
                yield k.irq_restore
                if not pcp.lists[mt]:
                    break
            run = min(count - len(pages), len(pcp.lists[mt]))
            yield k.pcp_pop * run
            self.must_have(cpu, len(pcp.lists[mt]), run)
            pages.extend(pcp.pop_many(mt, run))
        if not pages:
            yield self.leave
            return (yield from self._single(cpu, pages, mt))
        yield k.zone_counters
        yield self.leave
        yield k.prep_new_page * len(pages)
        for saw in self.hooks.page_allocated:
            for pfn in pages:
                saw(cpu, pfn, 0)
        return len(pages)

    def _single(self, cpu: Cpu, pages: list[int], mt: MigrateType) -> Program[int]:
        pfn = yield from self.alloc_pages(cpu, 0, mt)
        if pfn is None:
            return 0
        pages.append(pfn)
        return 1

    def free_pages_bulk(self, cpu: Cpu, pages: Sequence[int]) -> Program[None]:
        """Free a list: one call, then page by page as single frees do."""
        yield self.k.bulk_free_call
        yield from super().free_pages_bulk(cpu, pages)
