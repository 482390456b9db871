"""page-fault: will-it-scale's page_fault1, a process on every CPU: touch every page of a mapping, unmap it, again.

What happens to a page is that of Linux v4.17 (97334162e4d7) and its neighbours: the fault allocates and zeroes it, maps
it, and puts it on a per-CPU pagevec; every 15 pages those go to the node's LRU list under its lru_lock
(mm/swap.c: pagevec_lru_add). Unmapping takes pages off the LRU, again under lru_lock once per pagevec, and frees them
as a list (release_pages, free_unref_page_list).

Four things are left out unless a scenario asks for them, because fits with them met the published shares of both
locks no better (docs/model.md has the figures): `gather`, `hold_variation`, `smt_slowdown` and `memory_load`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import Burst, Cpu, Program, SpinLock, Step
from simalloc.memory import MigrateType, NoPages
from simalloc.workloads.arrivals import stream
from simalloc.workloads.base import Measured
from simalloc.workloads.steady import SteadySpec, SteadyWorkload

PAGEVEC = 15
"""Pages in a pagevec. Linux v4.17: PAGEVEC_SIZE."""

ARRAY = 510
"""Pages in an array of pages to free. Linux v4.17: MAX_GATHER_BATCH, with pages of 4 KiB."""

GATHERED = 10000 // ARRAY * ARRAY
"""Pages unmapped at most before any is freed. Linux v4.17: MAX_GATHER_BATCH_COUNT arrays; their first 8 left aside."""

LRU_BATCH = 32
"""Pages taken off the LRU list at most in a hold of lru_lock. Linux v4.17, release_pages(): SWAP_CLUSTER_MAX."""

SMOOTHING = 16
"""Pagevecs over which a CPU's share of busy time is averaged."""


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

    gather: bool = Field(
        default=False,
        description="unmap up to 9690 pages, then free them in arrays of 510, last page first, as the kernel does; "
        "without it, 15 pages at a time",
    )
    hold_variation: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0,
        description="standard deviation over mean of what moving pages under a lock costs from one hold to the next; "
        "published 99th percentiles of holds give 0.17 to 0.40 for a server, 0.07 to 0.10 for a desktop",
    )
    smt_slowdown: Annotated[float, Field(ge=1, le=4)] = Field(
        default=1.0,
        description="how many times as long own work takes while the other thread of the core is busy; "
        "page_bench03 on a Broadwell says 1.85. The presets' own work is that of a thread whose sibling is busy",
    )
    memory_load: Annotated[float, Field(ge=0, le=20)] = Field(
        default=0.0,
        description="by how much own work takes longer if all CPUs of the machine are busy, because they share "
        "memory: 1 for twice as long",
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
        self._draws: dict[int, np.random.Generator] = {}
        if spec.hold_variation:
            allocator.hold_varies = self._varied
        self._slow_each_other = spec.smt_slowdown > 1 or spec.memory_load > 0
        shape, cpus = steps.costs.shape, len(self.machine.cpus)
        self._cores = shape.cores if shape else cpus
        self._memory_load = spec.memory_load * cpus / (shape.cpus if shape else cpus)
        self._busy: dict[int, float] = {}
        self._last_seen: dict[int, tuple[int, int]] = {}

    def _varied(self, cpu: Cpu, pages: int) -> int:
        """Return how many pages' cost a hold pays that moves `pages`: so many on average, with an exponential tail."""
        variation = self.spec.hold_variation
        if not variation:
            return pages
        draws = self._draws.get(cpu.index)
        if draws is None:
            draws = self._draws[cpu.index] = stream(self.seed, 10, cpu.index)
        return round(pages * (1 - variation + variation * draws.exponential()))

    def _own_work(self, cpu: Cpu, step: Step, pages: int) -> Burst:
        """Return own work on so many pages, and what a busy sibling and busy memory add to it.

        The other CPUs do the same as this one, and are taken to be busy as often. A CPU that waits for a lock is not
        busy: it runs PAUSE, which leaves the core to the other thread, and zeroes nothing.
        """
        if not self._slow_each_other:
            return step * pages
        busy = self._busy_share(cpu)
        smt = self.spec.smt_slowdown - 1 if self._has_sibling(cpu) else 0.0
        longer = (1 + smt * busy) * (1 + self._memory_load * busy) - 1
        return Burst((step, pages), (self.work_step, round(step.cycles * pages * longer)))

    def _busy_share(self, cpu: Cpu) -> float:
        """Return the share of its time, lately, in which this CPU did not wait for a lock."""
        clock, waited = self._last_seen.get(cpu.index, (0, 0))
        busy = self._busy.get(cpu.index, 1.0)
        if cpu.clock > clock:
            busy += (1 - (cpu.waited - waited) / (cpu.clock - clock) - busy) / SMOOTHING
        self._busy[cpu.index] = busy
        self._last_seen[cpu.index] = (cpu.clock, cpu.waited)
        return busy

    def _has_sibling(self, cpu: Cpu) -> bool:
        return cpu.index >= self._cores or cpu.index + self._cores < len(self.machine.cpus)

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
        before = int(stream(self.seed, 11, cpu.index).random() * GATHERED) if self.spec.gather else 0
        while True:
            if unmapping and self.spec.gather:
                yield from self._unmap_gathered(cpu, pages, before)
                before = 0
            elif unmapping:
                yield from self._unmap(cpu, pages)
            while len(pages) < self.spec.mapping:
                yield from self._touch(cpu, pages)
            unmapping = True

    def _touch(self, cpu: Cpu, pages: list[int]) -> Program[None]:
        """Fault in a pagevec's worth of pages and put them on the LRU list."""
        start = cpu.clock
        yield self._own_work(cpu, self.k.page_fault, PAGEVEC)
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
            yield self._own_work(cpu, self.k.page_unmap, len(some))
            yield from self._lru(cpu, "release_pages", len(some))
            yield from self.allocator.free_pages_bulk(cpu, some)
            self._spent("unmap", cpu, len(some), since)
        pages.clear()

    def _unmap_gathered(self, cpu: Cpu, pages: list[int], before: int) -> Program[None]:
        """The same as the kernel does it: unmap up to 19 arrays of pages, then release them array by array.

        `before`: so many pages at the beginning have been unmapped before the run.
        """
        gathers = [pages[:before], *(pages[at : at + GATHERED] for at in range(before, len(pages), GATHERED))]
        for number, some in enumerate(gathers):
            arrays = [some[start : start + ARRAY] for start in range(0, len(some), ARRAY)]
            for array in arrays if number else ():
                since = cpu.clock
                yield self._own_work(cpu, self.k.page_unmap, len(array))
                self._spent("unmap", cpu, 0, since)
            for array in arrays:
                yield from self._release(cpu, array)
        pages.clear()

    def _release(self, cpu: Cpu, array: list[int]) -> Program[None]:
        """Take the pages of an array off the LRU list and free them, last page first (`release_pages`)."""
        since = cpu.clock
        for start in range(0, len(array), LRU_BATCH):
            yield from self._lru(cpu, "release_pages", min(LRU_BATCH, len(array) - start))
        yield from self.allocator.free_pages_bulk(cpu, array[::-1])
        self._spent("unmap", cpu, len(array), since)

    def _spent(self, phase: str, cpu: Cpu, pages: int, since: int) -> None:
        self.done(cpu, pages)
        self.windows.add(f"{phase} pages", cpu.clock, pages)
        self.windows.add(f"{phase} cycles", cpu.clock, cpu.clock - since)

    def _lru(self, cpu: Cpu, site: str, pages: int) -> Program[None]:
        lock = self.lru_lock[self.machine.topology.node(cpu.index)]
        cpu.site = site
        yield self.k.irq_save
        yield lock.acquire
        yield self.k.lru_page * self._varied(cpu, pages)
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
