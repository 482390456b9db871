"""producer-consumer: pages allocated on one CPU and freed on another, so that every page crosses the buddy lists."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import Cpu, Mailbox, Program, Sleep
from simalloc.memory import NoPages
from simalloc.workloads.arrivals import stream
from simalloc.workloads.durations import Duration
from simalloc.workloads.steady import SteadySpec, SteadyWorkload


class ProducerConsumerSpec(SteadySpec):
    """Pairs of CPUs: CPU i allocates, CPU i + half of them frees."""

    kind: Literal["producer-consumer"] = Field(description="pages allocated on one CPU, freed on another")
    produce: Duration = Field(default=Duration(exponential="200ns"), description="work of the allocating CPU per page")
    consume: Duration = Field(default=Duration(exponential="200ns"), description="work of the freeing CPU per page")
    order: Annotated[int, Field(ge=0, le=10)] = Field(default=0, description="blocks of 2**order pages")
    queue: Annotated[int, Field(ge=1, le=1 << 20)] = Field(
        default=256,
        description="blocks that may be on their way; an allocating CPU that finds it full sleeps a microsecond "
        "and looks again",
    )

    def pages_needed(self) -> int:
        """Return the most pages a pair has on its way."""
        return (self.queue + 2) << self.order

    def highest_order(self) -> int:
        """Return the order of its blocks."""
        return self.order

    def cpus_needed(self) -> int:
        """Return a pair."""
        return 2


class ProducerConsumer(SteadyWorkload):
    """An operation is a block freed."""

    def __init__(self, spec: ProducerConsumerSpec, allocator: Allocator, steps: KernelSteps) -> None:
        super().__init__(spec, allocator, steps)
        self.spec = spec
        self.pairs = len(self.machine.cpus) // 2
        self.boxes = [Mailbox(f"pair {i}", spec.queue) for i in range(self.pairs)]

    def program(self, cpu: Cpu) -> Program[None]:
        """Allocate and post, or receive and free; a CPU that is left over does nothing."""
        if cpu.index < self.pairs:
            yield from self._produce(cpu, self.boxes[cpu.index])
        elif cpu.index < 2 * self.pairs:
            yield from self._consume(cpu, self.boxes[cpu.index - self.pairs])

    def _produce(self, cpu: Cpu, box: Mailbox) -> Program[None]:
        work = self.spec.produce.draws(self.machine.ghz, stream(self.seed, 5, cpu.index))
        while True:
            yield self.work(next(work))
            page = yield from self.allocator.alloc_pages(cpu, self.spec.order)
            if page is None:
                raise NoPages(f"cpu {cpu.index} got no page at cycle {cpu.clock}: the zone is too small")
            while not (yield box.post(page)):
                yield Sleep(self.machine.milliseconds(0.001))

    def _consume(self, cpu: Cpu, box: Mailbox) -> Program[None]:
        work = self.spec.consume.draws(self.machine.ghz, stream(self.seed, 6, cpu.index))
        while True:
            page = yield box.receive
            yield self.work(next(work))
            yield from self.allocator.free_pages(cpu, page, self.spec.order)
            self.done(cpu)
