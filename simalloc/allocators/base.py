"""What every scheme shares: the entry points, the zone walk and the slow path.

A scheme says how a pcp is used: it implements `rmqueue` and `free_unref_page`, and calls for many pages where it has
them. `Linux` does so from the parts of a generation; a person's scheme is a subclass of either.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from mypy_extensions import mypyc_attr

from simalloc.allocators.buddy_path import BuddyPath, Runs
from simalloc.allocators.drain_all import DrainAll
from simalloc.allocators.generation import Generation
from simalloc.allocators.reclaim import Reclaim
from simalloc.allocators.rounds import Rounds
from simalloc.allocators.shared_lines import LineSwitches
from simalloc.allocators.steps import KernelSteps
from simalloc.allocators.strides import Strides
from simalloc.machine import NMI, Cpu, Machine, Program, RuleBroken, SpinLock, Sync
from simalloc.memory import MigrateType, Pcp, Zone
from simalloc.memory.pcp import Run


@mypyc_attr(allow_interpreted_subclasses=True)
class Allocator(BuddyPath, ABC):
    """A page allocator over `zones`; each CPU prefers those of its own node, then the nearest, in the order given."""

    hits_are_constant: ClassVar[bool] = False
    """Whether an allocation or free that finds what it wants in the pcp always takes the same steps in one context,
    and changes nothing but the pcp's lists, count and `tuning`.

    Runs of such hits, and rounds of them, are then counted instead of simulated one by one: the same result, many
    times faster. A class that changes anything declares this anew; without its own declaration it is not trusted.
    """

    def __init__(
        self,
        machine: Machine,
        zones: Sequence[Zone],
        steps: KernelSteps,
        generation: Generation,
        *,
        lines: LineSwitches | None = None,
    ) -> None:
        super().__init__(machine, zones, steps, generation, lines=lines)
        self.zonelists = [zonelist(machine, zones, cpu) for cpu in machine.cpus]
        self.pcp_orders = tuple(generation.pcp_orders)
        self.counts_hits = declares_constant_hits(type(self))
        self.strides = Strides(self)
        self.rounds = Rounds(self)
        self.drains = DrainAll(self)
        self.reclaim: Reclaim | None = None
        self.drains_on_failure = False
        self.hits_take_locks = False
        self._below_low: set[tuple[int, int]] = set()

    # Entry points

    def alloc_pages(
        self, cpu: Cpu, order: int = 0, mt: MigrateType = MigrateType.UNMOVABLE, *, cold: bool = False
    ) -> Program[int | None]:
        """Allocate a block of 2**order pages; return its first frame, None if no zone may give one.

        Below the LOW watermark the slow path tries once more, down to MIN. Then pages are reclaimed, if a workload can
        do that (`reclaim`), and all lists are drained, if that is expected; or it gives up. Raises RuleBroken in an
        NMI.
        """
        self._not_in_nmi(cpu, "allocates")
        yield self.k.alloc_call
        for zone in self.zonelists[cpu.index]:
            view = self.views[zone][cpu.index]
            if view.free_pages - (1 << order) >= zone.watermarks.low:
                pfn = yield from self._rmqueue_any(cpu, zone, order, mt, cold=cold)
                if pfn is not None:
                    break
        else:
            pfn = yield from self._slow_path(cpu, order, mt, cold=cold)
            if pfn is None:
                return None
        yield self.k.prep_new_page
        for saw in self.hooks.page_allocated:
            saw(cpu, pfn, order)
        for ended in self.hooks.call_ended:
            ended(cpu)
        return pfn

    def free_pages(self, cpu: Cpu, pfn: int, order: int = 0, *, cold: bool = False) -> Program[None]:
        """Drop the last reference to a block and free it to the zone it belongs to."""
        self._not_in_nmi(cpu, "frees")
        for saw in self.hooks.page_freed:
            saw(cpu, pfn, order)
        yield self.k.put_page
        if self.looks_far:
            for fetched, _ in self.far_misses(cpu, [(pfn, 1, 1)]):
                yield fetched
        level = self.recency[cpu.index].touch(pfn)
        miss = self.k.struct_page_miss[level]
        if level:
            yield miss
        if order:
            yield self.tail_checks(cpu, 1, order, [(miss, 1)] if level else [])
        if self.lines.any:
            yield from self.lines.pages(cpu, (pfn,), order)
        zone = self.zone_of(pfn)
        if order in self.pcp_orders:
            yield from self.free_unref_page(cpu, zone, pfn, order, cold=cold)
        else:
            yield from self.free_pages_ok(cpu, zone, pfn, order)
        for ended in self.hooks.call_ended:
            ended(cpu)

    def alloc_pages_bulk(
        self,
        cpu: Cpu,
        count: int,
        pages: list[int],
        mt: MigrateType = MigrateType.UNMOVABLE,
        *,
        linked: bool = False,  # noqa: ARG002
    ) -> Program[int]:
        """Append up to `count` order-0 pages to `pages`, return how many. Only generations with `bulk` have it."""
        raise TypeError(
            f"{self.generation.name} has no bulk API (asked for {count} pages on {cpu!r}: {pages}, {mt.name})"
        )

    def free_pages_bulk(self, cpu: Cpu, pages: Sequence[int]) -> Program[None]:
        """Free order-0 pages one after the other (`free_hot_cold_page_list`: no gain per page up to v4.14)."""
        yield from self.free_pages_each(cpu, pages)

    @staticmethod
    def _not_in_nmi(cpu: Cpu, what: str) -> None:
        if cpu.context is NMI:
            raise RuleBroken(f"cpu {cpu.index} at cycle {cpu.clock} {what} a page in an NMI, which may not")

    # The same, many times over: runs of pcp hits in one stride

    def alloc_pages_each(
        self, cpu: Cpu, count: int, pages: list[int], order: int = 0, mt: MigrateType = MigrateType.UNMOVABLE
    ) -> Program[None]:
        """Call `alloc_pages` `count` times and append what it gives to `pages`; stop at the first failure."""
        wanted = len(pages) + count
        while len(pages) < wanted:
            hits = [] if order else self.strides.alloc(cpu, wanted - len(pages), mt)
            if hits:
                pages += hits
                continue
            call = self.alloc_pages(cpu, order, mt)
            pfn = yield from (call if order else self.strides.learn_alloc(cpu, call))
            if pfn is None:
                return
            pages.append(pfn)

    def free_pages_each(self, cpu: Cpu, pages: Sequence[int], order: int = 0) -> Program[None]:
        """Call `free_pages` on one block after the other."""
        done = 0
        while done < len(pages):
            hits = 0 if order else self.strides.free(cpu, pages, done)
            if not hits:
                call = self.free_pages(cpu, pages[done], order)
                yield from (call if order else self.strides.learn_free(cpu, pages[done], call))
            done += hits or 1

    # What a scheme decides

    @abstractmethod
    def rmqueue(self, cpu: Cpu, zone: Zone, order: int, mt: MigrateType, *, cold: bool) -> Program[int | None]:
        """Take one block of an order that the pcp has from `zone`, from its lists if this context may use them."""

    @abstractmethod
    def free_unref_page(self, cpu: Cpu, zone: Zone, pfn: int, order: int, *, cold: bool) -> Program[None]:
        """Free one block of such an order to `zone`, to the pcp lists if this context may use them."""

    def kept_pages(self, zone: Zone) -> int:  # noqa: ARG002
        """Return how many of a zone's pages this scheme keeps in places of its own, beside pcp and buddy lists."""
        return 0

    # Refill and drain. The caller has masked what its generation masks.

    def rmqueue_bulk(
        self, cpu: Cpu, zone: Zone, pcp: Pcp, mt: MigrateType, *, order: int = 0, cold: bool = False
    ) -> Program[None]:
        """Refill an empty pcp list with as many blocks as `tuning` says, checked, under one hold of zone->lock."""
        lock = self.zone_lock[zone]
        cpu.site = "rmqueue_bulk"
        yield lock.acquire
        count = pcp.tuning.refill(pcp.count, order, self.views[zone][cpu.index].pressure)
        misses: Runs = []
        blocks = yield from self.remove_blocks(cpu, zone, order, mt, count=count, misses=misses)
        if order and blocks:
            yield self.tail_checks(cpu, len(blocks), order, misses)
        self.fill(cpu, pcp, blocks, order, mt, cold=cold)
        yield lock.release

    def free_pcppages_bulk(self, cpu: Cpu, zone: Zone, pcp: Pcp, count: int, first: int = 0) -> Program[None]:
        """Return `count` of the coldest pages to the buddy lists under one hold of zone->lock.

        List by list, that of number `first` comes before the others. What is picked before the lock is had has its
        buddies prefetched meanwhile.
        """
        parts, lock = self.generation, self.zone_lock[zone]
        cpu.site = "free_pcppages_bulk"
        if parts.drain_pick == "before lock":
            yield self.k.pcp_pick * count
            self.must_have(cpu, pcp, pcp.count, count)
            picked = self.pick(cpu, pcp, count)
            yield lock.acquire
            yield from self.insert_blocks(cpu, zone, picked, picked=True)
        elif parts.drain_order == "round robin":
            yield lock.acquire
            self.must_have(cpu, pcp, pcp.count, count)
            yield from self.insert_blocks(cpu, zone, pcp.take_round_robin(count))
        else:
            yield lock.acquire
            for used in self.hooks.pcp_used:
                used(cpu, pcp)
            for run in pcp.take_list_by_list(count, first):
                for saw in self.hooks.pages_unparked:
                    saw(cpu, pcp, run[2], run[0])
                # Each list goes back when its turn comes, and those who look without the lock see it then.
                yield Sync()
                yield from self.insert_blocks(cpu, zone, [run])
        yield lock.release

    def fill(self, cpu: Cpu, pcp: Pcp, blocks: list[int], order: int, mt: MigrateType, *, cold: bool = False) -> None:
        """Put blocks on a pcp list that is empty, and tell those who watch pages."""
        for used in self.hooks.pcp_used:
            used(cpu, pcp)
        pcp.refill(blocks, pcp.place(order, mt), cold=cold)
        for saw in self.hooks.pages_parked:
            saw(cpu, pcp, blocks, order)

    def pick(self, cpu: Cpu, pcp: Pcp, count: int) -> list[Run]:
        """Take `count` of the coldest pages off a pcp, round-robin over its lists, and tell those who watch pages."""
        picked = pcp.take_round_robin(count)
        for saw in self.hooks.pages_unparked:
            for order, _, pfns in picked:
                saw(cpu, pcp, pfns, order)
        return picked

    def must_have(self, cpu: Cpu, pcp: Pcp, there: int, needed: int) -> None:
        """Begin to change a pcp's lists. Raises RuleBroken if pages that were there have gone: another has come."""
        for saw in self.hooks.pcp_used:
            saw(cpu, pcp)
        if there < needed:
            raise RuleBroken(
                f"cpu {cpu.index} at cycle {cpu.clock} in {cpu.site}: the pcp list it works on has {there} pages, it "
                f"had {needed}; an interrupt has used it meanwhile"
            )

    # What a scheme does with a pcp's lists: `check` follows every page through these

    def pop(self, cpu: Cpu, pcp: Pcp, mt: MigrateType, order: int = 0, *, cold: bool = False) -> int:
        """Take a block off a pcp list, hottest first; its step is over. Raises RuleBroken if the list has none."""
        place = pcp.place(order, mt)
        self.must_have(cpu, pcp, len(pcp.lists[place]), 1)
        pfn = pcp.pop(place, cold=cold)
        for saw in self.hooks.pages_unparked:
            saw(cpu, pcp, (pfn,), order)
        return pfn

    def push(self, cpu: Cpu, pcp: Pcp, pfn: int, mt: MigrateType, order: int = 0, *, cold: bool = False) -> None:
        """Put a block at the head of a pcp list, or at its tail if cold; its step is over."""
        for used in self.hooks.pcp_used:
            used(cpu, pcp)
        pcp.push(pfn, pcp.place(order, mt), cold=cold)
        for saw in self.hooks.pages_parked:
            saw(cpu, pcp, (pfn,), order)

    # Draining every CPU's lists

    def expect_drains(self) -> None:
        """Let a task whose allocation fails drain all pcp lists and try again, as direct reclaim does.

        By IPIs, that bounds how far every CPU's clock may run ahead; by the caller, it makes the pcps' locks real.
        """
        self.drains_on_failure = True
        self.drains.expect()

    def drain_all_pages(self, cpu: Cpu) -> Program[None]:
        """Have the pages on every CPU's lists returned to the buddy lists, and wait for that."""
        return self.drains.run(cpu)

    def drain_pages(self, cpu: Cpu, zone: Zone, owner: Cpu | None = None, *, pages: int | None = None) -> Program[None]:
        """Return pages of `owner`'s lists for `zone`, of this CPU's by default, to the buddy lists; all by default."""
        pcp = zone.pcps[(owner or cpu).index]
        yield self.k.irq_save
        count = pcp.count if pages is None else min(pages, pcp.count)
        if count:
            yield from self.free_pcppages_bulk(cpu, zone, pcp, count)
        yield self.k.irq_restore

    def lock_of(self, pcp: Pcp) -> SpinLock | None:  # noqa: ARG002 - most schemes have none
        """Return the pcp's own lock, which a hit takes; None if there is none."""
        return None

    def vmstat_update(self, cpu: Cpu) -> Program[None]:
        """Do what the vmstat worker does on this CPU once a second: drain what its pcps keep idle."""
        for zone in self.zones:
            pages = zone.pcps[cpu.index].tuning.decay(zone.pcps[cpu.index].count)
            if pages:
                yield from self.drain_pages(cpu, zone, pages=pages)

    # The zone walk

    def zone_of(self, pfn: int) -> Zone:
        """Return the page's home zone. Raises ValueError for a frame that no zone has."""
        for zone in self.zones:
            if pfn in zone:
                return zone
        raise ValueError(f"no zone has page frame {pfn}")

    def _rmqueue_any(self, cpu: Cpu, zone: Zone, order: int, mt: MigrateType, *, cold: bool) -> Program[int | None]:
        if order in self.pcp_orders:
            return self.rmqueue(cpu, zone, order, mt, cold=cold)
        return self.rmqueue_buddy(cpu, zone, order, mt)

    def _slow_path(self, cpu: Cpu, order: int, mt: MigrateType, *, cold: bool) -> Program[int | None]:
        if self.reclaim is not None:
            yield from self.reclaim.wake_kswapd(cpu)
        pfn = yield from self._down_to_min(cpu, order, mt, cold=cold)
        if pfn is not None or cpu.in_interrupt():
            return pfn
        if self.reclaim is not None and (yield from self.reclaim.direct(cpu)):
            pfn = yield from self._down_to_min(cpu, order, mt, cold=cold)
        if pfn is None and self.drains_on_failure:
            yield from self.drain_all_pages(cpu)
            pfn = yield from self._down_to_min(cpu, order, mt, cold=cold)
        return pfn

    def is_below_low(self, cpu: Cpu) -> bool:
        """Whether the allocation that runs there is one that no zone may give above its LOW watermark."""
        return (cpu.index, len(cpu.below)) in self._below_low

    def refresh_views(self) -> None:
        """Let every CPU see every zone as it is: for whoever has taken pages from a zone before the run."""
        for views in self.views.values():
            for view in views:
                view.refresh()

    def _down_to_min(self, cpu: Cpu, order: int, mt: MigrateType, *, cold: bool) -> Program[int | None]:
        self._below_low.add((cpu.index, len(cpu.below)))
        pfn = yield from self._first_above_min(cpu, order, mt, cold=cold)
        self._below_low.discard((cpu.index, len(cpu.below)))
        return pfn

    def _first_above_min(self, cpu: Cpu, order: int, mt: MigrateType, *, cold: bool) -> Program[int | None]:
        yield Sync()
        for zone in self.zonelists[cpu.index]:
            view = self.views[zone][cpu.index]
            view.refresh()
            if view.free_pages - (1 << order) >= zone.watermarks.min:
                pfn = yield from self._rmqueue_any(cpu, zone, order, mt, cold=cold)
                if pfn is not None:
                    return pfn
        return None


def zonelist(machine: Machine, zones: Sequence[Zone], cpu: Cpu) -> list[Zone]:
    """Return the zones in the order in which a CPU tries them: its own node's first, then nodes by distance.

    Linux v4.10 (ea57485af8f4), mm/page_alloc.c: build_zonelists. A node is as far as its first CPU.
    """
    topology = machine.topology
    nodes = {topology.node(each.index): each.index for each in reversed(machine.cpus)}
    home = topology.node(cpu.index)

    def distance(zone: Zone) -> tuple[bool, int, int]:
        return zone.node != home, topology.transfer(cpu.index, nodes.get(zone.node, cpu.index)), zone.node

    return sorted(zones, key=distance)


def declares_constant_hits(scheme: type) -> bool:
    """Whether the most derived class that has methods of its own declares `hits_are_constant`.

    A class that overrides anything may have made hits differ, whatever the class it comes from declares.
    """
    for each in scheme.__mro__:
        own = vars(each)
        if "hits_are_constant" in own:
            return bool(own["hits_are_constant"])
        if any(callable(value) or isinstance(value, property | staticmethod | classmethod) for value in own.values()):
            return False
    return False
