"""memory-pressure: readers fill the page cache of a zone that is full; kswapd and the readers themselves make room.

A reader allocates a pagevec of pages, reads into them, and puts them on the LRU list. When the LOW watermark fails it
wakes kswapd, which frees the oldest pages until the zone is above HIGH again; when MIN fails it frees 32 pages itself
(direct reclaim). What reclaim frees goes to pcp lists first, and pages there are not free: so an allocation may fail
although memory has just been freed, and then all CPUs' lists are drained. Linux v4.10 (ea57485af8f4), mm/page_alloc.c:
__alloc_pages_slowpath(), __alloc_pages_direct_reclaim(); mm/vmscan.c: balance_pgdat(), SWAP_CLUSTER_MAX.

The last CPUs are isolated: they compute, and have pages on their lists from before. What a drain costs them is what
NOHZ_FULL users ask.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simalloc.allocators import Allocator, KernelSteps
from simalloc.allocators.reclaim import Reclaim
from simalloc.machine import Activity, Cpu, Instrument, Machine, Mailbox, Program, Sleep, SpinLock, Sync
from simalloc.memory import MigrateType, Zone
from simalloc.workloads.base import Measured
from simalloc.workloads.page_fault import PAGEVEC
from simalloc.workloads.steady import SteadySpec, SteadyWorkload

SWAP_CLUSTER_MAX = 32
"""Pages reclaimed at a time."""

SLICE = 1000
"""Cycles of an isolated CPU's own work between two looks at the clock."""


class MemoryPressureSpec(SteadySpec):
    """The zone is full from the beginning: no more pages are free than its MIN watermark keeps back."""

    kind: Literal["memory-pressure"] = Field(
        description="readers fill the page cache of a full zone; kswapd, direct reclaim and drains make room"
    )
    isolated: Annotated[int, Field(ge=0, le=1023)] = Field(
        default=1, description="how many of the last CPUs compute and allocate nothing (NOHZ_FULL)"
    )
    read_cycles: Annotated[int, Field(ge=0, le=10**9)] = Field(
        default=2000, description="own work of a reader per page, cycles"
    )
    reclaim_cycles: Annotated[int, Field(ge=0, le=10**9)] = Field(
        default=10000,
        description="work of reclaim per page, such as writing it out; locks and the free come on top",
    )

    def pages_needed(self) -> int:
        """Return the most pages a reader has in its hands."""
        return 2 * PAGEVEC

    def cpus_needed(self) -> int:
        """Return kswapd's CPU, a reader's, and the isolated ones."""
        return 2 + self.isolated


class _PageCache(Reclaim):
    """The pages of all zones that readers have read, oldest first, under one lru_lock; kswapd's bell."""

    def __init__(self, spec: MemoryPressureSpec, allocator: Allocator, steps: KernelSteps) -> None:
        self.spec = spec
        self.allocator = allocator
        self.k = steps
        self.lock: SpinLock = steps.lock("lru_lock")
        self.pages: deque[int] = deque()
        self.bell = Mailbox("kswapd", 1)
        self.reclaim_step = steps.machine.steps.define("shrink_page", Activity.WORK, spec.reclaim_cycles)
        self.direct_runs = 0

    def fill(self, zone: Zone) -> None:
        """Leave the zone with no more free pages than its MIN watermark."""
        self.pages.extend(zone.take(max(zone.free_pages - zone.watermarks.min, 0), 0, MigrateType.MOVABLE))

    def add(self, cpu: Cpu, pages: list[int]) -> Program[None]:
        """Put pages just read on the list."""
        cpu.site = "pagevec_lru_add"
        yield self.k.irq_save
        yield self.lock.acquire
        self.pages.extend(pages)
        yield self.k.lru_page * len(pages)
        yield self.lock.release
        yield self.k.irq_restore

    def shrink(self, cpu: Cpu) -> Program[int]:
        """Take the oldest pages off the list and free them; return how many."""
        cpu.site = "shrink_inactive_list"
        yield self.k.irq_save
        yield self.lock.acquire
        count = min(SWAP_CLUSTER_MAX, len(self.pages))
        oldest = [self.pages.popleft() for _ in range(count)]
        yield self.k.lru_page * count
        yield self.lock.release
        yield self.k.irq_restore
        if oldest:
            yield self.reclaim_step * count
            yield from self.allocator.free_pages_bulk(cpu, oldest)
        return count

    def wake_kswapd(self, cpu: Cpu) -> Program[None]:  # noqa: ARG002
        """Ring the bell, if it does not ring already."""
        yield self.bell.post(None)

    def direct(self, cpu: Cpu) -> Program[int]:
        """Free the oldest pages in place of kswapd."""
        self.direct_runs += 1
        return self.shrink(cpu)


class MemoryPressure(SteadyWorkload):
    """An operation is a page read. CPU 0 is kswapd's."""

    locks: ClassVar[tuple[str, ...]] = ("zone->lock", "lru_lock")

    def __init__(self, spec: MemoryPressureSpec, allocator: Allocator, steps: KernelSteps) -> None:
        super().__init__(spec, allocator, steps)
        self.spec = spec
        self.cache = _PageCache(spec, allocator, steps)
        self.readers = range(1, len(self.machine.cpus) - spec.isolated)
        self.failed = 0
        self._lost: list[int] = []

    def prepare(self, machine: Machine, seed: int) -> Sequence[Instrument]:
        """Fill the zones; give isolated CPUs pages of their own; let failures reclaim and drain."""
        allocator = self.allocator
        allocator.reclaim = self.cache
        allocator.expect_drains()
        for zone in allocator.zones:
            for pcp in zone.pcps[self.readers.stop :]:
                pcp.refill(zone.take(2 * pcp.batch, 0, MigrateType.MOVABLE), MigrateType.MOVABLE)
            self.cache.fill(zone)
            for saw in machine.hooks.pages_owned:
                saw(list(self.cache.pages))
            for view in allocator.views[zone]:
                view.refresh()
        return super().prepare(machine, seed)

    def program(self, cpu: Cpu) -> Program[None]:
        """Reclaim, read, or compute."""
        if cpu.index == 0:
            return self._kswapd(cpu)
        return self._read(cpu) if cpu.index in self.readers else self._compute(cpu)

    def _kswapd(self, cpu: Cpu) -> Program[None]:
        while True:
            yield self.cache.bell.receive
            for zone in self.allocator.zonelists[cpu.index]:
                view = self.allocator.views[zone][cpu.index]
                zone.reclaim_active = True
                while view.free_pages < zone.watermarks.high and (yield from self.cache.shrink(cpu)):
                    yield Sync()
                    view.refresh()
                yield Sync()
                zone.reclaim_active = False

    def _read(self, cpu: Cpu) -> Program[None]:
        yield self.phase(cpu, PAGEVEC * self.spec.read_cycles)
        while True:
            pages: list[int] = []
            yield from self.allocator.alloc_pages_each(cpu, PAGEVEC, pages, mt=MigrateType.MOVABLE)
            if pages:
                yield self.work(self.spec.read_cycles * len(pages))
                yield from self.cache.add(cpu, pages)
                self.done(cpu, len(pages))
            if len(pages) < PAGEVEC:
                self.failed += 1
                yield Sleep(self.machine.milliseconds(0.01))

    def _compute(self, cpu: Cpu) -> Program[None]:
        while True:
            start = cpu.clock
            yield self.work(SLICE)
            lost = cpu.clock - start - SLICE
            if lost:
                self._lost.append(lost)

    def measured(self) -> list[Measured]:
        """Pages read a second and shares of time; how often what was done; what isolated CPUs lost."""
        ghz = self.machine.ghz
        run = self.machine.milliseconds(self.spec.milliseconds)
        return [
            *super().measured(),
            Measured("drains", self.allocator.drains.runs, "calls"),
            Measured("direct_reclaims", self.cache.direct_runs, "calls"),
            Measured("failed", self.failed, "calls"),
            Measured("isolated_disturbed", len(self._lost), "times"),
            Measured("isolated_lost", 100 * sum(self._lost) / (run * max(self.spec.isolated, 1)), "%"),
            Measured("isolated_longest", max(self._lost, default=0) / ghz / 1000, "us"),
        ]
