"""pagealloc: allocate a batch, free it in the same order, time both; as mmtests did it in January 2017.

Source: gormanm/mmtests at 434e3908, stap-scripts/pagealloc-micro.stp and bin/lib/MMTests/ExtractPagealloc.pm. Its
arithmetic is part of the published figures, so it is reproduced here: a round runs b + 1 pages but the sums are divided
by b, both divisions are integer divisions, and the first two samples are dropped. The bulk variant was never
published; its figures say that it runs b pages.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import fmean
from typing import Annotated, Literal

from pydantic import Field, field_validator

from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import Activity, Context, Cpu, Program
from simalloc.memory import NoPages
from simalloc.workloads.base import Measured, Workload, WorkloadSpec

PAGES_PER_SAMPLE = 4096
MOST_ROUNDS = 31
FEWEST_ROUNDS = 1

Batch = Annotated[int, Field(ge=1, le=1 << 20)]


class PageAllocSpec(WorkloadSpec):
    """The mmtests pagealloc microbenchmark."""

    kind: Literal["pagealloc"] = Field(description="allocate a batch, free it in the same order, time both")
    batches: Annotated[list[Batch], Field(min_length=1, max_length=1000)] = Field(
        default=[1 << i for i in range(15)], description="blocks per round; each batch is a row of the table"
    )
    api: Literal["single", "bulk", "bulk-list"] = Field(
        default="single",
        description="one call a page (single), or the bulk API if the allocator has one: into an array if it can "
        "(bulk), or a list",
    )
    freed: Literal["together", "one by one"] = Field(
        default="together",
        description="how pages that were allocated in bulk are freed: as one list, or with a call for each",
    )
    order: Annotated[int, Field(ge=0, le=10)] = Field(default=0, description="blocks of 2**order pages")
    context: Literal["task", "softirq", "hardirq"] = Field(
        default="task", description="where the benchmark runs; the published one ran in a task"
    )
    samples: Annotated[int, Field(ge=1, le=10**6)] = Field(default=15, description="outer repetitions")
    dropped: Annotated[int, Field(ge=0, le=10**6)] = Field(
        default=2, validate_default=True, description="how many of the first samples are not reported"
    )
    neighbour: bool = Field(
        default=True,
        description="between rounds another user of the CPU takes a page or gives one back; so rounds that "
        "overflow the pcp lists find them in all their states, as 10000 rounds on a live machine do",
    )
    rounds: Literal["auto"] | Annotated[int, Field(ge=1, le=10**6)] = Field(
        default="auto",
        description="inner rounds of a sample; auto = enough for 4096 pages, but at most 31 (the published "
        "benchmark ran 10000)",
    )

    @field_validator("batches")
    @classmethod
    def _each_once(cls, batches: list[int]) -> list[int]:
        for i, batch in enumerate(batches):
            if batch in batches[:i]:
                raise ValueError(f"{batch} is there twice; each batch is one row of the table")
        return batches

    @field_validator("dropped")
    @classmethod
    def _some_sample_is_left(cls, dropped: int, info: object) -> int:
        samples = getattr(info, "data", {}).get("samples")
        if samples is not None and dropped >= samples:
            raise ValueError(f"{dropped} of {samples} samples dropped leaves none; drop fewer than samples")
        return dropped

    def rounds_of(self, batch: int) -> int:
        """Return how many rounds a sample of this batch has."""
        if self.rounds == "auto":
            return min(max(PAGES_PER_SAMPLE // batch, FEWEST_ROUNDS), MOST_ROUNDS)
        return self.rounds

    def blocks_of(self, batch: int) -> int:
        """Return how many blocks a round really allocates: the loop bound of the published script is inclusive."""
        return batch + 1 if self.api == "single" else batch

    def pages_needed(self) -> int:
        """Return the most pages a CPU holds at once."""
        return max(map(self.blocks_of, self.batches)) << self.order

    def calls(self) -> int:
        """Return how many blocks a CPU allocates and frees."""
        return 2 * self.samples * sum(self.rounds_of(batch) * self.blocks_of(batch) for batch in self.batches)

    def uses_bulk(self) -> bool:
        """Whether it calls the bulk API."""
        return self.api != "single"

    def uses_lists(self) -> bool:
        """Whether it calls it with a list."""
        return self.api == "bulk-list"

    def row_parameters(self) -> tuple[str, ...]:
        """Return what a row of its figures is for."""
        return ("order", "batch")

    def highest_order(self) -> int:
        """Return the order of its blocks."""
        return self.order


Figures = tuple[int, int, int, int]
"""Of a round: cycles of its allocations, of its frees, pages refilled and drained."""


class _Neighbour:
    """Another user of the CPU: takes a page between rounds until it has a batch, then gives one back between rounds.

    That moves the pcp by one page a round, over a whole period of its phase, up and down again.
    """

    def __init__(self, allocator: Allocator, cpu: Cpu) -> None:
        self.allocator = allocator
        self.cpu = cpu
        self.pcp = allocator.zonelists[cpu.index][0].pcps[cpu.index]
        self.taken: list[int] = []
        self.giving_back = False

    def step(self, blocks: int) -> Program[None]:
        """Take or give back one page, if the phase matters to a round of so many blocks.

        It does not to a round that fits into the high - batch pages a drain leaves: that neither refills nor drains.
        """
        if blocks <= self.pcp.high - self.pcp.batch:
            return
        if len(self.taken) in (0, self.pcp.batch):
            self.giving_back = bool(self.taken)
        if self.giving_back:
            yield from self.allocator.free_pages(self.cpu, self.taken.pop())
        else:
            yield from self.allocator.alloc_pages_each(self.cpu, 1, self.taken)


class PageAlloc(Workload):
    """Runs the batches one after the other on every CPU; reports means over samples (and over CPUs)."""

    def __init__(self, spec: PageAllocSpec, allocator: Allocator, steps: KernelSteps) -> None:
        super().__init__(allocator, steps)
        self.context = Context[spec.context.upper()]
        self.spec = spec
        self.rdtsc = steps.primitive("rdtsc", Activity.MEASURE)
        self._samples: dict[tuple[str, int], list[float]] = {}

    def program(self, cpu: Cpu) -> Program[None]:
        """Run every batch; samples that count are kept."""
        neighbour = _Neighbour(self.allocator, cpu)
        for batch in self.spec.batches:
            rounds = self.spec.rounds_of(batch)
            for sample in range(self.spec.samples):
                kept = sample >= self.spec.dropped
                found = yield from self._rounds(cpu, rounds, partial(self._round, cpu, batch, neighbour, kept=kept))
                sums = [sum(times * figures[i] for figures, times in found) for i in range(4)]
                if kept:
                    self._keep(batch, rounds, *sums)

    def _rounds(self, cpu: Cpu, times: int, body: Callable[[], Program[Figures]]) -> Program[list[tuple[Figures, int]]]:
        """Run so many rounds; where each step is counted, none is only counted."""
        if self.sections is None:
            return (yield from self.allocator.rounds.run(cpu, times, body))
        found = []
        for _ in range(times):
            found.append(((yield from body()), 1))
        return found

    def _round(self, cpu: Cpu, batch: int, neighbour: _Neighbour, *, kept: bool) -> Program[Figures]:
        """Run one round; return cycles of its allocations, of its frees, and pages it refilled and drained."""
        count = self.spec.blocks_of(batch)
        if self.spec.neighbour:
            yield from neighbour.step(count)
        pages: list[int] = []
        refilled, drained = self._pcp_traffic(cpu)
        t0 = self._start(cpu, kept=kept)
        yield from self._allocate(cpu, count, pages)
        yield self.rdtsc
        alloc = self._stop(cpu, t0, ("alloc", batch), kept=kept)
        t0 = self._start(cpu, kept=kept)
        yield from self._free(cpu, pages)
        yield self.rdtsc
        free = self._stop(cpu, t0, ("free", batch), kept=kept)
        refilled_after, drained_after = self._pcp_traffic(cpu)
        return alloc, free, refilled_after - refilled, drained_after - drained

    def _allocate(self, cpu: Cpu, count: int, pages: list[int]) -> Program[None]:
        if self.spec.api == "single":
            yield from self.allocator.alloc_pages_each(cpu, count, pages, self.spec.order)
            self._must_have(cpu, pages, count)
            return
        while len(pages) < count:
            some: list[int] = []
            if self.spec.api == "bulk":
                yield from self.allocator.alloc_pages_bulk(cpu, count - len(pages), some)
            else:
                yield from self.allocator.alloc_pages_bulk(cpu, count - len(pages), some, linked=True)
            pages += some
            self._must_have(cpu, pages, count if not some else len(pages))

    def _free(self, cpu: Cpu, pages: list[int]) -> Program[None]:
        if self.spec.uses_lists():
            yield self.k.list_del * len(pages)
        if self.spec.api == "single" or self.spec.freed == "one by one":
            yield from self.allocator.free_pages_each(cpu, pages, self.spec.order)
        else:
            yield from self.allocator.free_pages_bulk(cpu, pages)

    @staticmethod
    def _must_have(cpu: Cpu, pages: list[int], count: int) -> None:
        if len(pages) < count:
            raise NoPages(
                f"cpu {cpu.index} got {len(pages)} of {count} blocks at cycle {cpu.clock}: the zone is too small"
            )

    def _start(self, cpu: Cpu, *, kept: bool) -> int:
        if kept and self.sections:
            self.sections.begin(cpu)
        return cpu.clock

    def _stop(self, cpu: Cpu, t0: int, key: tuple[str, int], *, kept: bool) -> int:
        if kept and self.sections:
            self.sections.end(cpu, key)
        return cpu.clock - t0

    def _pcp_traffic(self, cpu: Cpu) -> tuple[int, int]:
        pcps = [zone.pcps[cpu.index] for zone in self.allocator.zones]
        return sum(pcp.refilled for pcp in pcps), sum(pcp.drained for pcp in pcps)

    def _keep(self, batch: int, rounds: int, alloc: int, free: int, refilled: int, drained: int) -> None:
        alloc, free = alloc // rounds // batch, free // rounds // batch
        for metric, value in (
            ("alloc", alloc),
            ("free", free),
            ("total", alloc + free),
            ("refilled", refilled / rounds),
            ("drained", drained / rounds),
        ):
            self._samples.setdefault((metric, batch), []).append(value)

    def measured(self) -> list[Measured]:
        """Cycles per page of alloc, free and total, and pages refilled and drained per round, for each batch."""
        units = {"alloc": "cycles", "free": "cycles", "total": "cycles", "refilled": "pages", "drained": "pages"}
        return [
            Measured(metric, fmean(self._samples[metric, batch]), unit, {"order": self.spec.order, "batch": batch})
            for metric, unit in units.items()
            for batch in self.spec.batches
        ]

    def timed(self) -> dict[tuple[str, int], tuple[list[int], int]]:
        """Return, per (metric, batch), how often each step ran in the time measured, and what the sum is divided by."""
        if self.sections is None:
            raise ValueError("nothing was counted: give the workload Sections")
        return {
            (metric, batch): (counts, self.sections.runs[metric, batch] * batch)
            for (metric, batch), counts in self.sections.counts.items()
        }
