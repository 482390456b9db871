"""exit: large processes that end together, each freeing all its pages at once.

Nothing of that avalanche is used again soon, so no pcp list can keep it: every CPU drains again and again, and all
meet at the zone's lock. The other load of the RFC of 3 April 2026 (Message-Id 20260403194526.477775-1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from statistics import fmean
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import Activity, Barrier, Cpu, Instrument, Machine, Program
from simalloc.measure import LockTimes, LockUse
from simalloc.memory import MigrateType, NoPages
from simalloc.workloads.arrivals import stream
from simalloc.workloads.base import Measured, Workload, WorkloadSpec
from simalloc.workloads.durations import Duration
from simalloc.workloads.purger import FAULTS, FOLIO_BATCH, lock_figures


class ExitSpec(WorkloadSpec):
    """A process for each CPU, whose threads have run on several."""

    kind: Literal["exit"] = Field(description="processes fault their memory in, then all end at the same time")
    pages: Annotated[int, Field(ge=1, le=1 << 22)] = Field(default=16384, description="pages of a process")
    threads: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=1,
        description="on how many CPUs a process's pages are faulted in; the first is the one on which it ends",
    )
    faulted_by: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        default=None, description="how many of the first CPUs fault in the memory of all processes; all by default"
    )
    stretch: Annotated[int, Field(ge=1, le=1 << 20)] = Field(
        default=16, description="how many neighbouring pages of the address space one thread faults in"
    )
    touch: Duration = Field(default=Duration(exponential="500ns"), description="own work per fault")
    iterations: Annotated[int, Field(ge=1, le=100)] = Field(default=1, description="lives of the processes")
    dropped: Annotated[int, Field(ge=0, le=99)] = Field(
        default=0, description="how many of the first lives are not reported"
    )
    end_within_us: Annotated[float, Field(ge=0, le=1e6)] = Field(
        default=5.0, description="processes begin to end at random times within so many us"
    )

    @model_validator(mode="after")
    def _some_life_is_left(self) -> ExitSpec:
        if self.dropped >= self.iterations:
            raise ValueError(f"{self.dropped} of {self.iterations} iterations dropped leaves none; drop fewer")
        return self

    def pages_needed(self) -> int:
        """Return the pages of a process."""
        return self.pages + FAULTS

    def calls(self) -> int:
        """Return how many pages a CPU allocates and frees."""
        return 2 * self.iterations * self.pages

    def main_figures(self) -> tuple[str, ...]:
        """Return what replications are to make precise."""
        return ("free",)


class ProcessExit(Workload):
    """Times both halves of a life on each CPU: faulting in and ending, which may free what others faulted in."""

    def __init__(self, spec: ExitSpec, allocator: Allocator, steps: KernelSteps) -> None:
        super().__init__(allocator, steps)
        self.spec = spec
        self.machine = steps.machine
        self.times = LockTimes()
        self.use = LockUse()
        self.barrier = Barrier(len(self.machine.cpus), self.machine.idle_step)
        self.work_step = self.machine.steps.define("work", Activity.WORK, 1)
        cpus = len(self.machine.cpus)
        faulting = min(spec.faulted_by or cpus, cpus)
        self._quotas = [cpus * spec.pages // faulting + (i < cpus * spec.pages % faulting) for i in range(faulting)]
        self._quotas += [0] * (cpus - faulting)
        self._faulted: list[list[int]] = [[] for _ in range(cpus)]
        self._lives: list[list[int]] = []
        self._figures: dict[str, list[tuple[float, ...]]] = {}
        self._seed = 0

    def prepare(self, machine: Machine, seed: int) -> list[Instrument]:  # noqa: ARG002
        """Watch the locks."""
        self._seed = seed
        return [self.times, self.use]

    def program(self, cpu: Cpu) -> Program[None]:
        """Fault in, meet, end, meet; so many times."""
        random = stream(self._seed, 7, cpu.index)
        work = self.spec.touch.draws(self.machine.ghz, stream(self._seed, 5, cpu.index))
        for iteration in range(self.spec.iterations):
            kept = iteration >= self.spec.dropped
            self._lives = []
            pages = self._faulted[cpu.index] = []
            wanted = self._quotas[cpu.index]
            yield from self._timed(cpu, "alloc", self._fault(cpu, pages, wanted, work), wanted, kept=kept)
            yield self.barrier
            ending = self._life_of(cpu.index)
            yield self.work_step * int(random.random() * self.spec.end_within_us * self.machine.ghz * 1000)
            yield from self._timed(cpu, "free", self._end(cpu, ending), len(ending), kept=kept)
            yield self.barrier

    def _fault(self, cpu: Cpu, pages: list[int], wanted: int, work: Iterator[int]) -> Program[None]:
        while len(pages) < wanted:
            some = min(FAULTS, wanted - len(pages))
            so_far = len(pages) + some
            yield self.work_step * sum(next(work) for _ in range(some))
            yield from self.allocator.alloc_pages_each(cpu, some, pages, mt=MigrateType.MOVABLE)
            if len(pages) < so_far:
                raise NoPages(f"cpu {cpu.index} got {len(pages)} of {wanted} pages: the zone is too small")

    def _life_of(self, process: int) -> list[int]:
        """Return a process's pages in the order of its address space: stretches of its threads by turns."""
        if not self._lives:
            cpus, spec, left = len(self._quotas), self.spec, [iter(pages) for pages in self._faulted]
            faulting = sum(quota > 0 for quota in self._quotas)
            self._lives = [[] for _ in range(cpus)]
            for number in range(-(-spec.pages // spec.stretch)):
                wanted = min((number + 1) * spec.stretch, spec.pages)
                for each, life in enumerate(self._lives):
                    first = each + number % min(spec.threads, faulting)
                    for other in range(faulting):
                        life.extend(islice(left[(first + other) % faulting], wanted - len(life)))
        return self._lives[process]

    def _end(self, cpu: Cpu, pages: Sequence[int]) -> Program[None]:
        for first in range(0, len(pages), FOLIO_BATCH):
            some = pages[first : first + FOLIO_BATCH]
            yield self.k.page_unmap * len(some)
            yield from self.allocator.free_pages_bulk(cpu, some)

    def _timed(self, cpu: Cpu, name: str, work: Program[None], pages: int, *, kept: bool) -> Program[None]:
        start, before = cpu.clock, self.times.of(cpu)
        yield from work
        if kept and pages:
            waited, held, moved = (now - then for now, then in zip(self.times.of(cpu), before, strict=True))
            total = cpu.clock - start
            parts = total, total - waited - held - moved, waited, held, moved
            self._figures.setdefault(name, []).append(tuple(part / pages / self.machine.ghz for part in parts))

    def measured(self) -> list[Measured]:
        """Time per page faulted in and freed, and its parts; how long a process takes to end; what locks are asked."""
        ended = [total * self.spec.pages / 1e6 for total, *_ in self._figures["free"]]
        pages = self.spec.pages * self.spec.iterations * len(self._quotas)
        return [
            *(
                Measured(name + part, fmean(figures[i] for figures in runs), "ns")
                for i, part in enumerate(("", "_own", "_wait", "_hold", "_transfer"))
                for name, runs in self._figures.items()
            ),
            Measured("exit_time", fmean(ended), "ms"),
            *lock_figures(self.use, pages),
        ]
