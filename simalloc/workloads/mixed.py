"""mixed: a weighted blend of allocations and frees with think times, on every CPU."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import Cpu, Program
from simalloc.workloads.arrivals import stream
from simalloc.workloads.base import Strict
from simalloc.workloads.durations import Duration
from simalloc.workloads.steady import SteadySpec, SteadyWorkload


class Operation(Strict):
    """One of the things a CPU may do."""

    do: Literal["alloc", "free"] = Field(
        description="allocate blocks, or free so many of the blocks that this CPU holds"
    )
    pages: Annotated[int, Field(ge=1, le=4096)] = Field(default=1, description="how many blocks at a time")
    order: Annotated[int, Field(ge=0, le=10)] = Field(default=0, description="blocks of 2**order pages")
    weight: Annotated[float, Field(gt=0, le=1e6)] = Field(
        default=1.0, description="how often it is done, relative to the weights of the others"
    )


class MixedSpec(SteadySpec):
    """The blend. A free that finds nothing to free, or an allocation that would hold too much, does nothing."""

    kind: Literal["mixed"] = Field(description="a weighted blend of allocations and frees, with think times")
    think: Duration = Field(default=Duration(exponential="500ns"), description="own work between two operations")
    operations: Annotated[list[Operation], Field(min_length=1, max_length=100)] = Field(
        default=[Operation(do="alloc"), Operation(do="free")], description="what may be done, and how often"
    )
    hold: Annotated[int, Field(ge=1, le=1 << 20)] = Field(
        default=1024, description="blocks of each order that a CPU holds at most"
    )

    @model_validator(mode="after")
    def _something_is_freed(self) -> MixedSpec:
        for each in self.operations:
            if each.do == "alloc" and not any(o.do == "free" and o.order == each.order for o in self.operations):
                raise ValueError(f"nothing frees blocks of order {each.order}: add a free of that order")
        return self

    @model_validator(mode="after")
    def _time_passes(self) -> MixedSpec:
        if self.think.longest(1.0) == 0 and not any(each.do == "alloc" for each in self.operations):
            raise ValueError("no time passes: think is 0, and with nothing allocated a free does nothing")
        return self

    def pages_needed(self) -> int:
        """Return the most pages a CPU holds at once."""
        return sum(self.hold << order for order in {each.order for each in self.operations})

    def highest_order(self) -> int:
        """Return the order of its largest blocks."""
        return max(each.order for each in self.operations)


class Mixed(SteadyWorkload):
    """An operation is one draw from the blend."""

    def __init__(self, spec: MixedSpec, allocator: Allocator, steps: KernelSteps) -> None:
        super().__init__(spec, allocator, steps)
        self.spec = spec

    def program(self, cpu: Cpu) -> Program[None]:
        """Think, draw, do it, for ever."""
        spec, random = self.spec, stream(self.seed, 6, cpu.index)
        think = spec.think.draws(self.machine.ghz, stream(self.seed, 5, cpu.index))
        weights = [each.weight / sum(o.weight for o in spec.operations) for each in spec.operations]
        held: dict[int, list[int]] = defaultdict(list)
        while True:
            yield self.work(next(think))
            for choice in random.choice(len(weights), 64, p=weights).tolist():
                yield from self._do(cpu, spec.operations[choice], held)
                self.done(cpu)
                yield self.work(next(think))

    def _do(self, cpu: Cpu, operation: Operation, held: dict[int, list[int]]) -> Program[None]:
        blocks = held[operation.order]
        if operation.do == "alloc":
            count = min(operation.pages, self.spec.hold - len(blocks))
            yield from self.allocator.alloc_pages_each(cpu, count, blocks, operation.order)
        else:
            gone, blocks[:] = blocks[: operation.pages], blocks[operation.pages :]
            yield from self.allocator.free_pages_each(cpu, gone, operation.order)
