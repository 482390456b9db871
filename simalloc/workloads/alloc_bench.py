"""alloc-bench: what the kernel module of linux-alloc-bench times, on every CPU at once.

Wrenger, Rommel, Halbuer, Dietrich and Lohmann, "LLFree: Scalable and Optionally-Persistent Page-Frame Allocation"
(USENIX ATC 2023), benchmark module. Bulk: every thread allocates many pages; all meet; each frees its own in order.
Repeat: allocate and free the same page over and over. Rand: as bulk, but freed in random order. A figure is the mean
over threads of their own time per call; a thread's time ends with its last call, whatever the others do.
"""

from __future__ import annotations

from functools import partial
from statistics import fmean
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import Activity, Barrier, Cpu, Instrument, Machine, Program
from simalloc.measure import LockTimes
from simalloc.memory import NoPages
from simalloc.workloads.arrivals import stream
from simalloc.workloads.base import Measured, Workload, WorkloadSpec

Mode = Literal["bulk", "repeat", "rand"]


class AllocBenchSpec(WorkloadSpec):
    """The benchmark's modes and lengths."""

    kind: Literal["alloc-bench"] = Field(
        description="on every CPU at once: allocate many pages, wait for the others, free the pages"
    )
    modes: Annotated[list[Mode], Field(min_length=1, max_length=3)] = Field(
        default=["bulk", "repeat"], description="bulk, repeat (same page again and again), rand (freed in random order)"
    )
    pages: Annotated[int, Field(ge=1, le=1 << 22)] = Field(
        default=16384, description="pages a thread allocates in bulk and rand; the published runs had 1.29 million"
    )
    stands_for: Annotated[int, Field(ge=1, le=1 << 30)] = Field(
        default=1290240,
        description="pages of a thread for which the caches are simulated; by default those of the published "
        "runs, even if fewer pages are simulated; 1: the pages that are simulated",
    )
    order: Annotated[int, Field(ge=0, le=10)] = Field(
        default=0, description="blocks of 2**order pages; `pages` and `repeats` then count blocks"
    )
    repeats: Annotated[int, Field(ge=1, le=10**9)] = Field(default=2000, description="calls of each kind in repeat")
    iterations: Annotated[int, Field(ge=1, le=100)] = Field(default=2, description="runs of each mode")
    dropped: Annotated[int, Field(ge=0, le=100)] = Field(
        default=1, description="how many of the first iterations are not reported"
    )
    start_within_us: Annotated[float, Field(ge=0, le=1e6)] = Field(
        default=5.0, description="threads leave each barrier at random times within so many us, as woken threads do"
    )

    @model_validator(mode="after")
    def _some_iteration_is_left(self) -> AllocBenchSpec:
        if self.dropped >= self.iterations:
            raise ValueError(f"{self.dropped} of {self.iterations} iterations dropped leaves none; drop fewer")
        if len(set(self.modes)) < len(self.modes):
            raise ValueError("modes names one twice")
        return self

    def pages_needed(self) -> int:
        """Return the most pages a CPU holds at once."""
        return self.pages << self.order

    def highest_order(self) -> int:
        """Return the order of its blocks."""
        return self.order

    def calls(self) -> int:
        """Return how many pages a CPU allocates and frees."""
        return 2 * self.iterations * sum(self.repeats if mode == "repeat" else self.pages for mode in self.modes)

    def effort(self, ghz: float) -> float:  # noqa: ARG002
        """Return how many of them are simulated one by one: what repeats is counted."""
        each = sum(min(self.repeats, 100) if mode == "repeat" else self.pages for mode in self.modes)
        return 2.0 * self.iterations * each

    def varies_alone(self) -> bool:
        """Say whether it frees in random order."""
        return "rand" in self.modes

    def main_figures(self) -> tuple[str, ...]:
        """Return what replications are to make precise."""
        return ("alloc", "free", "repeat")


class AllocBench(Workload):
    """Times each phase on each CPU, and what of it went into locks."""

    def __init__(self, spec: AllocBenchSpec, allocator: Allocator, steps: KernelSteps) -> None:
        super().__init__(allocator, steps)
        self.spec = spec
        self.machine = steps.machine
        self.times = LockTimes()
        self.barrier = Barrier(len(self.machine.cpus), self.machine.idle_step)
        self.start_step = self.machine.steps.define("leave the barrier", Activity.WORK, 1)
        self._figures: dict[str, list[tuple[float, ...]]] = {}
        self._seed = 0

    def prepare(self, machine: Machine, seed: int) -> list[Instrument]:  # noqa: ARG002
        """Watch the locks."""
        self._seed = seed
        for recency in self.allocator.recency:
            recency.stand_for(self.spec.stands_for // (self.spec.pages << self.spec.order))
        return [self.times]

    def program(self, cpu: Cpu) -> Program[None]:
        """Run each mode so many times."""
        random = stream(self._seed, 7, cpu.index)
        for mode in self.spec.modes:
            for iteration in range(self.spec.iterations):
                kept = iteration >= self.spec.dropped
                if mode == "repeat":
                    yield from self._meet(random.random())
                    yield from self._timed(cpu, "repeat", self._repeat(cpu), self.spec.repeats, kept=kept)
                    continue
                pages: list[int] = []
                yield from self._meet(random.random())
                name = "alloc" if mode == "bulk" else "rand_alloc"
                allocate = self.allocator.alloc_pages_each(cpu, self.spec.pages, pages, self.spec.order)
                yield from self._timed(cpu, name, allocate, self.spec.pages, kept=kept)
                if len(pages) < self.spec.pages:
                    raise NoPages(f"cpu {cpu.index} got {len(pages)} of {self.spec.pages} pages: zone too small")
                if mode == "rand":
                    random.shuffle(pages)
                yield from self._meet(random.random())
                name = "free" if mode == "bulk" else "rand_free"
                free = self.allocator.free_pages_each(cpu, pages, self.spec.order)
                yield from self._timed(cpu, name, free, self.spec.pages, kept=kept)

    def _meet(self, phase: float) -> Program[None]:
        yield self.barrier
        spread = self.spec.start_within_us * self.machine.ghz * 1000
        yield self.start_step * int(phase * spread)

    def _repeat(self, cpu: Cpu) -> Program[None]:
        yield from self.allocator.rounds.run(cpu, self.spec.repeats, partial(self._pair, cpu))

    def _pair(self, cpu: Cpu) -> Program[None]:
        pages: list[int] = []
        yield from self.allocator.alloc_pages_each(cpu, 1, pages, self.spec.order)
        yield from self.allocator.free_pages_each(cpu, pages, self.spec.order)

    def _timed(self, cpu: Cpu, name: str, work: Program[None], calls: int, *, kept: bool) -> Program[None]:
        start, before = cpu.clock, self.times.of(cpu)
        yield from work
        if kept:
            waited, held, moved = (now - then for now, then in zip(self.times.of(cpu), before, strict=True))
            total = cpu.clock - start
            parts = total, total - waited - held - moved, waited, held, moved
            self._figures.setdefault(name, []).append(tuple(part / calls / self.machine.ghz for part in parts))

    def measured(self) -> list[Measured]:
        """Time per call (for repeat: per pair), and its parts, in ns."""
        return [
            Measured(name + part, fmean(figures[i] for figures in runs), "ns")
            for i, part in enumerate(("", "_own", "_wait", "_hold", "_transfer"))
            for name, runs in self._figures.items()
        ]
