"""The kernel's own scheme: one way to allocate and one to free, which do what the parts of a generation say.

Linux, mm/page_alloc.c: rmqueue() and rmqueue_pcplist() (buffered_rmqueue() in v4.10), free_unref_page() and
free_unref_page_commit() (free_hot_cold_page() up to v4.14).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar

from mypy_extensions import mypyc_attr

from simalloc.allocators.base import Allocator
from simalloc.allocators.bulk import alloc_bulk
from simalloc.allocators.generation import Generation
from simalloc.allocators.list_free import free_list
from simalloc.allocators.nolock import NoLock
from simalloc.allocators.shared_lines import LineSwitches
from simalloc.allocators.steps import KernelSteps
from simalloc.machine import Cpu, Machine, Program, SpinLock
from simalloc.memory import MigrateType, Pcp, Zone

PCP_LINES = 2
"""Cache lines that move with a pcp's lock to another CPU: the one it shares with count and sizes, and a list's head."""


UNDOES = {"irq_save": "irq_restore", "preempt_disable": "preempt_enable", "bh_disable": "bh_enable"}
"""The step that undoes one of entering."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Linux(Allocator):
    """A generation of Linux: enter the pcp's section, use its lists, leave; where it may not be entered, buddy lists.

    Where no other CPU drains a pcp its lock is two steps and a flag, which leaves hits to strides; where one may, it
    is a real spinlock (`locks_are_real`).
    """

    hits_are_constant: ClassVar[bool] = True

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
        entry = generation.entry
        self.asking = steps.named(entry.asks)
        self.entering = steps.named(entry.enters)
        self.leaving_alloc = steps.named(entry.leaves_alloc)
        self.leaving_free = steps.named(entry.leaves_free)
        self.giving_up = steps.named(UNDOES[name] for name in reversed(entry.enters))
        self.masks = entry.masks
        self.locks = entry.locks
        self.locks_are_real = False
        if generation.nolock:
            self.nolock = NoLock(self)
        self.pcp_lock: defaultdict[Pcp, SpinLock] = defaultdict(self._new_pcp_lock)

    def expect_drains(self) -> None:
        """Let failed allocations drain all lists; that makes the pcps' locks ones that others take."""
        super().expect_drains()
        self.locks_are_real = True

    def _new_pcp_lock(self) -> SpinLock:
        return self.k.lock("pcp->lock", PCP_LINES - 1, acquire=self.k.pcp_trylock, release=self.k.pcp_unlock)

    # One block

    def rmqueue(self, cpu: Cpu, zone: Zone, order: int, mt: MigrateType, *, cold: bool) -> Program[int | None]:
        """Enter, refill if the list is empty, pop, leave; if that gives nothing, as the generation says."""
        k = self.k
        for step in self.asking:
            yield step
        if self.is_barred(cpu):
            return (yield from self.rmqueue_buddy(cpu, zone, order, mt))
        cpu.site = self.generation.entry.site
        for step in self.entering:
            yield step
        pcp = zone.pcps[cpu.index]
        if self.locks and not (yield from self.try_lock(cpu, pcp)):
            return (yield from self.rmqueue_buddy(cpu, zone, order, mt))
        pcp.tuning.on_alloc(1)
        pfn = None
        if (yield from self.has_block(cpu, zone, pcp, order, mt, cold=cold)):
            yield k.pcp_pop
            # Where only preemption is off, an IPI that drains, as v2 still has it (found in its review), may have come.
            pfn = self.pop(cpu, pcp, mt, order, cold=cold and self.generation.hot_cold)
            if self._counts_inside:
                yield k.zone_counters
        if self.locks:
            yield from self.unlock(cpu, pcp)
        for step in self.leaving_alloc:
            yield step
        if pfn is None:
            if self.generation.otherwise == "next zone":
                return None
            return (yield from self.rmqueue_buddy(cpu, zone, order, mt))
        if not self._counts_inside:
            yield k.zone_counters
        return pfn

    def free_unref_page(self, cpu: Cpu, zone: Zone, pfn: int, order: int, *, cold: bool) -> Program[None]:
        """Prepare, enter, push, drain what is due, leave; where it may not be entered, to the buddy lists."""
        k = self.k
        for step in self.asking:
            yield step
        if self.is_barred(cpu):
            yield from self.free_pages_ok(cpu, zone, pfn, order)
            return
        cpu.site = "free_unref_page"
        yield k.free_prepare
        pcp, mt = self.home(cpu, zone, pfn)
        for step in self.entering:
            yield step
        if self.locks and not (yield from self.try_lock(cpu, pcp)):
            yield from self.free_one_page(cpu, zone, pfn, order, mt)
            return
        yield k.event_counter
        yield k.pcp_push
        self.push(cpu, pcp, pfn, mt, order, cold=cold and self.generation.hot_cold)
        if not (yield from self.committed(cpu, zone, pcp, 1, order, pcp.place(order, mt))):
            return
        if self.locks:
            yield from self.unlock(cpu, pcp)
        for step in self.leaving_free:
            yield step

    def home(self, cpu: Cpu, zone: Zone, pfn: int) -> tuple[Pcp, MigrateType]:
        """Return the pcp that a page is freed to, this CPU's own, and on which type's list."""
        return zone.pcps[cpu.index], self.views[zone][cpu.index].pageblock_type(pfn)

    def is_barred(self, cpu: Cpu) -> bool:
        """Whether this context may not use the pcp lists."""
        bars = self.generation.entry.bars
        if bars == "nobody":
            return False
        return cpu.in_interrupt() if bars == "interrupts" else cpu.in_irq() or cpu.irqs_disabled()

    # Inside the section

    def has_block(
        self, cpu: Cpu, zone: Zone, pcp: Pcp, order: int, mt: MigrateType, *, cold: bool = False
    ) -> Program[bool]:
        """Refill the list if it is empty; return whether it has a block then."""
        place = pcp.place(order, mt)
        if not pcp.lists[place] and not (order and self.takes_one(cpu)):
            if not self.masks:
                yield self.k.irq_save
            yield from self.rmqueue_bulk(cpu, zone, pcp, mt, order=order, cold=cold and self.generation.hot_cold)
            if not self.masks:
                yield self.k.irq_restore
        return bool(pcp.lists[place])

    def takes_one(self, cpu: Cpu) -> bool:
        """Whether a request for a block, here, takes only that from the buddy lists: those of interrupts are atomic."""
        rule = self.generation.atomic_blocks
        return rule != "refill" and cpu.in_interrupt() and (rule == "one at a time" or self.is_below_low(cpu))

    def committed(self, cpu: Cpu, zone: Zone, pcp: Pcp, frees: int, order: int, place: int) -> Program[bool]:
        """Drain what is due now that `frees` blocks have been pushed, the last to list `place`.

        Returns whether the section is still entered: in between two chunks of a drain (v6.19) others are let in, and if
        the lock is then taken the rest of the drain is forgotten.
        """
        pcp.tuning.on_free(frees, order)
        pages = pcp.tuning.drain(pcp.count, order, self.views[zone][cpu.index].pressure)
        chunk = pcp.batch if self.generation.drain_chunk == "batch" else pages
        if pages > 0:
            yield from self.before_drain(cpu, pcp)
        while pages > 0:
            if not self.masks:
                yield self.k.irq_save
            yield from self.free_pcppages_bulk(cpu, zone, pcp, min(pages, chunk), place)
            if not self.masks:
                yield self.k.irq_restore
            pages -= chunk
            if pages <= 0 or not pcp.count:
                break
            yield from self.unlock(cpu, pcp)
            yield from (*self.leaving_free, *self.entering)
            if not (yield from self.try_lock(cpu, pcp)):
                return False
        return True

    def before_drain(self, cpu: Cpu, pcp: Pcp) -> Program[None]:  # noqa: ARG002
        """Do what a drain needs under the pcp's protection alone; nothing, in any kernel."""
        yield from ()

    # The pcp's lock

    def try_lock(self, cpu: Cpu, pcp: Pcp) -> Program[bool]:
        """Try it; if it is taken, undo what was done to enter."""
        if self.generation.entry.waits:
            yield from self.wait_for_lock(cpu, pcp)
            return True
        lock = self.pcp_lock[pcp]
        if self.locks_are_real:
            got = yield lock.trylock
        else:
            yield self.k.pcp_trylock
            got = lock.take_alone(cpu)
        if got:
            pcp.is_held = True
            return True
        yield from self.giving_up
        return False

    def wait_for_lock(self, cpu: Cpu, pcp: Pcp) -> Program[None]:
        """Take it, waiting if another CPU has it; this one cannot."""
        lock = self.pcp_lock[pcp]
        if self.locks_are_real:
            yield lock.acquire
        else:
            yield self.k.pcp_trylock
            lock.take_alone(cpu, tried=False)
        pcp.is_held = True

    def unlock(self, cpu: Cpu, pcp: Pcp) -> Program[None]:
        """Let go of it."""
        lock = self.pcp_lock[pcp]
        if self.locks_are_real:
            yield lock.release
        else:
            yield self.k.pcp_unlock
            lock.give_alone(cpu)
        pcp.is_held = False

    def lock_of(self, pcp: Pcp) -> SpinLock | None:
        """Return the pcp's lock where a generation has one."""
        return self.pcp_lock[pcp] if self.locks else None

    # Many pages

    def alloc_pages_bulk(
        self,
        cpu: Cpu,
        count: int,
        pages: list[int],
        mt: MigrateType = MigrateType.UNMOVABLE,
        *,
        linked: bool = False,
    ) -> Program[int]:
        """Append up to `count` order-0 pages to `pages` in one section; return how many, possibly fewer than asked.

        `linked`: by their struct pages, which costs more than to note them in an array.
        """
        if self.generation.bulk is None:
            return super().alloc_pages_bulk(cpu, count, pages, mt)
        return alloc_bulk(self, self.generation.bulk, cpu, count, pages, mt, linked=linked)

    def free_pages_bulk(self, cpu: Cpu, pages: Sequence[int]) -> Program[None]:
        """Drop the last references to order-0 pages and free them, in one go where the generation can."""
        if self.generation.list_free is not None:
            return free_list(self, self.generation.list_free, cpu, pages)
        return self._free_each(cpu, pages)

    def _free_each(self, cpu: Cpu, pages: Sequence[int]) -> Program[None]:
        if self.generation.bulk is not None and self.generation.bulk.list_call:
            yield self.k.bulk_free_call
        yield from self.free_pages_each(cpu, pages)

    # Without waiting, in any context

    def alloc_pages_nolock(
        self, cpu: Cpu, order: int = 0, mt: MigrateType = MigrateType.UNMOVABLE
    ) -> Program[int | None]:
        """Try to allocate a block without waiting for a lock, in any context. Raises TypeError before Linux v6.15."""
        return self._nolock().alloc(cpu, order, mt)

    def free_pages_nolock(self, cpu: Cpu, pfn: int, order: int = 0) -> Program[None]:
        """Free a block without waiting for a lock, in any context. Raises TypeError before Linux v6.15."""
        return self._nolock().free(cpu, pfn, order)

    def _nolock(self) -> NoLock:
        if self.nolock is None:
            raise TypeError(f"{self.generation.name} has no allocation that may not spin; v6.15 is the first")
        return self.nolock

    def kept_pages(self, zone: Zone) -> int:
        """Return the pages on the zone's lockless list."""
        return 0 if self.nolock is None else self.nolock.pages_left(zone)

    # Draining

    def drain_pages(self, cpu: Cpu, zone: Zone, owner: Cpu | None = None, *, pages: int | None = None) -> Program[None]:
        """Return pages of `owner`'s lists for `zone`, of this CPU's by default, to the buddy lists; all by default.

        Where pcps have locks, anybody may: all under one hold, or (v6.10, 55f77df7d715) as much a hold as the largest
        drain that a free makes due.
        """
        if not self.locks:
            yield from super().drain_pages(cpu, zone, owner, pages=pages)
            return
        k, pcp, real = self.k, zone.pcps[(owner or cpu).index], self.locks_are_real
        left = pages
        while True:
            cpu.site = "drain_pages_zone"
            yield k.irq_save if self.masks else k.preempt_disable
            yield self.pcp_lock[pcp].acquire if real else k.pcp_trylock
            pcp.is_held = True
            count = pcp.count if left is None else min(left, pcp.count)
            if self.generation.drain_all_chunk == "largest":
                count = min(count, pcp.batch << (pcp.tuning.sizes.scale_max or 0))
            if count:
                yield from self.before_drain(cpu, pcp)
                if not self.masks:
                    yield k.irq_save
                yield from self.free_pcppages_bulk(cpu, zone, pcp, count)
                if not self.masks:
                    yield k.irq_restore
            pcp.is_held = False
            if left is not None:
                left -= count
            is_done = not count or not pcp.count or left == 0
            yield self.pcp_lock[pcp].release if real else k.pcp_unlock
            yield k.irq_restore if self.masks else k.preempt_enable
            if is_done:
                return
