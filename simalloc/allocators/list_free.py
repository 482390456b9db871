"""Freeing a list of pages: prepare them all, then commit many to the pcp lists in one go.

Linux v4.15 (9cca35d42eb6), mm/page_alloc.c: free_unref_page_list() and free_unref_page_commit(). Its callers are those
that drop many references at once, as release_pages() does for munmap.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from simalloc.allocators.generation import ListFree
from simalloc.machine import Burst, Cpu, Program
from simalloc.memory import MigrateType, Pcp, Zone, frame_runs

if TYPE_CHECKING:
    from simalloc.allocators.linux import Linux

SWAP_CLUSTER_MAX = 32
"""Pages committed at most before interrupts, or others that want the pcp, are let in."""

Prepared = tuple[Pcp, MigrateType, int, Zone]
"""A page that only waits to be committed: the pcp it goes to, its type, the page, and its zone."""


def free_list(linux: Linux, how: ListFree, cpu: Cpu, pages: Sequence[int]) -> Program[None]:
    """Drop the last references to order-0 pages and free them in two passes."""
    if not pages:
        return
    linux._not_in_nmi(cpu, "frees")
    for saw in linux.hooks.pages_freed:
        saw(cpu, pages)
    yield linux.k.put_page * len(pages)
    yield Burst(*linux.struct_page_misses(cpu, frame_runs(pages)))
    yield from linux.lines.pages(cpu, pages)
    cpu.site = "free_unref_page_list"
    yield linux.k.free_prepare * len(pages)
    zones = map(linux.zone_of, pages)
    prepared: list[Prepared] = [
        (*linux.home(cpu, zone, pfn), pfn, zone) for zone, pfn in zip(zones, pages, strict=True)
    ]
    if how.lock == "try":
        yield from _by_trying(linux, cpu, prepared)
    else:
        yield from _by_sections(linux, how, cpu, prepared)
    for ended in linux.hooks.call_ended:
        ended(cpu)


def _by_sections(linux: Linux, how: ListFree, cpu: Cpu, prepared: list[Prepared]) -> Program[None]:
    """Commit up to 32 pages for each time that the pcp's section is entered."""
    for section in sections(prepared, how):
        for step in linux.entering:
            yield step
        pcp = section[0][0]
        if how.lock == "wait":
            yield from linux.wait_for_lock(cpu, pcp)
        for run in by_pcp(section):
            done = 0
            while done < len(run):
                pushed, _ = yield from _push(linux, cpu, run[done:])
                done += pushed
        if how.lock == "wait":
            yield from linux.unlock(cpu, pcp)
        for step in linux.leaving_free:
            yield step


def _by_trying(linux: Linux, cpu: Cpu, prepared: Sequence[Prepared]) -> Program[None]:
    """Commit up to 32 pages of a pcp for each try of its pcp's lock; a page whose try fails goes to the buddy lists.

    Linux v6.2 (574907741599). Where a drain gives the lock up and does not get it back (v6.19), it is tried again.
    """
    done = 0
    while done < len(prepared):
        pcp, mt, pfn, zone = prepared[done]
        window = by_pcp(prepared[done : done + SWAP_CLUSTER_MAX])[0]
        for step in linux.entering:
            yield step
        if not (yield from linux.try_lock(cpu, pcp)):
            yield from linux.free_one_page(cpu, zone, pfn, 0, mt)
            cpu.site = "free_unref_page_list"
            done += 1
            continue
        end, inside = done + len(window), True
        while done < end and inside:
            pushed, inside = yield from _push(linux, cpu, prepared[done:end])
            done += pushed
        if inside:
            yield from linux.unlock(cpu, pcp)
            for step in linux.leaving_free:
                yield step


def _push(linux: Linux, cpu: Cpu, prepared: Sequence[Prepared]) -> Program[tuple[int, bool]]:
    """Push pages of one pcp up to the first that makes a drain due, and drain.

    Returns how many were pushed, and whether the section is still entered.
    """
    k = linux.k
    pcp, _, _, zone = prepared[0]
    run = prepared[: pcp.tuning.room(pcp.count, linux.views[zone][cpu.index].pressure) + 1]
    yield k.event_counter * len(run)
    yield k.pcp_push * len(run)
    for used in linux.hooks.pcp_used:
        used(cpu, pcp)
    for _, mt, pfn, _ in run:
        pcp.push(pfn, mt)
    for saw in linux.hooks.pages_parked:
        saw(cpu, pcp, [pfn for _, _, pfn, _ in run], 0)
    inside = yield from linux.committed(cpu, zone, pcp, len(run), 0, run[-1][1])
    return len(run), inside


def sections(prepared: Sequence[Prepared], how: ListFree) -> list[Sequence[Prepared]]:
    """Split a list into what is committed in one section each."""
    if not how.by_zone:
        return windows(prepared)
    if how.restarts:
        return [window for of_zone in by_pcp(prepared) for window in windows(of_zone)]
    return [of_zone for window in windows(prepared) for of_zone in by_pcp(window)]


def by_pcp(prepared: Sequence[Prepared]) -> list[list[Prepared]]:
    """Split where the pcp changes, which is where the zone does if CPUs free to their own."""
    return [list(run) for _, run in groupby(prepared, key=itemgetter(0))]


def windows(prepared: Sequence[Prepared]) -> list[Sequence[Prepared]]:
    """Split every SWAP_CLUSTER_MAX pages."""
    return [prepared[first : first + SWAP_CLUSTER_MAX] for first in range(0, len(prepared), SWAP_CLUSTER_MAX)]
