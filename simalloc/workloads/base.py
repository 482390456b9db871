"""What a workload is: a typed description, a program per CPU, and rows of results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import Context, Cpu, Instrument, Machine, Program
from simalloc.measure import Measured, Sections

__all__ = ["Measured", "Strict", "Workload", "WorkloadSpec"]


class Strict(BaseModel):
    """A part of a scenario: unknown keys are errors, values do not change, numbers are not guessed from text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class WorkloadSpec(Strict, ABC):
    """What every workload's description has, and can say of itself before it runs."""

    kind: str

    @abstractmethod
    def pages_needed(self) -> int:
        """Return the most pages a CPU holds at once."""

    def uses_bulk(self) -> bool:
        """Whether the allocator must have a bulk API."""
        return False

    def uses_lists(self) -> bool:
        """Whether the bulk API must be one that links pages into a list."""
        return False

    def highest_order(self) -> int:
        """Return the order of the largest block it asks for."""
        return 0

    def duration_ms(self) -> float | None:
        """Return how long it runs; None if until its programs end."""
        return None

    def calls(self) -> int:
        """Return how many blocks a CPU allocates and frees in a run; 0 if it runs for a time instead."""
        return 0

    def effort(self, ghz: float) -> float:  # noqa: ARG002
        """Return about how many operations a CPU does one by one: to say beforehand how long a run will take."""
        return float(self.calls())

    def cpus_needed(self) -> int:
        """Return how many CPUs it must have."""
        return 1

    def has_intervals(self) -> bool:
        """Whether a single run gives its figures with intervals."""
        return False

    def varies_alone(self) -> bool:
        """Whether another seed gives other figures on a single CPU that nothing interrupts, too."""
        return False

    def main_figures(self) -> tuple[str, ...]:
        """Return the metrics that replications are to make precise."""
        return ()

    def row_parameters(self) -> tuple[str, ...]:
        """Return the names of the parameters by which its figures are told apart, columns of tables."""
        return ()

    def change_of(self) -> str | None:
        """Return the metric whose change along a sweep is a figure of its own, `..._change`; None if none is."""
        return None

    def also(self) -> WorkloadSpec | None:
        """Return a second workload, run on one CPU without interrupts, whose figures stand beside this one's."""
        return None


class Workload(ABC):
    """A program on every CPU, and what came out. One object per run."""

    context: Context = Context.TASK
    """Where its programs run."""

    def __init__(self, allocator: Allocator, steps: KernelSteps) -> None:
        self.allocator = allocator
        self.k = steps
        self.sections: Sections | None = None

    def prepare(self, machine: Machine, seed: int) -> Sequence[Instrument]:  # noqa: ARG002
        """Attach interrupts and define steps before the run; return instruments it needs. `seed` is the run's."""
        return ()

    @abstractmethod
    def program(self, cpu: Cpu) -> Program[None]:
        """Return what runs on `cpu`."""

    def details(self) -> list[dict[str, Any]]:
        """Return what is no figure of a table, as flat rows that are saved beside the result."""
        return []

    @abstractmethod
    def measured(self) -> list[Measured]:
        """Return the figures, in the order a table shows them, when the run has ended."""
