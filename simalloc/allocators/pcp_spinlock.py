"""pcp-spinlock: each CPU's pcp has a lock of its own, so that another CPU may drain it; its CPU only tries the lock.

Linux v6.1 (01b44456a7aa), mm/page_alloc.c: rmqueue_pcplist(), free_unref_page(), free_unref_page_list(),
__alloc_pages_bulk(), drain_pages_zone(). With what had come since v4.17: blocks of orders 0 to 3 and of a pageblock on
the pcp, drains that double, counters out of the masked window, drains list by list (Linux v5.14, 44042b449872, and
v5.18, 8b10b465d0e1).

Interrupts are masked while the lock is held, so only a remote drain can make the try fail. Where drains are not
expected the lock is therefore two steps with nothing behind them, which leaves hits to strides; where they are, it is
a real one. Pageblock-sized blocks keep a list per migratetype, as before v6.0, which has one for all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar

from simalloc.allocators.base import DrainBy
from simalloc.allocators.list_free import ListFree, Prepared, by_zone, windows
from simalloc.allocators.shared_lines import LineSwitches
from simalloc.allocators.steps import KernelSteps
from simalloc.machine import Cpu, Machine, Program, SpinLock, Sync
from simalloc.memory import PAGEBLOCK_ORDER, MigrateType, Pcp, Zone

PCP_LINES = 2
"""Cache lines that move with a pcp's lock to another CPU: the one it shares with count and sizes, and a list's head."""


class PcpSpinlock(ListFree):
    """Preemption off, interrupts masked, pcp->lock tried; whoever finds it taken goes to the buddy lists."""

    has_bulk: ClassVar[bool] = True
    pcp_orders: ClassVar[Sequence[int]] = (0, 1, 2, 3, PAGEBLOCK_ORDER)

    def __init__(
        self,
        machine: Machine,
        zones: Sequence[Zone],
        steps: KernelSteps,
        *,
        drain_by: DrainBy = "caller",
        lines: LineSwitches = LineSwitches(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__(machine, zones, steps, drain_by=drain_by, lines=lines)
        self.pcp_lock: defaultdict[Pcp, SpinLock] = defaultdict(self._new_pcp_lock)

    def _new_pcp_lock(self) -> SpinLock:
        return self.k.lock("pcp->lock", PCP_LINES - 1, acquire=self.k.pcp_trylock, release=self.k.pcp_unlock)

    # One block

    def rmqueue(
        self,
        cpu: Cpu,
        zone: Zone,
        mt: MigrateType,
        *,
        cold: bool,  # noqa: ARG002 - pages are neither hot nor cold any more
        order: int = 0,
    ) -> Program[int | None]:
        """Try the lock, refill if empty, pop, unlock, count; without lock or page, straight from the buddy lists."""
        cpu.site = "rmqueue_pcplist"
        pcp = yield from self.pcp_spin_trylock_irqsave(cpu, zone)
        pfn = None
        if pcp is not None:
            self.note_alloc(pcp)
            if (yield from self._has_block(cpu, zone, pcp, order, mt)):
                yield self.k.pcp_pop
                pfn = pcp.pop(pcp.place(order, mt))
            yield from self.pcp_spin_unlock_irqrestore(pcp)
        if pfn is None:
            return (yield from self.rmqueue_buddy(cpu, zone, order, mt))
        yield self.k.zone_counters
        return pfn

    def free_unref_page(
        self,
        cpu: Cpu,
        zone: Zone,
        pfn: int,
        *,
        cold: bool,  # noqa: ARG002 - pages are neither hot nor cold any more
        order: int = 0,
    ) -> Program[None]:
        """Try the lock, push, drain at the high mark, unlock; without the lock, straight to the buddy lists."""
        k = self.k
        cpu.site = "free_unref_page"
        yield k.free_prepare
        mt = self.views[zone][cpu.index].pageblock_type(pfn)
        pcp = yield from self.pcp_spin_trylock_irqsave(cpu, zone)
        if pcp is None:
            yield from self.free_one_page(cpu, zone, pfn, order, mt)
            return
        yield k.event_counter
        yield k.pcp_push
        place = pcp.place(order, mt)
        pcp.push(pfn, place)
        # Blocks that only come and never go would fragment memory: with a drain behind them, all pages leave.
        if pcp.free_factor and 0 < order < PAGEBLOCK_ORDER:
            yield from self.free_pcppages_bulk(cpu, zone, pcp, pcp.count, place)
        elif pcp.count >= pcp.high:
            yield from self.drain_at_high(cpu, zone, pcp, place)
        yield from self.pcp_spin_unlock_irqrestore(pcp)

    def _rmqueue_any(self, cpu: Cpu, zone: Zone, order: int, mt: MigrateType, *, cold: bool) -> Program[int | None]:
        if order in self.pcp_orders:
            return self.rmqueue(cpu, zone, mt, cold=cold, order=order)
        return self.rmqueue_buddy(cpu, zone, order, mt)

    def _free_any(self, cpu: Cpu, zone: Zone, pfn: int, order: int, *, cold: bool) -> Program[None]:
        if order in self.pcp_orders:
            return self.free_unref_page(cpu, zone, pfn, cold=cold, order=order)
        return self.free_pages_ok(cpu, zone, pfn, order)

    def note_alloc(self, pcp: Pcp, hits: int = 1) -> None:
        """Let each allocation halve what the next drain gives back."""
        pcp.free_factor >>= hits

    # The lock

    def pcp_spin_trylock_irqsave(self, cpu: Cpu, zone: Zone) -> Program[Pcp | None]:
        """Stay on this CPU, mask, and try; None, with all of that undone, if another CPU drains this pcp."""
        k, pcp = self.k, zone.pcps[cpu.index]
        yield k.preempt_disable
        yield k.irq_save
        if not self.drains_on_failure:
            yield k.pcp_trylock
        elif not (yield self.pcp_lock[pcp].trylock):
            yield k.irq_restore
            yield k.preempt_enable
            return None
        return pcp

    def pcp_spin_lock_irqsave(self, cpu: Cpu, zone: Zone) -> Program[Pcp]:
        """Stay on this CPU, mask, and wait for the lock if it must be."""
        k, pcp = self.k, zone.pcps[cpu.index]
        yield k.preempt_disable
        yield k.irq_save
        yield self.pcp_lock[pcp].acquire if self.drains_on_failure else k.pcp_trylock
        return pcp

    def pcp_spin_unlock_irqrestore(self, pcp: Pcp) -> Program[None]:
        """Undo either."""
        k = self.k
        yield self.pcp_lock[pcp].release if self.drains_on_failure else k.pcp_unlock
        yield k.irq_restore
        yield k.preempt_enable

    # Straight from and to the buddy lists

    def rmqueue_buddy(self, cpu: Cpu, zone: Zone, order: int, mt: MigrateType) -> Program[int | None]:
        """Take one block under zone->lock; what is counted is counted with interrupts on again."""
        k, lock = self.k, self.zone_lock[zone]
        cpu.site = "rmqueue_buddy"
        yield k.irq_save
        yield lock.acquire
        taken = yield from self._remove(cpu, zone, order, mt)
        yield lock.release
        yield k.irq_restore
        if not taken:
            return None
        yield k.zone_counters
        return taken[0]

    def free_one_page(self, cpu: Cpu, zone: Zone, pfn: int, order: int, mt: MigrateType) -> Program[None]:
        """Give back one prepared block under zone->lock."""
        k, lock = self.k, self.zone_lock[zone]
        cpu.site = "free_one_page"
        yield k.irq_save
        yield lock.acquire
        yield from self._insert(cpu, zone, [(mt, [pfn])], order)
        yield lock.release
        yield k.irq_restore

    # Refill and drain, with the pcp's lock held

    def _has_block(self, cpu: Cpu, zone: Zone, pcp: Pcp, order: int, mt: MigrateType) -> Program[bool]:
        """Refill the list if it is empty; return whether it has a block then."""
        place = pcp.place(order, mt)
        if not pcp.lists[place]:
            lock = self.zone_lock[zone]
            cpu.site = "rmqueue_bulk"
            yield lock.acquire
            pcp.refill((yield from self._remove(cpu, zone, order, mt, count=pcp.refill_blocks(order))), place)
            yield lock.release
        return bool(pcp.lists[place])

    def free_pcppages_bulk(self, cpu: Cpu, zone: Zone, pcp: Pcp, count: int, first: int = 0) -> Program[None]:
        """Return `count` pages to the buddy lists in a single pass under zone->lock, list `first` before the others."""
        lock = self.zone_lock[zone]
        cpu.site = "free_pcppages_bulk"
        yield lock.acquire
        for order, mt, blocks in pcp.take_list_by_list(count, first):
            # Each list goes back when its turn comes, and those who look without the lock see it then.
            yield Sync()
            yield from self._insert(cpu, zone, [(mt, blocks)], order)
        yield lock.release

    def drain_at_high(self, cpu: Cpu, zone: Zone, pcp: Pcp, place: int) -> Program[None]:
        """Drain a batch, and twice as much next time unless something is allocated in between."""
        return self.free_pcppages_bulk(cpu, zone, pcp, pcp.next_drain(), place)

    # Many pages

    def commit_list(self, cpu: Cpu, prepared: list[Prepared]) -> Program[None]:
        """Take the lock once for up to 32 pages of one zone."""
        for of_zone in by_zone(prepared):
            for window in windows(of_zone):
                pcp = yield from self.pcp_spin_lock_irqsave(cpu, of_zone[0][0])
                yield from self.commit(cpu, window)
                yield from self.pcp_spin_unlock_irqrestore(pcp)

    def alloc_pages_bulk(
        self, cpu: Cpu, count: int, pages: list[int], mt: MigrateType = MigrateType.UNMOVABLE
    ) -> Program[int]:
        """Append up to `count` order-0 pages, all taken and prepared under one hold of the pcp's lock; return how many.

        Falls back to a single-page call if only one is wanted, if no zone has `count` pages above its LOW watermark,
        if the pcp is being drained, and if it yields nothing.
        """
        self._not_in_nmi(cpu, "allocates")
        got: list[int] = []
        if count > 1:
            yield self.k.bulk_call
            for zone in self.zonelists[cpu.index]:
                if self.views[zone][cpu.index].free_pages > zone.watermarks.low + count:
                    got = yield from self._bulk_from(cpu, zone, count, mt)
                    break
        if not got:
            pfn = yield from self.alloc_pages(cpu, 0, mt)
            if pfn is None:
                return 0
            pages.append(pfn)
            return 1
        for saw in self.hooks.page_allocated:
            for pfn in got:
                saw(cpu, pfn, 0)
        pages += got
        return len(got)

    def _bulk_from(self, cpu: Cpu, zone: Zone, count: int, mt: MigrateType) -> Program[list[int]]:
        k = self.k
        cpu.site = "alloc_pages_bulk"
        got: list[int] = []
        pcp = yield from self.pcp_spin_trylock_irqsave(cpu, zone)
        if pcp is None:
            return got
        while len(got) < count and (yield from self._has_block(cpu, zone, pcp, 0, mt)):
            run = min(count - len(got), len(pcp.lists[mt]))
            yield k.pcp_pop * run
            got += pcp.pop_many(mt, run)
            yield k.prep_new_page * run
        yield from self.pcp_spin_unlock_irqrestore(pcp)
        if got:
            yield k.zone_counters
        return got

    # Draining every CPU's lists

    def expect_drains(self) -> None:
        """Let a task whose allocation fails drain all pcp lists, itself: no IPIs, but the pcps' locks become real."""
        self.drains_on_failure = self.hits_take_locks = True

    def drain_all_pages(self, cpu: Cpu) -> Program[None]:
        """Lock every CPU's lists in turn and return their pages: nobody is interrupted, nobody waited for.

        The kernel skips lists that it finds empty by a read without the lock; here all are locked, as their count is
        not known otherwise. That two callers do not drain at once (pcpu_drain_mutex) is left out. Raises RuntimeError
        if the allocator was not told to expect drains.
        """
        if not self.drains_on_failure:
            raise RuntimeError("an allocator whose pcp lists are drained must expect it: call expect_drains first")
        yield Sync()
        for owner in self.machine.cpus:
            for zone in self.zones:
                yield from self.drain_pages(cpu, zone, owner)

    def drain_pages(self, cpu: Cpu, zone: Zone, owner: Cpu | None = None) -> Program[None]:
        """Return all pages of `owner`'s lists for `zone`, of this CPU's by default, to the buddy lists."""
        pcp = zone.pcps[(owner or cpu).index]
        cpu.site = "drain_pages_zone"
        yield self.k.irq_save
        yield self.pcp_lock[pcp].acquire
        if pcp.count:
            yield from self.free_pcppages_bulk(cpu, zone, pcp, pcp.count)
        yield self.pcp_lock[pcp].release
        yield self.k.irq_restore
