"""What a workload is: a typed description, a program per CPU, and rows of results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import Cpu, Program
from simalloc.measure import Sections


class Strict(BaseModel):
    """A part of a scenario: unknown keys are errors, values do not change, numbers are not guessed from text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure: `metric` = `value` in `unit`, at these parameters."""

    metric: str
    value: float
    unit: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


class Workload(ABC):
    """A program on every CPU, and what came out. One object per run."""

    def __init__(self, allocator: Allocator, steps: KernelSteps, sections: Sections | None = None) -> None:
        self.allocator = allocator
        self.k = steps
        self.sections = sections

    @abstractmethod
    def program(self, cpu: Cpu) -> Program[None]:
        """Return what runs on `cpu`."""

    @abstractmethod
    def measured(self) -> list[Measured]:
        """Return the figures, in the order a table shows them, when the run has ended."""
