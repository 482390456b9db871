"""Bulk allocation: many pages of order 0 in one section of the pcp.

The January 2017 series v2r7, patch 4 (Message-Id 20170109163518.6001-1), and Linux v5.13 (387ba26fb1cb) and later:
__alloc_pages_bulk().
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simalloc.allocators.generation import BulkApi
from simalloc.machine import Cpu, Program
from simalloc.memory import MigrateType, Zone

if TYPE_CHECKING:
    from simalloc.allocators.linux import Linux


def alloc_bulk(
    linux: Linux, api: BulkApi, cpu: Cpu, count: int, pages: list[int], mt: MigrateType, *, linked: bool = False
) -> Program[int]:
    """Append up to `count` pages, `linked` into a list or as an array; return how many.

    Falls back to one single-page call if only one is wanted (but for the 2017 series), if this context may not use the
    pcp, if no zone has `count` pages above the mark, if the pcp's lock is taken, and if the pcp yields nothing.
    """
    linux._not_in_nmi(cpu, "allocates")
    if pages and not api.appends:
        return 0
    got: list[int] = []
    if not linux.is_barred(cpu) and (count > 1 or not api.appends):
        yield linux.k.bulk_call
        zone = _zone_with(linux, api, cpu, count)
        if zone is not None:
            got = yield from _from(linux, api, cpu, zone, count, mt, linked=linked and api.arrays)
    if not got:
        pfn = yield from linux.alloc_pages(cpu, 0, mt)
        if pfn is None:
            return 0
        pages.append(pfn)
        return 1
    if not api.prepares:
        yield linux.k.prep_new_page * len(got)
    for saw in linux.hooks.pages_allocated:
        saw(cpu, got)
    for ended in linux.hooks.call_ended:
        ended(cpu)
    pages += got
    return len(got)


def _zone_with(linux: Linux, api: BulkApi, cpu: Cpu, count: int) -> Zone | None:
    """Return the zone to take them from; None if the walk would leave the node: that means a single page."""
    zones = linux.zonelists[cpu.index]
    for zone in zones[:1] if api.zones == "first" else zones:
        if zone.node != zones[0].node:
            return None
        mark = zone.watermarks.high if api.mark == "high" else zone.watermarks.low
        if linux.views[zone][cpu.index].free_pages > mark + count:
            return zone
    return None


def _from(
    linux: Linux, api: BulkApi, cpu: Cpu, zone: Zone, count: int, mt: MigrateType, *, linked: bool
) -> Program[list[int]]:
    """Take them from the pcp in one section, refilling whenever its list is empty."""
    k, pcp = linux.k, zone.pcps[cpu.index]
    counts_inside = linux.generation.counters == "inside"
    counts_each = api.counts == "each"
    cpu.site = "alloc_pages_bulk"
    got: list[int] = []
    for step in linux.entering:
        yield step
    if linux.locks and not (yield from linux.try_lock(cpu, pcp)):
        return got
    while len(got) < count and (yield from linux.has_block(cpu, zone, pcp, 0, mt)):
        run = min(count - len(got), len(pcp.lists[mt]))
        yield k.pcp_pop * run
        linux.must_have(cpu, pcp, len(pcp.lists[mt]), run)
        some = pcp.pop_many(mt, run)
        got += some
        for saw in linux.hooks.pages_unparked:
            saw(cpu, pcp, some, 0)
        if counts_each:
            yield k.zone_counters * run
        if api.prepares:
            yield k.prep_new_page * run
        if linked:
            yield k.list_add * run
    if got and counts_inside and not counts_each:
        yield k.zone_counters
    if linux.locks:
        yield from linux.unlock(cpu, pcp)
    for step in linux.leaving_alloc:
        yield step
    if got and not counts_inside:
        yield k.zone_counters
    return got
