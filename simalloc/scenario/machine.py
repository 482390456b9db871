"""The hardware a scenario asks for: preset, CPUs, locks, topology, shared lines, changed costs."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from simalloc.allocators import LineSwitches
from simalloc.hardware import CostModel, Shape, preset, presets
from simalloc.machine import LOCK_KINDS
from simalloc.scenario.errors import suggestion
from simalloc.workloads import Strict

MOST_CPUS = 8192
"""Linux, x86: the most that NR_CPUS can be."""

Part = Annotated[int, Field(ge=1, le=1024)] | None


class ShapeSpec(Strict):
    """How the machine is made up, where it is to differ from its preset."""

    sockets: Part = Field(default=None, description="sockets, also called packages")
    nodes_per_socket: Part = Field(default=None, description="NUMA nodes a socket")
    llcs_per_node: Part = Field(default=None, description="last-level caches (CCX) a node")
    cores_per_llc: Part = Field(default=None, description="cores that share a last-level cache")
    threads_per_core: Part = Field(default=None, description="SMT siblings")

    @model_validator(mode="after")
    def _is_a_machine(self) -> ShapeSpec:
        cpus = prod(part or 1 for part in self.model_dump().values())
        if cpus > MOST_CPUS:
            raise ValueError(f"these are {cpus} CPUs; no machine that Linux runs on has more than {MOST_CPUS}")
        return self


class LinesSpec(Strict):
    """Which cache lines CPUs take from each other, besides the lock's own; each can be switched on or off."""

    zone: bool = Field(default=True, description="`zone_lines` lines of struct zone move with zone->lock (an estimate)")
    free_area: bool = Field(
        default=False, description="list heads of the orders that are changed come from the CPU that changed them last"
    )
    struct_pages: bool = Field(default=False, description="struct pages come from the CPU that used them last")
    counters: bool = Field(default=False, description="NR_FREE_PAGES: two atomic adds when a CPU's delta spills")

    def switches(self) -> LineSwitches:
        """Return them as the allocator wants them."""
        return LineSwitches(**self.model_dump())


class MachineSpec(Strict):
    """The hardware: CPUs, and what things cost on them."""

    preset: str = Field(default="seed-2017", description="cost model; `simalloc list machines`")
    cpus: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=1,
        description="how many CPUs, beginning with the first: first threads of all cores, then their siblings",
    )
    lock: str = Field(default="qspinlock", description="kind of every spinlock; `simalloc list locks`")
    topology: ShapeSpec | None = Field(
        default=None, description="sockets, nodes, caches and cores, where they differ from the preset's"
    )
    shared_lines: LinesSpec = Field(
        default=LinesSpec(), description="which cache lines CPUs take from each other, besides the lock's own"
    )
    costs: dict[str, Annotated[float, Field(ge=0, le=1e7)]] = Field(
        default={}, description="parameters of the cost model to change, in its unit (cycles)"
    )
    cheaper: dict[str, Annotated[float, Field(gt=0, le=100)]] = Field(
        default={},
        description="virtual speed-up: names of steps, as in ledgers, and by how many % each costs less; see "
        "`simalloc sensitivity`",
    )

    @field_validator("lock")
    @classmethod
    def _lock_exists(cls, name: str) -> str:
        if name not in LOCK_KINDS:
            raise ValueError(f"there is no lock {name!r}; {suggestion(name, list(LOCK_KINDS))}")
        return name

    @field_validator("preset")
    @classmethod
    def _preset_exists(cls, name: str) -> str:
        if name not in presets():
            raise ValueError(f"{name!r} is no machine preset; {suggestion(name, presets())}")
        return name

    def cpus_per_node(self) -> int:
        """Return how many CPUs the kernel finds on a node, whether the workload runs on them or not."""
        shape = self.cost_model().shape
        return self.cpus if shape is None else shape.cpus // (shape.sockets * shape.nodes_per_socket)

    def nodes(self) -> dict[int, list[int]]:
        """Return the NUMA nodes in use, each with its CPUs."""
        topology = self.cost_model().topology(self.cpus)
        nodes: dict[int, list[int]] = {}
        for cpu in range(self.cpus):
            nodes.setdefault(topology.node(cpu), []).append(cpu)
        return nodes

    def cost_model(self) -> CostModel:
        """Return the preset with the changes asked for."""
        model = preset(self.preset).with_cycles(self.costs)
        if self.topology is None:
            return model
        parts = self.topology.model_dump(exclude_none=True)
        return replace(model, shape=(model.shape or Shape()).with_parts(**parts))
