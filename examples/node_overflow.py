"""An overflow list for each node, between the pcps and the buddy lists.

A drain puts its pages on the list and a refill takes them from there, as they are: nothing merges and nothing splits,
so the list's lock is held for a fraction of what zone->lock would be. Only what does not fit goes to the buddy lists.
"""

from collections import defaultdict

from simalloc.api import Cpu, Field, Linux, MigrateType, Parameters, Pcp, Program, SpinLock, Zone, register

SIMALLOC_API = 1


@register
class NodeOverflow(Linux):
    """v4.11 with the list in between."""

    name = "node-overflow"
    about = "a list of pages for each node between its pcps and its buddy lists"
    like = "v4.11"
    models = "no kernel: an example"
    hits_are_constant = True  # a hit does not touch the list

    class Parameters(Parameters):
        """Keys that scenarios may set."""

        keep: int = Field(default=512, ge=0, le=1 << 20, description="pages that each zone's overflow list may hold")

    def __init__(self, machine, zones, steps, generation, *, lines=None) -> None:
        super().__init__(machine, zones, steps, generation, lines=lines)
        self.overflow_lock: dict[Zone, SpinLock] = {zone: steps.lock("overflow->lock", 1) for zone in zones}
        self.overflow: dict[tuple[Zone, MigrateType], list[int]] = defaultdict(list)

    def kept_pages(self, zone: Zone) -> int:
        """Return the pages on the zone's overflow lists."""
        return sum(len(pages) for (whose, _), pages in self.overflow.items() if whose is zone)

    def rmqueue_bulk(self, cpu: Cpu, zone: Zone, pcp: Pcp, mt: MigrateType, *, order=0, cold=False) -> Program[None]:
        """Refill from the overflow list; from the buddy lists if that has nothing."""
        lock, pages = self.overflow_lock[zone], self.overflow[zone, mt]
        cpu.site = "rmqueue_bulk"
        yield lock.acquire
        taken = [pages.pop() for _ in range(min(len(pages), pcp.batch))]
        yield self.k.pcp_pop * len(taken)
        if taken:
            self.fill(cpu, pcp, taken, order, mt, cold=cold)
        yield lock.release
        if not taken:
            yield from super().rmqueue_bulk(cpu, zone, pcp, mt, order=order, cold=cold)

    def free_pcppages_bulk(self, cpu: Cpu, zone: Zone, pcp: Pcp, count: int, first: int = 0) -> Program[None]:
        """Put as many as there is room for on the overflow list, the others on the buddy lists."""
        lock = self.overflow_lock[zone]
        cpu.site = "free_pcppages_bulk"
        yield lock.acquire
        self.must_have(cpu, pcp, pcp.count, count)
        room = min(count, max(self.parameters.keep - self.kept_pages(zone), 0))
        moved = 0
        for _, mt, pfns in pcp.take_round_robin(room) if room else ():
            self.overflow[zone, mt] += pfns
            moved += len(pfns)
        yield self.k.pcp_push * moved
        yield lock.release
        if moved < count:
            yield from super().free_pcppages_bulk(cpu, zone, pcp, count - moved, first)

    def drain_pages(self, cpu: Cpu, zone: Zone, owner: Cpu | None = None, *, pages=None) -> Program[None]:
        """Return the pages of a pcp to the buddy lists, and with them those of the overflow list."""
        yield from super().drain_pages(cpu, zone, owner, pages=pages)
        yield self.k.irq_save
        yield self.overflow_lock[zone].acquire
        runs = [(0, mt, left) for mt in MigrateType if (left := self.overflow.pop((zone, mt), []))]
        yield self.zone_lock[zone].acquire
        yield from self.insert_blocks(cpu, zone, runs)
        yield self.zone_lock[zone].release
        yield self.overflow_lock[zone].release
        yield self.k.irq_restore
