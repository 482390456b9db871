"""page-fault: will-it-scale's page_fault1, a process on every CPU: touch every page of a mapping, unmap it, again.

What happens to a page is that of Linux v4.17 (97334162e4d7) and its neighbours: the fault allocates and zeroes it, maps
it, and puts it on a per-CPU pagevec; every 15 pages those go to the node's LRU list under its lru_lock
(mm/swap.c: pagevec_lru_add). Unmapping takes pages off the LRU, again under lru_lock once per pagevec, and frees them
as a list (release_pages, free_unref_page_list).

Six things are left out unless a scenario asks for them; docs/model.md says what each does to the shares of both locks:
`starts_within_ms` with `time_lapse`, `gather`, `hold_variation`, `smt_slowdown` (which presets may have) and
`memory_load`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import Burst, Cpu, Instrument, Machine, Program, SpinLock, Step
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

SETTLING_MS = 20.0
"""Time after the last process has started until a run in step is measured."""


class PageFaultSpec(SteadySpec):
    """The benchmark, in steady state from the beginning."""

    kind: Literal["page-fault"] = Field(
        description="a process on every CPU touches every page of a mapping, then unmaps it"
    )
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
    smt_slowdown: Annotated[float, Field(ge=1, le=4)] | None = Field(
        default=None,
        description="how many times as long own work, and moving pages under a lock, take while the other thread of "
        "the core is busy; page_bench03 on a Broadwell says 1.85. Without it, what the preset says; one that says "
        "nothing has the costs of a thread whose sibling is busy",
    )
    memory_load: Annotated[float, Field(ge=0, le=20)] = Field(
        default=0.0,
        description="by how much own work takes longer if all CPUs of the machine are busy, because they share "
        "memory: 1 for twice as long",
    )

    starts_within_ms: Annotated[float, Field(ge=0, le=1e4)] | None = Field(
        default=None,
        description="all processes begin to touch their first mapping within so many ms, as will-it-scale lets them "
        "start, and stay about as far apart; that time and 20 ms more are left out as warm-up. Without it, they begin "
        "anywhere in a mapping's life",
    )
    time_lapse: Annotated[float, Field(ge=1, le=100)] = Field(
        default=1.0,
        description="how many times as fast a mapping's life passes: mappings, what is gathered, the time in which "
        "processes start, and (with starts_within_ms) pages that pcp lists keep from one phase to the next are so "
        "many times smaller",
    )

    def pages_needed(self) -> int:
        """Return the most pages a process has."""
        return self.mapping + PAGEVEC

    def sizes_in_lapse(self) -> tuple[int, int]:
        """Return the pages of a mapping, and how many are gathered, with time_lapse."""
        return max(PAGEVEC, round(self.mapping / self.time_lapse)), max(1, round(GATHERED / self.time_lapse))

    def main_figures(self) -> tuple[str, ...]:
        """Return what replications are to make precise."""
        return ("score",)

    def change_of(self) -> str:
        """Return the score: published tables give it against the first batch."""
        return "score"


class Siblings(Instrument):
    """Whether the other thread of the core waited for a lock, at the moment at which a CPU took one.

    All CPUs have come as far as that moment. One that is ahead has said when it waited last, or since when it waits.
    """

    every_page = False

    def __init__(self, machine: Machine) -> None:
        cpus = machine.cpus
        self.of = {
            cpu.index: cpus[other]
            for cpu in cpus
            for other in machine.topology.siblings(cpu.index)
            if other < len(cpus)
        }
        self.wait: dict[int, bool] = dict.fromkeys(range(len(cpus)), False)
        self._last = [(0, 0)] * len(cpus)

    def lock_acquired(self, cpu: Cpu, lock: SpinLock, waited: int, contended: bool) -> None:
        """Note a wait that has ended, and look at the sibling."""
        if lock.is_private:
            return
        now = cpu.clock
        if contended:
            self._last[cpu.index] = now - waited, now
        sibling = self.of.get(cpu.index)
        if sibling is not None:
            since, until = self._last[sibling.index]
            self.wait[cpu.index] = since < now <= until or bool(sibling.waits and sibling.waits[0].since < now)


class PageFault(SteadyWorkload):
    """An operation is a page touched or unmapped.

    Processes begin anywhere in their mapping, in either phase; with `starts_within_ms` all begin with an empty one.
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
        shape, cpus = steps.costs.shape, len(self.machine.cpus)
        self._siblings = Siblings(self.machine)
        self._smt = _smt_slowdown(spec, steps) - 1 if self._siblings.of else 0.0
        if spec.hold_variation or self._smt:
            allocator.hold_varies = self._paid
        self._slow_each_other = self._smt > 0 or spec.memory_load > 0
        self._memory_load = spec.memory_load * cpus / (shape.cpus if shape else cpus)
        self._mapping, self._gathered = spec.sizes_in_lapse()
        self._aside: dict[int, list[int]] = {}
        self._waited: dict[tuple[int, str], int] = {}
        self._busy: dict[int, float] = {}
        self._last_seen: dict[int, tuple[int, int]] = {}

    def prepare(self, machine: Machine, seed: int) -> Sequence[Instrument]:
        """Watch the locks, and the siblings if they matter."""
        watching = super().prepare(machine, seed)
        return [*watching, self._siblings] if self._smt else watching

    def _paid(self, cpu: Cpu, pages: int) -> int:
        """Return how many pages' cost a hold pays that moves `pages`.

        It varies with an exponential tail about the same mean, and a busy sibling makes it longer.
        """
        variation, paid = self.spec.hold_variation, float(pages)
        if variation:
            draws = self._draws.get(cpu.index)
            if draws is None:
                draws = self._draws[cpu.index] = stream(self.seed, 10, cpu.index)
            paid *= 1 - variation + variation * draws.exponential()
        return round(paid * self._beside_sibling(cpu))

    def _beside_sibling(self, cpu: Cpu) -> float:
        """Return how many times as long work takes beside the core's other thread.

        That runs PAUSE where it waits for a lock, and leaves the core to this one.
        """
        index = cpu.index
        return 1.0 if index not in self._siblings.of or self._siblings.wait[index] else 1 + self._smt

    def _own_work(self, cpu: Cpu, step: Step, pages: int) -> Burst:
        """Return own work on so many pages, and what a busy sibling and busy memory add to it.

        The sibling is looked at when a lock is taken, a few steps before. As to memory, the other CPUs do the same as
        this one, and are taken to be busy as often; a CPU that waits for a lock zeroes nothing.
        """
        if not self._slow_each_other:
            return step * pages
        longer = self._beside_sibling(cpu)
        if self._memory_load:
            longer *= 1 + self._memory_load * self._busy_share(cpu)
        return Burst((step, pages), (self.work_step, round(step.cycles * pages * (longer - 1))))

    def _busy_share(self, cpu: Cpu) -> float:
        """Return the share of its time, lately, in which this CPU did not wait for a lock."""
        clock, waited = self._last_seen.get(cpu.index, (0, 0))
        busy = self._busy.get(cpu.index, 1.0)
        if cpu.clock > clock:
            busy += (1 - (cpu.waited - waited) / (cpu.clock - clock) - busy) / SMOOTHING
        self._busy[cpu.index] = busy
        self._last_seen[cpu.index] = (cpu.clock, cpu.waited)
        return busy

    def program(self, cpu: Cpu) -> Program[None]:
        """Touch and unmap, for ever, from a random place on."""
        if self.spec.starts_within_ms is not None:
            if not self._mapped:
                self._put_aside()
            return self._run_from_start(cpu, self._mapped[cpu.index])
        if not self._mapped:
            self._map_beforehand()
        return self._run(cpu, self._mapped[cpu.index], unmapping=self._unmaps_first(cpu.index))

    def _unmaps_first(self, index: int) -> bool:
        """Spread those that begin by unmapping evenly over the CPUs."""
        share = self.spec.unmapping
        return int((index + 1) * share) > int(index * share)

    def _map_beforehand(self) -> None:
        """Give every process a random part of its mapping, a batch at a time by turns, as if faulted in before."""
        wanted = {cpu.index: int(stream(self.seed, 9, cpu.index).random() * self._mapping) for cpu in self.machine.cpus}
        self._mapped = {index: [] for index in wanted}
        while wanted:
            for index in list(wanted):
                zone = self.allocator.zonelists[index][0]
                some = zone.take(min(zone.sizes.batch, wanted[index]), 0, MigrateType.MOVABLE)
                self._mapped[index] += some
                wanted[index] -= len(some)
                if wanted[index] <= 0 or not some:
                    del wanted[index]
        for index in self._mapped:
            self._fill_pcp(index)
        self._tell_of_owned(self._mapped)

    def _tell_of_owned(self, owned: Mapping[int, list[int]]) -> None:
        """Tell of the pages that each CPU's process has before the run, and let CPUs see what that leaves free."""
        for pages in owned.values():
            for saw in self.machine.hooks.pages_owned:
                saw(pages)
        self.allocator.refresh_views()

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
        before = int(stream(self.seed, 11, cpu.index).random() * self._gathered) if self.spec.gather else 0
        while True:
            if unmapping and self.spec.gather:
                yield from self._unmap_gathered(cpu, pages, before)
                before = 0
            elif unmapping:
                yield from self._unmap(cpu, pages)
            while len(pages) < self._mapping:
                yield from self._touch(cpu, pages)
            unmapping = True

    def _run_from_start(self, cpu: Cpu, pages: list[int]) -> Program[None]:
        """Touch and unmap, for ever, beginning when the others do."""
        spread = (self.spec.starts_within_ms or 0.0) / self.spec.time_lapse
        yield self.phase(cpu, max(self.machine.milliseconds(spread), PAGEVEC * self.k.page_fault.cycles))
        pcp = self.allocator.zonelists[cpu.index][0].pcps[cpu.index]
        while True:
            while len(pages) < self._mapping:
                yield from self._touch(cpu, pages)
            self._keep(cpu, min(pcp.high, pcp.count) - pcp.high)
            yield from self._unmap_gathered(cpu, pages, 0) if self.spec.gather else self._unmap(cpu, pages)
            self._keep(cpu, pcp.count - pcp.batch // 2)

    def _put_aside(self) -> None:
        """Give every process, which has no page yet, what `_keep` needs, and its pcp list less than a batch."""
        share = 1 - 1 / self.spec.time_lapse
        for cpu in self.machine.cpus:
            zone = self.allocator.zonelists[cpu.index][0]
            self._mapped[cpu.index] = []
            self._aside[cpu.index] = zone.take(round(share * zone.sizes.high) + 1, 0, MigrateType.MOVABLE)
            level = int(stream(self.seed, 8, cpu.index).random() * zone.sizes.batch)
            zone.pcps[cpu.index].refill(zone.take(level, 0, MigrateType.MOVABLE), MigrateType.MOVABLE)
        self._tell_of_owned(self._aside)

    def _keep(self, cpu: Cpu, pages: int) -> None:
        """Take so many pages off the pcp list, or put so many there if negative, as far as time_lapse wants it.

        A phase begins with a list that is full or empty, and does without zone->lock until it no longer is. Where the
        phase is so many times shorter, so must this be.
        """
        moved = round(pages * (1 - 1 / self.spec.time_lapse))
        pcp, aside = self.allocator.zonelists[cpu.index][0].pcps[cpu.index], self._aside[cpu.index]
        if moved > 0:
            aside += pcp.pop_many(MigrateType.MOVABLE, moved)
        elif moved < 0 and aside:
            some = aside[moved:]
            del aside[moved:]
            pcp.refill(some, MigrateType.MOVABLE)

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
        size = self._gathered
        gathers = [pages[:before], *(pages[at : at + size] for at in range(before, len(pages), size))]
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
        if self.spec.starts_within_ms is not None:
            for lock in self.locks:
                waited = self.lock_times.waited.get((cpu.index, lock), 0)
                before = self._waited.get((cpu.index, lock), 0)
                if waited > before:
                    self.windows.add(f"{phase} {lock} waited", cpu.clock, waited - before)
                    self._waited[cpu.index, lock] = waited

    def _lru(self, cpu: Cpu, site: str, pages: int) -> Program[None]:
        lock = self.lru_lock[self.machine.topology.node(cpu.index)]
        cpu.site = site
        yield self.k.irq_save
        yield lock.acquire
        yield self.k.lru_page * self._paid(cpu, pages)
        yield lock.release
        yield self.k.irq_restore

    def warmup_windows(self, series: list[float]) -> int:
        """Leave out the time in which processes start, and 20 ms more; where they begin anywhere, ask MSER-5."""
        if self.spec.starts_within_ms is None:
            return super().warmup_windows(series)
        start = self.machine.milliseconds((self.spec.starts_within_ms + SETTLING_MS) / self.spec.time_lapse)
        return min(round(start / self.windows.length), len(series) // 2)

    def measured(self) -> list[Measured]:
        """The benchmark's score, and what profiles show: shares of all cycles spent waiting for each lock.

        Where processes are in step, a run is no whole number of lives. Shares are then those of a life: what a page
        waits in each phase, of the time it takes in both. The shares of holds and transfers remain those of the run.
        """
        figures = {figure.metric: figure for figure in super().measured()}
        cut = round(figures["warmup"].value * self.machine.milliseconds(1)) // self.windows.length

        def per_page(phase: str, what: str) -> float:
            sums = (sum(self.windows.series(f"{phase} {name}")[cut:]) for name in (what, "pages"))
            return next(sums) / max(next(sums), 1)

        touch, unmap = per_page("touch", "cycles"), per_page("unmap", "cycles")
        cycles = max(touch + unmap, 1)
        score = Measured("score", len(self.machine.cpus) * self.machine.ghz * 1e9 / cycles, "faults/s")
        figures["unmap_time"] = Measured("unmap_time", 100 * unmap / cycles, "%")
        locks = [figures.pop(name) for name in ("zone_lock_share", "lru_lock_share")]
        if self.spec.starts_within_ms is not None:
            waits = [sum(per_page(phase, f"{lock} waited") for phase in ("touch", "unmap")) for lock in self.locks]
            locks = [
                Measured(figure.metric, 100 * wait / cycles, "%") for figure, wait in zip(locks, waits, strict=True)
            ]
            waited = 100 * sum(waits) / cycles
            others = figures["hold_share"].value + figures["transfer_share"].value
            figures["wait_share"] = Measured("wait_share", waited, "%")
            figures["own_share"] = Measured("own_share", max(0.0, 100 - waited - others), "%")
        contention = Measured("contention", figures["wait_share"].value, "%")
        return [score, *locks, contention, *figures.values()]


def _smt_slowdown(spec: PageFaultSpec, steps: KernelSteps) -> float:
    if spec.smt_slowdown is not None:
        return spec.smt_slowdown
    return steps.costs["smt_slowdown"] if "smt_slowdown" in steps.costs.parameters else 1.0
