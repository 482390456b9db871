"""purger: pages allocated in faults on all CPUs, freed by a few threads: what jemalloc and tcmalloc do to the kernel.

A user-space allocator keeps what its program frees, and threads of its own give that back later (madvise). So one side
only allocates, its pcps run dry; the other only frees, its pcps overflow. The motive of the RFC of 3 April 2026
(Message-Id 20260403194526.477775-1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import Cpu, Instrument, Machine, Mailbox, Program, Sleep
from simalloc.measure import LockUse
from simalloc.memory import MigrateType, NoPages
from simalloc.workloads.arrivals import stream
from simalloc.workloads.base import Measured
from simalloc.workloads.durations import Duration
from simalloc.workloads.steady import SteadySpec, SteadyWorkload

FOLIO_BATCH = 31
"""Pages that are freed with one call. Linux v6.10: PAGEVEC_SIZE."""

FAULTS = 15
"""Faults between two looks at the others."""


class PurgerSpec(SteadySpec):
    """Most CPUs fault, the last ones purge."""

    kind: Literal["purger"] = Field(
        description="pages allocated in faults on most CPUs, handed over in extents, and freed by a few CPUs"
    )
    purgers: Annotated[int, Field(ge=1, le=1023)] = Field(default=1, description="how many of the last CPUs free pages")
    extent: Annotated[int, Field(ge=1, le=1 << 16)] = Field(default=512, description="pages handed over at a time")
    touch: Duration = Field(default=Duration(exponential="500ns"), description="own work per fault")
    queue: Annotated[int, Field(ge=1, le=1 << 16)] = Field(
        default=8,
        description="extents that may wait for a purger; a CPU that finds it full sleeps a microsecond and looks again",
    )

    def pages_needed(self) -> int:
        """Return the most pages a CPU holds: its extent, and its share of those that wait."""
        return self.extent * (2 + self.queue)

    def cpus_needed(self) -> int:
        """Return the purgers and one that faults."""
        return self.purgers + 1


class Purger(SteadyWorkload):
    """An operation is a page freed."""

    def __init__(self, spec: PurgerSpec, allocator: Allocator, steps: KernelSteps) -> None:
        super().__init__(spec, allocator, steps)
        self.spec = spec
        self.faulting = len(self.machine.cpus) - spec.purgers
        self.boxes = [Mailbox(f"purger {i}", spec.queue) for i in range(spec.purgers)]
        self.use = LockUse()

    def prepare(self, machine: Machine, seed: int) -> Sequence[Instrument]:
        """Count what locks are asked for."""
        return [*super().prepare(machine, seed), self.use]

    def program(self, cpu: Cpu) -> Program[None]:
        """Fault and hand over, or purge."""
        if cpu.index < self.faulting:
            return self._fault(cpu, self.boxes[cpu.index % self.spec.purgers])
        return self._purge(cpu, self.boxes[cpu.index - self.faulting])

    def _fault(self, cpu: Cpu, box: Mailbox) -> Program[None]:
        work = self.spec.touch.draws(self.machine.ghz, stream(self.seed, 5, cpu.index))
        yield self.phase(cpu, self.machine.milliseconds(0.01))
        while True:
            pages: list[int] = []
            while len(pages) < self.spec.extent:
                some = min(FAULTS, self.spec.extent - len(pages))
                wanted = len(pages) + some
                yield self.work(sum(next(work) for _ in range(some)))
                yield from self.allocator.alloc_pages_each(cpu, some, pages, mt=MigrateType.MOVABLE)
                if len(pages) < wanted:
                    raise NoPages(f"cpu {cpu.index} got no page at cycle {cpu.clock}: the zone is too small")
            while not (yield box.post(pages)):
                yield Sleep(self.machine.milliseconds(0.001))

    def _purge(self, cpu: Cpu, box: Mailbox) -> Program[None]:
        while True:
            pages: list[int] = yield box.receive
            for first in range(0, len(pages), FOLIO_BATCH):
                some = pages[first : first + FOLIO_BATCH]
                yield self.k.page_unmap * len(some)
                yield from self.allocator.free_pages_bulk(cpu, some)
                self.done(cpu, len(some))

    def measured(self) -> list[Measured]:
        """Pages freed a second and shares of time; how often the zone's lock is taken, and a pcp's found taken."""
        freed = sum(self.windows.series("operations"))
        return [*super().measured(), *lock_figures(self.use, freed)]


def lock_figures(use: LockUse, pages: float) -> list[Measured]:
    """Return how often zone->lock is taken for 1000 pages, and how many % of the requests find a pcp's lock taken."""
    taken = use.taken["zone->lock"]
    return [
        Measured("zone_lock_taken", 1000 * taken / pages if pages else 0.0, "per 1000 pages"),
        Measured("pcp_lock_missed", use.missed("pcp->lock"), "%"),
    ]
