"""page-fault: will-it-scale's page_fault1, a process on every CPU: touch every page of a mapping, unmap it, again.

What happens to a page is that of Linux v4.17 (97334162e4d7) and its neighbours: the fault allocates and zeroes it, maps
it, and puts it on a per-CPU pagevec; every 15 pages those go to the node's LRU list under its lru_lock
(mm/swap.c: pagevec_lru_add). Unmapping takes pages off the LRU, again under lru_lock once per pagevec, and frees them
as a list (release_pages, free_unref_page_list).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import Cpu, Program, SpinLock
from simalloc.memory import MigrateType, NoPages
from simalloc.workloads.arrivals import stream
from simalloc.workloads.base import Measured
from simalloc.workloads.steady import SteadySpec, SteadyWorkload

PAGEVEC = 15
"""Pages in a pagevec. Linux v4.17: PAGEVEC_SIZE."""


class PageFaultSpec(SteadySpec):
    """The benchmark, in steady state from the beginning."""

    kind: Literal["page-fault"] = Field(description="touch every page of a mapping, unmap it; a process on every CPU")
    mapping: Annotated[int, Field(ge=PAGEVEC, le=1 << 20)] = Field(
        default=32768, description="pages in a mapping; the benchmark's is 128 MiB"
    )

    unmapping: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.4,
        description="share of the processes that begin by unmapping; consistent if unmap_time comes out the same",
    )

    def pages_needed(self) -> int:
        """Return the most pages a process has."""
        return self.mapping + PAGEVEC

    def main_figures(self) -> tuple[str, ...]:
        """Return what replications are to make precise."""
        return ("score",)

    def change_of(self) -> str:
        """Return the score: published tables give it against the first batch."""
        return "score"


class PageFault(SteadyWorkload):
    """An operation is a page touched or unmapped. Processes start anywhere in their mapping, in either phase.

    A run is short against a mapping's life. The score is what follows for the long run, where every page is touched
    once and unmapped once: processes / (mean time to touch a page + mean time to unmap one).
    """

    locks: ClassVar[tuple[str, ...]] = ("zone->lock", "lru_lock")

    def __init__(self, spec: PageFaultSpec, allocator: Allocator, steps: KernelSteps) -> None:
        super().__init__(spec, allocator, steps)
        self.spec = spec
        allocator.pages_are_zeroed = bool(steps.cold_remove.cycles or steps.cold_insert.cycles)
        nodes = {self.machine.topology.node(cpu.index) for cpu in self.machine.cpus}
        self.lru_lock: dict[int, SpinLock] = {node: steps.lock("lru_lock", of=f"node {node}") for node in sorted(nodes)}
        self._mapped: dict[int, list[int]] = {}

    def program(self, cpu: Cpu) -> Program[None]:
        """Touch and unmap, for ever, from a random place on."""
        if not self._mapped:
            self._map_beforehand()
        return self._run(cpu, self._mapped[cpu.index], unmapping=self._unmaps_first(cpu.index))

    def _unmaps_first(self, index: int) -> bool:
        """Spread those that begin by unmapping evenly over the CPUs."""
        share = self.spec.unmapping
        return int((index + 1) * share) > int(index * share)

    def _map_beforehand(self) -> None:
        """Give every process a random part of its mapping, a batch at a time by turns, as if faulted in before."""
        wanted = {
            cpu.index: int(stream(self.seed, 9, cpu.index).random() * self.spec.mapping) for cpu in self.machine.cpus
        }
        self._mapped = {index: [] for index in wanted}
        while wanted:
            for index in list(wanted):
                zone = self.allocator.zonelists[index][0]
                some = zone.take(min(zone.sizes.batch, wanted[index]), 0, MigrateType.MOVABLE)
                self._mapped[index] += some
                wanted[index] -= len(some)
                if wanted[index] <= 0 or not some:
                    del wanted[index]
        for pages in self._mapped.values():
            for saw in self.machine.hooks.pages_owned:
                saw(pages)
        for index in self._mapped:
            self._fill_pcp(index)
        for zone in self.allocator.zones:
            for view in self.allocator.views[zone]:
                view.refresh()

    def _fill_pcp(self, index: int) -> None:
        """Leave on the pcp list what a process in its phase finds there: less than a batch, or up to high."""
        zone = self.allocator.zonelists[index][0]
        sizes = zone.sizes
        level = int(stream(self.seed, 8, index).random() * sizes.batch)
        if self._unmaps_first(index):
            level += sizes.high - sizes.batch
        pfns = zone.take(level, 0, MigrateType.MOVABLE)
        zone.pcps[index].refill(pfns, MigrateType.MOVABLE)

    def _run(self, cpu: Cpu, pages: list[int], *, unmapping: bool) -> Program[None]:
        yield self.phase(cpu, 20 * PAGEVEC * self.k.page_fault.cycles)
        while True:
            if unmapping:
                yield from self._unmap(cpu, pages)
            while len(pages) < self.spec.mapping:
                yield from self._touch(cpu, pages)
            unmapping = True

    def _touch(self, cpu: Cpu, pages: list[int]) -> Program[None]:
        """Fault in a pagevec's worth of pages and put them on the LRU list."""
        start = cpu.clock
        yield self.k.page_fault * PAGEVEC
        before = len(pages)
        yield from self.allocator.alloc_pages_each(cpu, PAGEVEC, pages, mt=MigrateType.MOVABLE)
        if len(pages) < before + PAGEVEC:
            raise NoPages(f"cpu {cpu.index} got no page at cycle {cpu.clock}: the zone is too small")
        yield from self._lru(cpu, "pagevec_lru_add", PAGEVEC)
        self._spent("touch", cpu, PAGEVEC, start)

    def _unmap(self, cpu: Cpu, pages: list[int]) -> Program[None]:
        """Take every page off the LRU list and free it, in the order in which they were mapped."""
        for start in range(0, len(pages), PAGEVEC):
            some = pages[start : start + PAGEVEC]
            since = cpu.clock
            yield self.k.page_unmap * len(some)
            yield from self._lru(cpu, "release_pages", len(some))
            yield from self.allocator.free_pages_bulk(cpu, some)
            self._spent("unmap", cpu, len(some), since)
        pages.clear()

    def _spent(self, phase: str, cpu: Cpu, pages: int, since: int) -> None:
        self.done(cpu, pages)
        self.windows.add(f"{phase} pages", cpu.clock, pages)
        self.windows.add(f"{phase} cycles", cpu.clock, cpu.clock - since)

    def _lru(self, cpu: Cpu, site: str, pages: int) -> Program[None]:
        lock = self.lru_lock[self.machine.topology.node(cpu.index)]
        cpu.site = site
        yield self.k.irq_save
        yield lock.acquire
        yield self.k.lru_page * pages
        yield lock.release
        yield self.k.irq_restore

    def measured(self) -> list[Measured]:
        """The benchmark's score, and what profiles show: shares of all cycles spent waiting for each lock."""
        figures = {figure.metric: figure for figure in super().measured()}
        cut = round(figures["warmup"].value * self.machine.milliseconds(1)) // self.windows.length
        touch, unmap = (
            sum(self.windows.series(f"{phase} cycles")[cut:]) / max(sum(self.windows.series(f"{phase} pages")[cut:]), 1)
            for phase in ("touch", "unmap")
        )
        cycles = max(touch + unmap, 1)
        score = Measured("score", len(self.machine.cpus) * self.machine.ghz * 1e9 / cycles, "faults/s")
        figures["unmap_time"] = Measured("unmap_time", 100 * unmap / cycles, "%")
        contention = Measured("contention", figures["wait_share"].value, "%")
        locks = [figures.pop(name) for name in ("zone_lock_share", "lru_lock_share")]
        return [score, *locks, contention, *figures.values()]
