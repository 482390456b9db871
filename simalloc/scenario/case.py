"""One run of a scenario: everything it needs, with nothing left open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from simalloc.allocators import VERSIONS, Generation
from simalloc.memory import PcpSizes, ZoneFacts, size_of
from simalloc.memory.watermarks import Watermarks
from simalloc.scenario.errors import Path, Problem
from simalloc.scenario.machine import MachineSpec
from simalloc.scenario.parts import AllocatorSpec, InterruptSpec, MemorySpec
from simalloc.workloads import WorkloadSpec


@dataclass(frozen=True)
class Case:
    """One run: everything it needs, with nothing left open."""

    label: str
    version: Generation
    sizes: PcpSizes
    watermarks: Watermarks
    machine: MachineSpec
    memory: MemorySpec
    workload: WorkloadSpec
    parameters: Mapping[str, Any] = field(default_factory=dict)
    allocator: AllocatorSpec = field(default_factory=AllocatorSpec)

    def sizes_in(self, zone: ZoneFacts) -> PcpSizes:
        """Return the sizes of a zone's pcps: by the allocator's rule, and as the scenario sets them.

        What it sets is meant for zones that keep pages for CPUs: one so small that its batch is 1 keeps its own.
        """
        own = self.version.sizes_of(zone, None, self.allocator.batch_scale_max)
        if own.batch == 1:
            return own
        sizes = self.version.sizes_of(zone, self.allocator.batch, self.allocator.batch_scale_max)
        if not self.allocator.high:
            return sizes
        fixed = None if sizes.high_max is None else self.allocator.high
        return replace(sizes, high=self.allocator.high, high_max=fixed)

    def name(self) -> str:
        """Return label and parameters, for a person."""
        return ", ".join([self.label, *(f"{name} {value}" for name, value in self.parameters.items())])

    def nodes(self) -> dict[int, list[int]]:
        """Return the NUMA nodes in use, each with its CPUs."""
        return self.machine.nodes()

    def varies(self) -> bool:
        """Whether another seed gives other figures: all that several CPUs do does, and little that one does alone."""
        return self.machine.cpus > 1 or self.workload.varies_alone() or self.memory.initial == "fragmented"


def check_interrupts(sources: Sequence[InterruptSpec], version: Generation) -> None:
    """Raise Problem if a handler is to allocate in a way that the allocator does not have."""
    for i, source in enumerate(sources):
        if source.nolock_pages and not version.nolock:
            raise Problem(
                ("interrupts", i, "nolock_pages"),
                f"{version.name} has no allocation that waits for no lock; v6.15 is the first kernel that has",
            )


def check_fit(path: Path, case: Case) -> None:
    """Raise Problem if the workload asks for what the allocator or the zone cannot give."""
    workload, version = case.workload, case.version
    if workload.uses_bulk() and not version.has_bulk:
        with_bulk = [name for name, each in VERSIONS.items() if each.has_bulk]
        raise Problem(
            (*path, "workload", "api"),
            f"{version.name} has no bulk API; use api: single, or an allocator that has one: {', '.join(with_bulk)}",
        )
    if workload.uses_lists() and version.bulk is not None and not version.bulk.lists:
        raise Problem(
            (*path, "workload", "api"),
            f"{version.name} has no bulk API that makes lists (v6.14 dropped it); use api: bulk, for an array",
        )
    if workload.uses_bulk() and workload.highest_order():
        raise Problem((*path, "workload", "order"), "the bulk API gives order-0 pages only; use api: single")
    if workload.highest_order() and case.memory.initial == "fragmented":
        raise Problem(("memory", "initial"), "fragmented leaves single pages only; blocks need fresh or warmed")
    if workload.cpus_needed() > case.machine.cpus:
        raise Problem(
            ("machine", "cpus"), f"{case.machine.cpus} CPUs are too few; this workload needs {workload.cpus_needed()}"
        )
    if case.memory.zones:
        return
    parked = case.sizes.high + 2 * case.sizes.batch
    cpus = max(map(len, case.nodes().values()))
    needed = cpus * (workload.pages_needed() + parked) + case.watermarks.high
    if needed > case.memory.usable_pages() * case.memory.zones_per_node:
        key = "span" if case.memory.initial == "fragmented" else "zone"
        raise Problem(
            ("memory", key),
            f"{case.memory.usable_pages()} free pages are too few: {cpus} CPU(s) hold up to "
            f"{workload.pages_needed()} pages each, pcp lists and watermarks keep {needed} in all; "
            f"give at least {size_of(1 << (needed * (2 if key == 'span' else 1) - 1).bit_length())}",
        )
