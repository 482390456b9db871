"""Interrupts have a list of their own, which masking protects; tasks keep v4.11-rc's cheap one.

It was named in the thread of 2017 as a way out, and thought too complex because of drains: here the second list is
drained with the first.
"""

from collections import defaultdict

from simalloc.api import Linux, MigrateType, register

SIMALLOC_API = 1


@register
class IrqList(Linux):
    """v4.11-rc1, but interrupts do not take the zone's lock for every page."""

    name = "irq-list"
    about = "a second pcp list, for interrupts, with interrupts masked around it"
    like = "v4.11-rc"

    def __init__(self, machine, zones, steps, generation, *, lines=None):
        super().__init__(machine, zones, steps, generation, lines=lines)
        self.own = defaultdict(list)  # of (zone, CPU, type)

    def kept_pages(self, zone):
        """Return the pages on the zone's second lists."""
        return sum(len(pages) for (of, _, _), pages in self.own.items() if of is zone)

    def drain_pages(self, cpu, zone, owner=None, *, pages=None):
        """Return the pages of both lists of a CPU; it is the CPU itself that does so, or a worker there."""
        yield from super().drain_pages(cpu, zone, owner, pages=pages)
        yield self.k.irq_save
        runs = [(0, mt, self.own.pop((zone, cpu.index, mt), [])) for mt in MigrateType]
        yield self.zone_lock[zone].acquire
        yield from self.insert_blocks(cpu, zone, [run for run in runs if run[2]])
        yield self.zone_lock[zone].release
        yield self.k.irq_restore

    def rmqueue(self, cpu, zone, order, mt, *, cold):
        """Take a page for an interrupt from its list, a batch at a time from the buddy lists."""
        if order or not cpu.in_interrupt():
            return (yield from super().rmqueue(cpu, zone, order, mt, cold=cold))
        pages = self.own[zone, cpu.index, mt]
        yield self.k.irq_save
        if not pages:
            yield self.zone_lock[zone].acquire
            pages += yield from self.remove_blocks(cpu, zone, 0, mt, count=zone.pcps[cpu.index].batch)
            yield self.zone_lock[zone].release
        yield self.k.pcp_pop
        page = pages.pop() if pages else None
        yield self.k.zone_counters
        yield self.k.irq_restore
        return page

    def free_unref_page(self, cpu, zone, pfn, order, *, cold):
        """Put a page that an interrupt frees on its list, and give a batch back when that has grown to high."""
        if order or not cpu.in_interrupt():
            yield from super().free_unref_page(cpu, zone, pfn, order, cold=cold)
            return
        yield self.k.free_prepare
        mt = self.views[zone][cpu.index].pageblock_type(pfn)
        pages = self.own[zone, cpu.index, mt]
        yield self.k.irq_save
        yield self.k.event_counter
        yield self.k.pcp_push
        pages.append(pfn)
        pcp = zone.pcps[cpu.index]
        if len(pages) >= pcp.high:
            drained, pages[: pcp.batch] = pages[: pcp.batch], []
            yield self.zone_lock[zone].acquire
            yield from self.insert_blocks(cpu, zone, [(0, mt, drained)])
            yield self.zone_lock[zone].release
        yield self.k.irq_restore
