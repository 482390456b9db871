"""Freeing a list of pages: prepare them all, then commit many to the pcp lists in one go.

Linux v4.15 (9cca35d42eb6), mm/page_alloc.c: free_unref_page_list() and free_unref_page_commit(). Its callers are those
that drop many references at once, as release_pages() does for munmap.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from simalloc.allocators.base import Allocator
from simalloc.machine import Burst, Cpu, Program
from simalloc.memory import MigrateType, Pcp, Zone

SWAP_CLUSTER_MAX = 32
"""Pages committed at most before interrupts, or others that want the pcp, are let in."""

Prepared = tuple[Zone, MigrateType, int]
"""A page that only waits to be committed: its zone, its type, and the page."""


class ListFree(Allocator):
    """What mechanisms share that free lists in two passes."""

    def free_pages_bulk(self, cpu: Cpu, pages: Sequence[int]) -> Program[None]:
        """Drop the last references to order-0 pages and free them in two passes."""
        if not pages:
            return
        self._not_in_nmi(cpu, "frees")
        for saw in self.hooks.page_freed:
            for pfn in pages:
                saw(cpu, pfn, 0)
        yield self.k.put_page * len(pages)
        yield Burst(*self._misses(cpu, pages))
        yield from self.lines.pages(cpu, pages)
        cpu.site = "free_unref_page_list"
        yield self.k.free_prepare * len(pages)
        zones = list(map(self.zone_of, pages))
        types = [self.views[zone][cpu.index].pageblock_type(pfn) for zone, pfn in zip(zones, pages, strict=True)]
        yield from self.commit_list(cpu, list(zip(zones, types, pages, strict=True)))

    @abstractmethod
    def commit_list(self, cpu: Cpu, prepared: list[Prepared]) -> Program[None]:
        """Second pass: commit the pages, protected against whoever else may use the pcp lists."""

    @abstractmethod
    def drain_at_high(self, cpu: Cpu, zone: Zone, pcp: Pcp, place: int) -> Program[None]:
        """Give some pages back to the buddy lists: list `place` has just got one, and the count is at the high mark."""

    def commit(self, cpu: Cpu, prepared: Sequence[Prepared]) -> Program[None]:
        """Push pages of one zone, and drain whenever the count is at the high mark."""
        k, zone = self.k, prepared[0][0]
        pcp = zone.pcps[cpu.index]
        done = 0
        while done < len(prepared):
            run = prepared[done : done + max(pcp.high - pcp.count, 1)]
            yield k.event_counter * len(run)
            yield k.pcp_push * len(run)
            for _, mt, pfn in run:
                pcp.push(pfn, mt)
            if pcp.count >= pcp.high:
                yield from self.drain_at_high(cpu, zone, pcp, run[-1][1])
            done += len(run)


def by_zone(prepared: Sequence[Prepared]) -> list[list[Prepared]]:
    """Split where the zone changes."""
    return [list(run) for _, run in groupby(prepared, key=itemgetter(0))]


def windows(prepared: Sequence[Prepared]) -> list[Sequence[Prepared]]:
    """Split every SWAP_CLUSTER_MAX pages."""
    return [prepared[first : first + SWAP_CLUSTER_MAX] for first in range(0, len(prepared), SWAP_CLUSTER_MAX)]
