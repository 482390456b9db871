"""What every generation of the page allocator shares: the entry, the zone walk, the buddy path, refill and drain.

A mechanism (one file each beside this one) says how the pcp lists are protected: it implements `rmqueue` and
`free_unref_page`, and bulk calls where it has them. Generators here read as the kernel's own functions do; each
`yield` is a step that takes time, and what changes does so when its step has ended.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

from simalloc.allocators.rounds import Rounds
from simalloc.allocators.shared_lines import LineSwitches, SharedLines
from simalloc.allocators.steps import KernelSteps
from simalloc.allocators.strides import Strides
from simalloc.allocators.view import ZoneView
from simalloc.hardware import Recency
from simalloc.machine import NMI, Await, Burst, Cpu, Machine, Program, RuleBroken, SendIpi, SpinLock, Step, Sync
from simalloc.memory import MigrateType, Pcp, Zone

DrainBy = Literal["ipi", "worker", "caller"]
"""How drain_all_pages reaches other CPUs' lists; the caller takes their locks, which its mechanism must have."""


class Allocator(ABC):
    """A page allocator over `zones`; each CPU prefers those of its own node, then the nearest, in the order given.

    Subclasses protect the pcp lists: Linux v4.10 (ea57485af8f4) where nothing else is said.
    """

    has_bulk: ClassVar[bool] = False
    """Whether there is a bulk API; without one `alloc_pages_bulk` may not be called."""

    pcp_orders: ClassVar[Sequence[int]] = (0,)
    """The orders of which CPUs keep blocks."""

    def __init__(
        self,
        machine: Machine,
        zones: Sequence[Zone],
        steps: KernelSteps,
        *,
        drain_by: DrainBy = "worker",
        lines: LineSwitches = LineSwitches(),  # noqa: B008 - frozen
    ) -> None:
        self.machine = machine
        self.hooks = machine.hooks
        self.zones = list(zones)
        self.zonelists = [zonelist(machine, zones, cpu) for cpu in machine.cpus]
        self.k = steps
        self.lines = SharedLines(machine, steps, lines)
        moving = steps.costs["zone_lines"] if lines.zone else 0.0
        self.zone_lock: dict[Zone, SpinLock] = {zone: steps.lock("zone->lock", moving, of=zone.name) for zone in zones}
        self.views: dict[Zone, list[ZoneView]] = {zone: [ZoneView(zone) for _ in machine.cpus] for zone in zones}
        half_point = round(steps.costs["struct_page_lines"])
        self.recency = [Recency(half_point) for _ in machine.cpus]
        self.strides = Strides(self)
        self.rounds = Rounds(self)
        self.drain_by = drain_by
        self.drains_on_failure = False
        self.hits_take_locks = False

    # Entry points

    def alloc_pages(
        self, cpu: Cpu, order: int = 0, mt: MigrateType = MigrateType.UNMOVABLE, *, cold: bool = False
    ) -> Program[int | None]:
        """Allocate a block of 2**order pages; return its first frame, None if no zone may give one.

        There is no reclaim: below the LOW watermark the slow path tries once more, down to MIN, and gives up. Raises
        RuleBroken in an NMI.
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
        return pfn

    def free_pages(self, cpu: Cpu, pfn: int, order: int = 0, *, cold: bool = False) -> Program[None]:
        """Drop the last reference to a block and free it to the zone it belongs to."""
        self._not_in_nmi(cpu, "frees")
        for saw in self.hooks.page_freed:
            saw(cpu, pfn, order)
        yield self.k.put_page
        level = self.recency[cpu.index].touch(pfn)
        if level:
            yield self.k.struct_page_miss[level]
        if self.lines.any:
            yield from self.lines.pages(cpu, (pfn,))
        zone = self.zone_of(pfn)
        yield from self._free_any(cpu, zone, pfn, order, cold=cold)

    def alloc_pages_bulk(
        self, cpu: Cpu, count: int, pages: list[int], mt: MigrateType = MigrateType.UNMOVABLE
    ) -> Program[int]:
        """Append up to `count` order-0 pages to `pages`, return how many. Only mechanisms with `has_bulk` have it."""
        raise TypeError(f"{type(self).__name__} has no bulk API (asked for {count} pages on {cpu!r}: {pages}, {mt})")

    def free_pages_bulk(self, cpu: Cpu, pages: Sequence[int]) -> Program[None]:
        """Free order-0 pages one after the other (`free_hot_cold_page_list`: no gain per page in this era)."""
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
            pfn = yield from self.alloc_pages(cpu, order, mt)
            if pfn is None:
                return
            pages.append(pfn)

    def free_pages_each(self, cpu: Cpu, pages: Sequence[int], order: int = 0) -> Program[None]:
        """Call `free_pages` on one block after the other."""
        done = 0
        while done < len(pages):
            hits = 0 if order else self.strides.free(cpu, pages, done)
            if not hits:
                yield from self.free_pages(cpu, pages[done], order)
            done += hits or 1

    # What a mechanism decides

    @abstractmethod
    def rmqueue(self, cpu: Cpu, zone: Zone, mt: MigrateType, *, cold: bool) -> Program[int | None]:
        """Take one order-0 page of `zone`, from the pcp lists if this context may use them."""

    @abstractmethod
    def free_unref_page(self, cpu: Cpu, zone: Zone, pfn: int, *, cold: bool) -> Program[None]:
        """Free one order-0 page of `zone`, to the pcp lists if this context may use them."""

    def note_alloc(self, pcp: Pcp, hits: int = 1) -> None:  # noqa: B027 - most have nothing to note
        """Change what `hits` allocations change in a pcp beside its lists, one by one or in a stride: here nothing."""

    # The zone walk

    def zone_of(self, pfn: int) -> Zone:
        """Return the page's home zone. Raises ValueError for a frame that no zone has."""
        for zone in self.zones:
            if pfn in zone:
                return zone
        raise ValueError(f"no zone has page frame {pfn}")

    def _rmqueue_any(self, cpu: Cpu, zone: Zone, order: int, mt: MigrateType, *, cold: bool) -> Program[int | None]:
        if order:
            return self.rmqueue_buddy(cpu, zone, order, mt)
        return self.rmqueue(cpu, zone, mt, cold=cold)

    def _free_any(self, cpu: Cpu, zone: Zone, pfn: int, order: int, *, cold: bool) -> Program[None]:
        if order:
            return self.free_pages_ok(cpu, zone, pfn, order)
        return self.free_unref_page(cpu, zone, pfn, cold=cold)

    def _slow_path(self, cpu: Cpu, order: int, mt: MigrateType, *, cold: bool) -> Program[int | None]:
        pfn = yield from self._down_to_min(cpu, order, mt, cold=cold)
        if pfn is None and self.drains_on_failure and not cpu.in_interrupt():
            yield from self.drain_all_pages(cpu)
            pfn = yield from self._down_to_min(cpu, order, mt, cold=cold)
        return pfn

    def _down_to_min(self, cpu: Cpu, order: int, mt: MigrateType, *, cold: bool) -> Program[int | None]:
        yield Sync()
        for zone in self.zonelists[cpu.index]:
            view = self.views[zone][cpu.index]
            view.refresh()
            if view.free_pages - (1 << order) >= zone.watermarks.min:
                pfn = yield from self._rmqueue_any(cpu, zone, order, mt, cold=cold)
                if pfn is not None:
                    return pfn
        return None

    # The buddy path: order > 0, and contexts barred from the pcp lists

    def rmqueue_buddy(self, cpu: Cpu, zone: Zone, order: int, mt: MigrateType) -> Program[int | None]:
        """Take one block straight from the buddy lists, under zone->lock with interrupts masked."""
        lock = self.zone_lock[zone]
        cpu.site = "rmqueue_buddy"
        yield self.k.irq_save
        yield lock.acquire
        taken = yield from self._remove(cpu, zone, order, mt)
        yield lock.release
        if taken:
            yield self.k.zone_counters
        yield self.k.irq_restore
        return taken[0] if taken else None

    def free_pages_ok(self, cpu: Cpu, zone: Zone, pfn: int, order: int) -> Program[None]:
        """Give one block straight back to the buddy lists (`__free_pages_ok`)."""
        lock = self.zone_lock[zone]
        cpu.site = "free_pages_ok"
        yield self.k.free_prepare
        mt = self.views[zone][cpu.index].pageblock_type(pfn)
        yield self.k.irq_save
        yield self.k.event_counter
        yield lock.acquire
        yield from self._insert(cpu, zone, [(mt, [pfn])], order)
        yield lock.release
        yield self.k.irq_restore

    # Refill and drain. The caller has masked what its generation masks.

    def rmqueue_bulk(self, cpu: Cpu, zone: Zone, pcp: Pcp, mt: MigrateType, *, cold: bool) -> Program[None]:
        """Refill an empty pcp list with `batch` pages under one hold of zone->lock."""
        lock = self.zone_lock[zone]
        cpu.site = "rmqueue_bulk"
        yield lock.acquire
        pfns = yield from self._remove(cpu, zone, 0, mt, count=pcp.batch)
        pcp.refill(pfns, mt, cold=cold)
        yield lock.release

    def free_pcppages_bulk(self, cpu: Cpu, zone: Zone, pcp: Pcp, count: int) -> Program[None]:
        """Return `count` of the coldest pages to the buddy lists under one hold of zone->lock."""
        lock = self.zone_lock[zone]
        cpu.site = "free_pcppages_bulk"
        yield lock.acquire
        self.must_have(cpu, pcp.count, count)
        yield from self._insert(cpu, zone, pcp.take_for_drain(count), 0)
        yield lock.release

    @staticmethod
    def must_have(cpu: Cpu, there: int, needed: int) -> None:
        """Raise RuleBroken if pages that were on a pcp list have gone: somebody used it in between."""
        if there < needed:
            raise RuleBroken(
                f"cpu {cpu.index} at cycle {cpu.clock} in {cpu.site}: the pcp list it works on has {there} pages, it "
                f"had {needed}; an interrupt has used it meanwhile"
            )

    # Draining every CPU's lists

    def expect_drains(self) -> None:
        """Let a task whose allocation fails drain all pcp lists and try again, as direct reclaim does.

        That sends IPIs, so it bounds how far every CPU's clock may run ahead.
        """
        self.drains_on_failure = True
        self.machine.expect_ipis(max(1, round(self.k.costs["ipi_delivery"])))

    def drain_all_pages(self, cpu: Cpu) -> Program[None]:  # noqa: ARG002 - who drains as the caller asks
        """Have every CPU return the pages on its pcp lists, and wait for the slowest.

        The kernel spares CPUs whose lists it finds empty, by a read that races with their use. Here every CPU is
        asked: what another CPU's lists hold right now is not known on local clocks, and finding out is as dear.

        By IPI, in hardirq context, up to Linux v4.10 (ea57485af8f4); by a worker, in a task, from v4.11
        (0ccce3b92421). Who drains as the caller has this differently.
        """
        yield Sync()
        targets = self.machine.cpus
        waiting = self.machine.spin_step if self.drain_by == "ipi" else self.machine.idle_step
        done = Await(self.machine, len(targets), waiting)

        def drain(target: Cpu) -> Program[None]:
            for zone in self.zones:
                yield from self.drain_pages(target, zone)
            yield Sync()
            done.arrive(target)

        def wake_worker(target: Cpu) -> Program[None]:
            target.interrupts.queue_work(drain)
            yield from ()

        handler = drain if self.drain_by == "ipi" else wake_worker
        for target in targets:
            yield SendIpi(target, "drain_local_pages", handler)
        yield done

    def drain_pages(self, cpu: Cpu, zone: Zone) -> Program[None]:
        """Return all pages of this CPU's lists for `zone` to the buddy lists."""
        pcp = zone.pcps[cpu.index]
        yield self.k.irq_save
        if pcp.count:
            yield from self.free_pcppages_bulk(cpu, zone, pcp, pcp.count)
        yield self.k.irq_restore

    def _remove(self, cpu: Cpu, zone: Zone, order: int, mt: MigrateType, *, count: int = 1) -> Program[list[int]]:
        """Take up to `count` blocks off the buddy lists and charge for it; zone->lock is held."""
        k, buddy = self.k, zone.buddy
        splits, fallbacks = buddy.splits, buddy.fallbacks
        if order:
            pfns = [block for _ in range(count) if (block := buddy.remove(order, mt)) is not None]
        else:
            pfns = buddy.remove_pages(count, mt)
        zone.free_pages -= len(pfns) << order
        for saw in self.hooks.pages_removed:
            saw(cpu, zone, order, mt, pfns)
        self.views[zone][cpu.index].refresh()
        yield Burst(
            (k.buddy_remove, len(pfns)),
            (k.buddy_split, buddy.splits - splits),
            (k.buddy_fallback, buddy.fallbacks - fallbacks),
            *self._misses(cpu, pfns),
        )
        if self.lines.any:
            yield from self.lines.buddy(cpu, zone, -(len(pfns) << order), pfns)
        return pfns

    def _misses(self, cpu: Cpu, pfns: Sequence[int]) -> list[tuple[Step, int]]:
        """Use many struct pages; return the steps of those that have gone cold."""
        misses = self.k.struct_page_miss
        return [(misses[level], pages) for level, pages in self.recency[cpu.index].touch_all(pfns) if level]

    def _insert(
        self, cpu: Cpu, zone: Zone, runs: list[tuple[MigrateType, list[int]]], order: int, *, picked: bool = False
    ) -> Program[None]:
        """Put runs of blocks of one type on the buddy lists and charge for them; zone->lock is held.

        `picked`: they have been taken off their pcp lists, and paid for, before.
        """
        buddy = zone.buddy
        merges, blocks = buddy.merges, 0
        for mt, pfns in runs:
            blocks += len(pfns)
            if order:
                for pfn in pfns:
                    buddy.insert(pfn, order, mt)
            else:
                buddy.insert_pages(pfns, mt)
        zone.free_pages += blocks << order
        for saw in self.hooks.pages_inserted:
            for mt, pfns in runs:
                saw(cpu, zone, order, mt, pfns)
        self.views[zone][cpu.index].refresh()
        insert = self.k.buddy_insert_picked if picked else self.k.buddy_insert
        yield Burst((insert, blocks), (self.k.buddy_merge, buddy.merges - merges))
        if self.lines.any:
            yield from self.lines.buddy(cpu, zone, blocks << order, ())


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
