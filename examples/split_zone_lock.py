"""A zone lock for each order: a refill of pages does not keep others from the large blocks.

Whoever takes a block holds the locks from its order up to that of the block that is split for it; whoever frees one
holds them up to the order it merges to. Locks are taken upwards only, so nobody waits in a circle. Refills and drains
hold the lock of order 0 all along and those above it page by page: more locks, each held for less. A pageblock that is
stolen from another type moves free blocks of lower orders too, under the upper locks only; a kernel would need more.
"""

from collections.abc import Sequence

from simalloc.api import Cpu, Linux, MigrateType, Pcp, Program, SpinLock, Sync, Zone, register

SIMALLOC_API = 1
TOP = 10


@register
class SplitZoneLock(Linux):
    """v4.11, but for the lock of the zone."""

    name = "split-zone-lock"
    about = (
        "zone->lock split by order; refills and drains of pages take the upper ones only where blocks split or merge"
    )
    like = "v4.11"
    models = "no kernel: an example"
    hits_are_constant = True  # a hit takes no zone lock at all

    def __init__(self, machine, zones, steps, generation, *, lines=None) -> None:
        super().__init__(machine, zones, steps, generation, lines=lines)
        self.order_locks: dict[Zone, list[SpinLock]] = {
            zone: [steps.lock(f"zone->lock[{order}]") for order in range(TOP + 1)] for zone in zones
        }

    # Refill and drain

    def rmqueue_bulk(self, cpu: Cpu, zone: Zone, pcp: Pcp, mt: MigrateType, *, order=0, cold=False) -> Program[None]:
        """Refill page by page, under the lock of the order and what each page needs above it."""
        locks = self.order_locks[zone]
        cpu.site = "rmqueue_bulk"
        yield locks[order].acquire
        blocks: list[int] = []
        for _ in range(pcp.tuning.refill(pcp.count, order)):
            top = yield from self.lock_to_a_block(zone, order, mt)
            blocks += yield from self.remove_blocks(cpu, zone, order, mt)
            yield from self.unlock_from(zone, top, order)
        self.fill(cpu, pcp, blocks, order, mt, cold=cold)
        yield locks[order].release

    def free_pcppages_bulk(self, cpu: Cpu, zone: Zone, pcp: Pcp, count: int, first: int = 0) -> Program[None]:  # noqa: ARG002
        """Drain page by page, under the lock of order 0 and those of the orders that each page merges to."""
        locks = self.order_locks[zone]
        cpu.site = "free_pcppages_bulk"
        yield locks[0].acquire
        self.must_have(cpu, pcp, pcp.count, count)
        for order, mt, pfns in self.pick(cpu, pcp, count):
            for pfn in pfns:
                top = yield from self.lock_to_merged(zone, order, pfn)
                yield from self.insert_blocks(cpu, zone, [(order, mt, [pfn])])
                yield from self.unlock_from(zone, top, order)
        yield locks[0].release

    # One block of an order that pcps do not have

    def rmqueue_buddy(self, cpu: Cpu, zone: Zone, order: int, mt: MigrateType) -> Program[int | None]:
        """Take it under the locks that it needs."""
        locks, k = self.order_locks[zone], self.k
        cpu.site = "rmqueue_buddy"
        yield k.irq_save
        yield locks[order].acquire
        top = yield from self.lock_to_a_block(zone, order, mt)
        taken = yield from self.remove_blocks(cpu, zone, order, mt)
        yield from self.unlock_from(zone, top, order)
        yield locks[order].release
        yield k.zone_counters
        yield k.irq_restore
        return taken[0] if taken else None

    def free_pages_ok(self, cpu: Cpu, zone: Zone, pfn: int, order: int) -> Program[None]:
        """Free it under the locks that it needs."""
        locks, k = self.order_locks[zone], self.k
        cpu.site = "free_pages_ok"
        yield k.free_prepare
        mt = self.views[zone][cpu.index].pageblock_type(pfn)
        yield k.irq_save
        yield k.event_counter
        yield locks[order].acquire
        top = yield from self.lock_to_merged(zone, order, pfn)
        yield from self.insert_blocks(cpu, zone, [(order, mt, [pfn])])
        yield from self.unlock_from(zone, top, order)
        yield locks[order].release
        yield k.irq_restore

    # The locks above the first, which is held

    def lock_to_a_block(self, zone: Zone, order: int, mt: MigrateType) -> Program[int]:
        """Lock upwards to the first order that has a block; to the top, if another type's must be taken."""
        yield Sync()  # the zone's counters are changed under several locks: see them as they are at this cycle
        while not zone.buddy.has_block(order, mt) and order < TOP:
            order += 1
            yield self.order_locks[zone][order].acquire
        return order

    def lock_to_merged(self, zone: Zone, order: int, pfn: int) -> Program[int]:
        """Lock upwards to the order that a block merges to."""
        yield Sync()
        while order < TOP and zone.buddy.is_free(pfn ^ (1 << order), order):
            pfn &= ~(1 << order)
            order += 1
            yield self.order_locks[zone][order].acquire
        return order

    def unlock_from(self, zone: Zone, top: int, order: int) -> Program[None]:
        """Let go of what was locked above `order`, from the top down."""
        locks: Sequence[SpinLock] = self.order_locks[zone]
        for above in range(top, order, -1):
            yield locks[above].release
