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
from simalloc.memory import MigrateType
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

    def pages_needed(self) -> int:
        """Return the most pages a process has."""
        return self.mapping + PAGEVEC

    def main_figures(self) -> tuple[str, ...]:
        """Return what replications are to make precise."""
        return ("score",)


class PageFault(SteadyWorkload):
    """An operation is one page fault. Processes start anywhere in their mapping, mapping it or unmapping it."""

    locks: ClassVar[tuple[str, ...]] = ("zone->lock", "lru_lock")

    def __init__(self, spec: PageFaultSpec, allocator: Allocator, steps: KernelSteps) -> None:
        super().__init__(spec, allocator, steps)
        self.spec = spec
        nodes = {self.machine.topology.node(cpu.index) for cpu in self.machine.cpus}
        self.lru_lock: dict[int, SpinLock] = {node: steps.lock("lru_lock") for node in sorted(nodes)}
        self._mapped: dict[int, list[int]] = {}

    def program(self, cpu: Cpu) -> Program[None]:
        """Touch and unmap, for ever, from a random place on."""
        if not self._mapped:
            self._map_beforehand()
        random = stream(self.seed, 8, cpu.index)
        return self._run(cpu, self._mapped[cpu.index], unmapping=bool(random.random() < 0.5))

    def _map_beforehand(self) -> None:
        """Give every process a random part of its mapping, a batch at a time by turns, as if faulted in before."""
        wanted = {
            cpu.index: int(stream(self.seed, 9, cpu.index).random() * self.spec.mapping) for cpu in self.machine.cpus
        }
        self._mapped = {index: [] for index in wanted}
        while wanted:
            for index in list(wanted):
                zone = self.allocator.zonelists[index][0]
                some = zone.buddy.remove_pages(min(zone.sizes.batch, wanted[index]), MigrateType.MOVABLE)
                zone.free_pages -= len(some)
                self._mapped[index] += some
                wanted[index] -= len(some)
                if wanted[index] <= 0 or not some:
                    del wanted[index]
        for zone in self.allocator.zones:
            for view in self.allocator.views[zone]:
                view.refresh()

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
        yield self.k.page_fault * PAGEVEC
        before = len(pages)
        yield from self.allocator.alloc_pages_each(cpu, PAGEVEC, pages, mt=MigrateType.MOVABLE)
        if len(pages) < before + PAGEVEC:
            raise MemoryError(f"cpu {cpu.index} got no page at cycle {cpu.clock}: the zone is too small")
        yield from self._lru(cpu, "pagevec_lru_add", PAGEVEC)
        self.done(cpu, PAGEVEC)

    def _unmap(self, cpu: Cpu, pages: list[int]) -> Program[None]:
        """Take every page off the LRU list and free it, in the order in which they were mapped."""
        for start in range(0, len(pages), PAGEVEC):
            some = pages[start : start + PAGEVEC]
            yield self.k.page_unmap * len(some)
            yield from self._lru(cpu, "release_pages", len(some))
            yield from self.allocator.free_pages_bulk(cpu, some)
        pages.clear()

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
        named = {"zone_share": "zone_lock_share", "lru_lock_share": "lru_lock_share"}
        score = Measured("score", figures["throughput"].value * 1e6, "faults/s")
        contention = Measured("contention", figures["wait_share"].value, "%")
        locks = [Measured(to, figures[name].value, "%") for name, to in named.items()]
        return [score, *locks, contention, *(f for f in figures.values() if f.metric not in named)]
