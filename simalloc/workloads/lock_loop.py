"""lock-loop: think, take one lock, hold it, let go; on every CPU. What closed forms of locks are about."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from simalloc import theory
from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import Cpu, Program
from simalloc.workloads.arrivals import stream
from simalloc.workloads.base import Measured
from simalloc.workloads.durations import Duration
from simalloc.workloads.steady import SteadySpec, SteadyWorkload


class LockLoopSpec(SteadySpec):
    """One lock and nothing else; machine.lock says of which kind."""

    kind: Literal["lock-loop"] = Field(description="on every CPU: think, take a lock, hold it, release it")
    think: Duration = Field(default=Duration(exponential="5us"), description="own work between two sections")
    hold: Duration = Field(default=Duration(constant="100ns"), description="length of a section")

    def pages_needed(self) -> int:
        """Return 0: it allocates nothing."""
        return 0

    def effort(self, ghz: float) -> float:
        """Return about how many sections a CPU enters."""
        return self.milliseconds * ghz * 1e6 / max(self.think.mean(ghz) + self.hold.mean(ghz), 30)


class LockLoop(SteadyWorkload):
    """An operation is one section."""

    locks: ClassVar[tuple[str, ...]] = ("the lock",)

    def __init__(self, spec: LockLoopSpec, allocator: Allocator, steps: KernelSteps) -> None:
        super().__init__(spec, allocator, steps)
        self.spec = spec
        self.lock = steps.lock("the lock")
        self.counts = [0] * len(steps.machine.cpus)

    def program(self, cpu: Cpu) -> Program[None]:
        """Think, acquire, work, release, for ever."""
        cpu.site = "section"
        ghz = self.machine.ghz
        think = self.spec.think.draws(ghz, stream(self.seed, 5, cpu.index))
        hold = self.spec.hold.draws(ghz, stream(self.seed, 6, cpu.index))
        yield self.phase(cpu, self.spec.think.mean(ghz))
        while True:
            yield self.work(next(think))
            yield self.lock.acquire
            yield self.work(next(hold))
            yield self.lock.release
            self.done(cpu)
            self.counts[cpu.index] += 1

    def measured(self) -> list[Measured]:
        """The same, and how evenly the CPUs were served: Jain's index, 1 = all alike."""
        fairness = theory.jain(self.counts) if any(self.counts) else 1.0
        figures = [*super().measured(), Measured("fairness", fairness, "of 1")]
        closed = self.closed_form()
        if closed is not None:
            figures.append(Measured("closed_form", closed.throughput * self.machine.ghz * 1e3, "Mops/s"))
        return figures

    def closed_form(self) -> theory.Closed | None:
        """Return what theory says of this lock; None for kinds and times it says nothing of, and uneven distances."""
        spec, lock, machine = self.spec, self.lock, self.machine
        distances = {machine.topology.transfer(0, cpu.index) for cpu in machine.cpus[1:]} or {0}
        if spec.think.exponential is None or spec.hold.constant is None or len(distances) > 1:
            return None
        hold = spec.hold.mean(machine.ghz) + lock.release_step.cycles
        transfer = distances.pop()
        forms = {
            "fifo": theory.none,
            "mcs": theory.mcs(transfer),
            "cna": theory.mcs(transfer),
            "qspinlock": theory.qspinlock(transfer, hold),
            "ticket": theory.ticket(transfer),
        }
        if lock.kind.name not in forms:
            return None
        think = spec.think.mean(machine.ghz) + lock.acquire_step.cycles
        fetch = 0 if lock.kind.name == "fifo" else transfer
        return theory.spinlock(len(machine.cpus), think, hold, forms[lock.kind.name], fetch)
