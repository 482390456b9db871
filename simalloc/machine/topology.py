"""What the machine must know of where its CPUs are: how far a cache line travels, and which node a CPU is on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Topology(Protocol):
    """Where CPUs are. `hardware.Topology` is the real one; `Uniform` is enough where distance does not matter."""

    @property
    def nearest(self) -> int:
        """The least cycles between two CPUs."""
        ...

    def transfer(self, source: int, target: int) -> int:
        """Return how many cycles it takes CPU `target` to fetch a cache line that CPU `source` has modified."""
        ...

    def node(self, cpu: int) -> int:
        """Return the NUMA node of the CPU."""
        ...

    def siblings(self, cpu: int) -> Sequence[int]:
        """Return the other threads of the CPU's core."""
        ...


class Uniform:
    """Every two CPUs are equally far from each other, on one node: `cycles` a cache line."""

    def __init__(self, cycles: int = 0) -> None:
        self.cycles = cycles
        self.nearest = cycles

    def transfer(self, source: int, target: int) -> int:
        """Return the one distance there is; 0 from a CPU to itself."""
        return self.cycles if source != target else 0

    def node(self, cpu: int) -> int:  # noqa: ARG002
        """Return 0: there is one node."""
        return 0

    def siblings(self, cpu: int) -> Sequence[int]:  # noqa: ARG002
        """Return none: every CPU has a core to itself."""
        return ()
