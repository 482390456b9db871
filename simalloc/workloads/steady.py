"""Workloads that run for a given time and report rates: operations a second, and where the cycles went.

The run is cut into windows. MSER-5 on the operations per window says how many at the start are the warm-up; the figures
are means over the rest. Intervals come from replications.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from statistics import fmean
from typing import Annotated, ClassVar

from pydantic import Field

from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import Activity, Burst, Cpu, Instrument, Machine, Program
from simalloc.measure import LockTimes, mser5
from simalloc.workloads.arrivals import stream
from simalloc.workloads.base import Measured, Workload, WorkloadSpec
from simalloc.workloads.windows import Windows

WINDOWS = 100


class SteadySpec(WorkloadSpec):
    """What workloads that run for a time have in common."""

    milliseconds: Annotated[float, Field(ge=0.001, le=1e5)] = Field(
        default=5.0, description="simulated time, ms; the warm-up at its start (MSER-5, at most half) is left out"
    )

    def duration_ms(self) -> float:
        """Return how long it runs."""
        return self.milliseconds

    def effort(self, ghz: float) -> float:  # noqa: ARG002
        """Return about how many operations a CPU does: one a microsecond, where nothing better is known."""
        return 1000 * self.milliseconds

    def varies_alone(self) -> bool:
        """Say yes: CPUs begin with own work of random length, and most draw what they do."""
        return True

    def main_figures(self) -> tuple[str, ...]:
        """Return what replications are to make precise."""
        return ("throughput",)


class SteadyWorkload(Workload):
    """Counts operations with `done`; its programs run until the time is up."""

    locks: ClassVar[tuple[str, ...]] = ("zone->lock",)
    """Lock classes whose waits are shown each for itself."""

    def __init__(self, spec: SteadySpec, allocator: Allocator, steps: KernelSteps) -> None:
        super().__init__(allocator, steps)
        self.machine = steps.machine
        self.steady = spec
        self.windows = Windows(0, self.machine.milliseconds(spec.milliseconds), WINDOWS)
        self.work_step = self.machine.steps.define("work", Activity.WORK, 1)
        self.lock_times = LockTimes(self.windows.spread)
        self.seed = 0

    def prepare(self, machine: Machine, seed: int) -> Sequence[Instrument]:  # noqa: ARG002
        """Watch the locks."""
        self.seed = seed
        return [self.lock_times]

    @abstractmethod
    def program(self, cpu: Cpu) -> Program[None]:
        """Return what runs on `cpu`, without end."""

    def done(self, cpu: Cpu, operations: float = 1) -> None:
        """Count operations finished now."""
        self.windows.add("operations", cpu.clock, operations)

    def work(self, cycles: int) -> Burst:
        """Return own work of so many cycles."""
        return self.work_step * cycles

    def phase(self, cpu: Cpu, spread: float) -> Burst:
        """Return own work of a random length up to `spread` cycles: CPUs do not start in step."""
        return self.work(int(stream(self.seed, 4, cpu.index).random() * spread))

    def warmup_windows(self, series: list[float]) -> int:
        """Return how many windows at the start are warm-up, from the operations in each."""
        return mser5(series)

    def measured(self) -> list[Measured]:
        """Throughput, time per operation, and shares of all CPU cycles, after the warm-up."""
        self.lock_times.finish(self.machine)
        series = self.windows.series("operations")
        cut = self.warmup_windows(series)
        seconds = (WINDOWS - cut) * self.windows.length / self.machine.ghz / 1e9
        operations = sum(series[cut:])
        cpus = len(self.machine.cpus)
        rate = operations / seconds

        def share(name: str) -> float:
            return 100 * fmean(self.windows.series(name)[cut:]) / (self.windows.length * cpus)

        def total(what: str) -> float:
            return sum(share(f"{lock} {what}") for lock in self.locks)

        waited, held, moved = total("waited"), total("held"), total("moved")
        shares = {
            "own_share": max(0.0, 100 - waited - held - moved),
            "wait_share": waited,
            "hold_share": held,
            "transfer_share": moved,
        }
        each = (
            {f"{lock.replace('->', '_')}_share": share(f"{lock} waited") for lock in self.locks}
            if len(self.locks) > 1
            else {}
        )
        return [
            Measured("throughput", rate / 1e6, "Mops/s"),
            Measured("time_per_op", cpus / rate * 1e9 if rate else 0.0, "ns"),
            *(Measured(name, value, "%") for name, value in (shares | each).items()),
            Measured("warmup", cut * self.windows.length / self.machine.milliseconds(1), "ms"),
        ]
