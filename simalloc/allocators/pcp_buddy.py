"""CPUs that own pageblocks: the proposal of April 2026 (pcp buddy allocator), which no kernel has.

J. Weiner, RFC "mm: page_alloc: pcp buddy allocator", 3 April 2026 (Message-Id 20260403194526.477775-1 to -3), and the
answers of 6 April. A CPU claims whole pageblocks from the zone and splits them under its pcp's lock. Each page is freed
to the pcp of the CPU that owns its pageblock, whoever frees it. A drain first merges there what it can, and gives
larger blocks to the zone. What the posts leave open is decided here, and said where it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar

from mypy_extensions import mypyc_attr

from simalloc.allocators.buddy_path import Runs
from simalloc.allocators.generation import Generation
from simalloc.allocators.linux import Linux
from simalloc.allocators.shared_lines import LineSwitches
from simalloc.allocators.steps import KernelSteps
from simalloc.machine import Burst, Cpu, Machine, Program, Sync
from simalloc.memory import PAGEBLOCK_ORDER, PAGEBLOCK_PAGES, MigrateType, Pcp, Zone, frame_runs
from simalloc.memory.buddy import MAX_ORDER
from simalloc.memory.pcp import Run


@mypyc_attr(allow_interpreted_subclasses=True)
class PcpBuddy(Linux):
    """A pcp that is a buddy allocator of its own, over the pageblocks that its CPU owns.

    `blocks` says which pcp owns a pageblock, and its type when it was claimed. It changes under zone->lock, and only
    for a pageblock that is whole in the zone. So whoever has a page of it in hand may read it without a lock.
    `fragmented` are a pcp's pageblocks of which drains have put parts on the buddy lists; zone->lock protects it.

    Decided here: blocks of all orders up to a pageblock's are kept on the pcp; an owner's pcp that is locked is not
    waited for, the page goes to the buddy lists, as everywhere since v6.2; a pageblock is claimed only if the lists
    have room for one, which is how small machines stay with what they do today; a drain gives the largest blocks first.
    """

    hits_are_constant: ClassVar[bool] = False

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
        self.locks_are_real = self.hits_take_locks = True
        self.blocks: dict[int, tuple[Pcp, MigrateType]] = {}
        self.fragmented: dict[Pcp, dict[int, None]] = {pcp: {} for zone in zones for pcp in zone.pcps}

    def home(self, cpu: Cpu, zone: Zone, pfn: int) -> tuple[Pcp, MigrateType]:
        """Return the owner's pcp, and the list of the type that the pageblock had when it was claimed."""
        owned = self.blocks.get(pfn >> PAGEBLOCK_ORDER)
        return super().home(cpu, zone, pfn) if owned is None else owned

    # Under the pcp's lock: split and merge

    def has_block(
        self, cpu: Cpu, zone: Zone, pcp: Pcp, order: int, mt: MigrateType, *, cold: bool = False
    ) -> Program[bool]:
        """Split the smallest block that is larger if the list is empty; refill if there is none."""
        if pcp.lists[pcp.place(order, mt)]:
            return True
        if _larger(pcp, order, mt) is None:
            yield from super().has_block(cpu, zone, pcp, order, mt, cold=cold)
        if pcp.lists[pcp.place(order, mt)]:
            return True
        larger = _larger(pcp, order, mt)
        if larger is None:
            return False
        yield from self._split(cpu, pcp, larger, order, mt)
        return True

    def _split(self, cpu: Cpu, pcp: Pcp, high: int, low: int, mt: MigrateType) -> Program[None]:
        """Take a block apart: of each order down to `low` an upper half stays, and of `low` the lower one too."""
        k = self.k
        pfn = self.pop(cpu, pcp, mt, high)
        halves = [(order, pfn + (1 << order)) for order in range(high - 1, low - 1, -1)]
        for order, half in (*halves, (low, pfn)):
            self.push(cpu, pcp, half, mt, order)
        misses = self.struct_page_misses(cpu, frame_runs([half for _, half in halves]))
        yield Burst((k.buddy_split, high - low), (k.page_check, high - low), *misses)
        if low:
            yield self.tail_checks(cpu, 2, low, misses[:1])

    def before_drain(self, cpu: Cpu, pcp: Pcp) -> Program[None]:
        """Merge what the CPU owns, from single pages up; each block looked at has its buddy's struct page read."""
        for used in self.hooks.pcp_used:
            used(cpu, pcp)
        looked, merged = pcp.merge(lambda pfn: self._owner(pfn) is pcp)
        yield Burst((self.k.page_check, looked), (self.k.buddy_merge, merged))

    def _owner(self, pfn: int) -> Pcp | None:
        owned = self.blocks.get(pfn >> PAGEBLOCK_ORDER)
        return owned and owned[0]

    # Under zone->lock: refill and drain

    def rmqueue_bulk(
        self, cpu: Cpu, zone: Zone, pcp: Pcp, mt: MigrateType, *, order: int = 0, cold: bool = False
    ) -> Program[None]:
        """Refill in four phases, each if those before did not bring enough.

        Each change of the buddy lists comes when its turn does, and those who look without the lock see it then (Sync).
        """
        lock = self.zone_lock[zone]
        cpu.site = "rmqueue_bulk"
        yield lock.acquire
        wanted = pcp.tuning.refill(pcp.count, order, self.views[zone][cpu.index].pressure) << order
        found: defaultdict[int, list[int]] = defaultdict(list)
        for phase in (self._recover, self._claim, self._take_chunks, self._take_any):
            left = wanted - sum(len(pfns) << size for size, pfns in found.items())
            if left > 0:
                for size, pfns in (yield from phase(cpu, zone, pcp, order, mt, left)):
                    found[size] += pfns
        for size, pfns in found.items():
            self.fill(cpu, pcp, pfns, size, mt, cold=cold)
        yield lock.release

    def _recover(
        self, cpu: Cpu, zone: Zone, pcp: Pcp, order: int, mt: MigrateType, wanted: int
    ) -> Program[list[tuple[int, list[int]]]]:
        """Phase 0: take back the free parts of own pageblocks of this type, each of which is scanned for them."""
        k, buddy, taken = self.k, zone.buddy, []
        for block in list(self.fragmented[pcp]):
            if wanted <= 0:
                break
            if self.blocks[block][1] is not mt:
                continue
            yield Sync()
            scanned = buddy.scanned
            parts = zone.take_fragments(block, mt, order)
            del self.fragmented[pcp][block]
            for size, pfn in parts:
                wanted -= 1 << size
                taken.append((size, [pfn]))
                for saw in self.hooks.pages_removed:
                    saw(cpu, zone, size, mt, [pfn])
            self.views[zone][cpu.index].refresh()
            misses = self.struct_page_misses(cpu, frame_runs([pfn for _, pfn in parts]))
            yield Burst((k.page_scan, buddy.scanned - scanned), (k.buddy_remove, len(parts)), *misses)
        return taken

    def _claim(
        self,
        cpu: Cpu,
        zone: Zone,
        pcp: Pcp,
        order: int,  # noqa: ARG002
        mt: MigrateType,
        wanted: int,
    ) -> Program[list[tuple[int, list[int]]]]:
        """Phase 1: become the owner of whole pageblocks of this type, if the lists have room for one."""
        claimed: list[int] = []
        while (
            wanted > len(claimed) * PAGEBLOCK_PAGES
            and pcp.high - pcp.count >= (len(claimed) + 1) * PAGEBLOCK_PAGES
            and _has_at_least(zone, PAGEBLOCK_ORDER, mt)
        ):
            yield Sync()
            for pfn in (yield from self.remove_blocks(cpu, zone, PAGEBLOCK_ORDER, mt)):
                self.blocks[pfn >> PAGEBLOCK_ORDER] = pcp, mt
                claimed.append(pfn)
        return [(PAGEBLOCK_ORDER, claimed)]

    def _take_chunks(
        self,
        cpu: Cpu,
        zone: Zone,
        pcp: Pcp,  # noqa: ARG002
        order: int,
        mt: MigrateType,
        wanted: int,
    ) -> Program[list[tuple[int, list[int]]]]:
        """Phase 2: take blocks of this type, as large as is still wanted; they get no owner, and do not merge."""
        taken = []
        size = min(wanted.bit_length() - 1, PAGEBLOCK_ORDER - 1)
        while size >= order and wanted > 0:
            if wanted >> size and _has_at_least(zone, size, mt):
                yield Sync()
                pfns = yield from self.remove_blocks(cpu, zone, size, mt)
                taken.append((size, pfns))
                wanted -= len(pfns) << size
            else:
                size -= 1
        return taken

    def _take_any(
        self,
        cpu: Cpu,
        zone: Zone,
        pcp: Pcp,  # noqa: ARG002
        order: int,
        mt: MigrateType,
        wanted: int,
    ) -> Program[list[tuple[int, list[int]]]]:
        """Phase 3: what every kernel does, other types' blocks included."""
        misses: Runs = []
        yield Sync()
        pfns = yield from self.remove_blocks(cpu, zone, order, mt, count=-(-wanted >> order), misses=misses)
        if order and pfns:
            yield self.tail_checks(cpu, len(pfns), order, misses)
        return [(order, pfns)]

    def free_pcppages_bulk(self, cpu: Cpu, zone: Zone, pcp: Pcp, count: int, first: int = 0) -> Program[None]:  # noqa: ARG002
        """Give `count` pages to the buddy lists, or a few more, in the largest blocks that there are."""
        lock = self.zone_lock[zone]
        cpu.site = "free_pcppages_bulk"
        yield lock.acquire
        for used in self.hooks.pcp_used:
            used(cpu, pcp)
        runs = pcp.take_largest_first(count)
        for saw in self.hooks.pages_unparked:
            for order, _, pfns in runs:
                saw(cpu, pcp, pfns, order)
        yield from self.insert_blocks(cpu, zone, runs)
        yield lock.release

    def insert_blocks(self, cpu: Cpu, zone: Zone, runs: Sequence[Run], *, picked: bool = False) -> Program[None]:
        """Put blocks on the buddy lists; a pageblock that is whole then has no owner, others' owners are told."""
        yield from super().insert_blocks(cpu, zone, runs, picked=picked)
        for block in dict.fromkeys(pfn >> PAGEBLOCK_ORDER for _, _, pfns in runs for pfn in pfns):
            owned = self.blocks.get(block)
            if owned is None:
                continue
            if zone.buddy.is_whole(block):
                del self.blocks[block]
                self.fragmented[owned[0]].pop(block, None)
            else:
                self.fragmented[owned[0]][block] = None


def _larger(pcp: Pcp, order: int, mt: MigrateType) -> int | None:
    """Return the lowest order above this one of which a pcp has a block of the type."""
    for above in range(order + 1, PAGEBLOCK_ORDER + 1):
        if pcp.lists[pcp.place(above, mt)]:
            return above
    return None


def _has_at_least(zone: Zone, order: int, mt: MigrateType) -> bool:
    """Whether the zone has a free block of the type of at least this order."""
    return any(zone.buddy.has_block(each, mt) for each in range(order, MAX_ORDER))
