"""The parts of a scenario: memory, allocator, what is compared, interrupts, replications, calibration."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from simalloc.allocators import MISTAKES, VERSIONS
from simalloc.measure import INSTRUMENTS
from simalloc.memory import SMALLEST_ZONE, Watermarks, pages_of
from simalloc.memory.watermarks import min_free_kib, watermarks
from simalloc.registry import Table
from simalloc.results import FIGURE_ABOUT
from simalloc.scenario.errors import suggestion
from simalloc.scenario.zones import ZoneSpec
from simalloc.workloads import WORKLOADS, Strict
from simalloc.workloads.arrivals import BurstUs, Pattern, check_bursts


def _figure_exists(name: str) -> str:
    if name not in FIGURE_ABOUT:
        raise ValueError(f"there is no figure {name!r}; {suggestion(name, list(FIGURE_ABOUT))}")
    return name


def _instrument_exists(name: str) -> str:
    if name not in INSTRUMENTS:
        there = INSTRUMENTS.advice(name) if INSTRUMENTS else "no plugin is loaded that has one"
        raise ValueError(f"there is no instrument {name!r}; {there}")
    return name


class NamesOf:
    """The schema of a name out of a table, with what the table has when the schema is made."""

    def __init__(self, table: Table[Any]) -> None:
        self._table = table

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return it; any name, if the table has none."""
        names = {"enum": list(self._table)} if self._table else {}
        return {"type": "string", **names}


FigureName = Annotated[str, AfterValidator(_figure_exists), NamesOf(FIGURE_ABOUT)]

InstrumentName = Annotated[str, AfterValidator(_instrument_exists), NamesOf(INSTRUMENTS)]

LARGEST_ZONE = 1 << 34
"""Pages: 64 TiB."""


class MemorySpec(Strict):
    """The zones, one or several on each NUMA node in use, and the state they start in."""

    zone: str = Field(default="4GiB", description="size of the zone, such as 4GiB, 512MiB or 20000 pages")
    zones_per_node: Annotated[int, Field(ge=1, le=16)] = Field(
        default=1, description="zones of that size on each node that has CPUs in use"
    )
    initial: Literal["fresh", "warmed", "fragmented"] = Field(
        default="fresh",
        description="fresh = as after boot; warmed = pcp lists filled; fragmented = only scattered single pages free",
    )
    min_free_kbytes: Annotated[int, Field(ge=128, le=1 << 30)] | None = Field(
        default=None,
        description="sysctl vm.min_free_kbytes, KiB; it is divided among the zones, and watermarks follow from "
        "it; by default as the kernel computes it",
    )
    transparent_hugepages: bool = Field(
        default=True,
        description="whether transparent huge pages are on, which raises the default min_free_kbytes, as on most "
        "distributions",
    )
    percpu_pagelist_high_fraction: Annotated[int, Field(ge=8, le=1 << 30)] | None = Field(
        default=None,
        description="sysctl vm.percpu_pagelist_high_fraction, from v5.14: a zone's CPUs share this part of it (1/n) as "
        "their pcp high, which then stays as it is",
    )
    drain_on_failure: bool = Field(
        default=False,
        description="if a task's allocation fails, the pcp lists of all CPUs are drained (by IPIs in v4.10, then "
        "by workers, from v6.1 on by the task), and it tries again; simulation is slower with this",
    )
    zones: Annotated[list[ZoneSpec], Field(min_length=1)] | None = Field(
        default=None,
        description="instead of `zone`: each zone on its own, as `simalloc machine from-proc` writes them, in the "
        "order in which they are tried",
    )
    vmstat_ms: Annotated[float, Field(gt=0, le=1e6)] | None = Field(
        default=None,
        description="period of each CPU's vmstat worker, ms, which lets pcp high decay and drains idle lists "
        "(v6.7; 1000 in the kernel); CPUs begin at different times; without it no worker runs",
    )
    span: str = Field(default="256MiB", description="fragmented: the part of the zone that has free pages")
    free_type: Literal["unmovable", "movable", "reclaimable"] = Field(
        default="unmovable",
        description="fragmented: migratetype of the free pages; a workload that asks for another finds its lists empty",
    )
    free_share: Annotated[float, Field(gt=0, le=0.5)] = Field(
        default=0.5, description="fragmented: share of the span's pages that are free (at most one of two buddies)"
    )

    @field_validator("zone", "span")
    @classmethod
    def _is_a_size(cls, size: str) -> str:
        pages = pages_of(size)
        if pages < SMALLEST_ZONE:
            raise ValueError(f"{size!r} is {pages} pages; the smallest zone is {SMALLEST_ZONE} pages (16MiB)")
        if pages > LARGEST_ZONE:
            raise ValueError(
                f"{size!r} is more than 64TiB, which is the most that Linux addresses on x86 with 4 levels"
            )
        return size

    def watermarks(self, nodes: int, at_most_kib: int) -> Watermarks:
        """Return each zone's watermarks on a machine with so many nodes, all zones being of one size."""
        zones, pages = nodes * self.zones_per_node, pages_of(self.zone)
        kib = self.min_free_kbytes
        if kib is None:
            kib = min_free_kib(zones * pages, zones, at_most=at_most_kib, huge_pages=self.transparent_hugepages)
        return watermarks(pages, zones * pages, kib)

    def usable_pages(self) -> int:
        """Return how many pages are free at the start."""
        if self.zones:
            return sum(zone.pages if zone.free is None else zone.free for zone in self.zones)
        if self.initial == "fragmented":
            return int(min(pages_of(self.span), pages_of(self.zone)) * self.free_share)
        return pages_of(self.zone)


class AllocatorSpec(Strict):
    """Which page allocator, its sizes where they are not to follow from the zone, and keys of a plugin's scheme."""

    # Which other keys there may be depends on the allocator, which may be named elsewhere: `Scenario` checks them.
    model_config = ConfigDict(extra="allow")

    name: str | None = Field(default=None, description="a kernel version; `simalloc list allocators`")
    batch: Annotated[int, Field(ge=1, le=1 << 20)] | None = Field(
        default=None, description="pages per refill and drain"
    )
    high: Annotated[int, Field(ge=1, le=1 << 24)] | None = Field(
        default=None,
        description="pcp count at which a free drains; it is then fixed, even if the kernel would adapt it to the load",
    )
    batch_scale_max: Annotated[int, Field(ge=0, le=16)] | None = Field(
        default=None,
        description="PCP_BATCH_SCALE_MAX: by how many doublings a refill or drain may exceed a batch; 5 from v6.7 on",
    )

    mistake: str | None = Field(
        default=None,
        description="one made on purpose, for `check: true` to report: "
        + "; ".join(f"{name}: {mistake.about}" for name, mistake in MISTAKES.items()),
    )

    @field_validator("mistake")
    @classmethod
    def _is_known(cls, mistake: str | None) -> str | None:
        if mistake is not None and mistake not in MISTAKES:
            raise ValueError(f"there is no mistake {mistake!r}; {suggestion(mistake, list(MISTAKES))}")
        return mistake

    @field_validator("name")
    @classmethod
    def _exists(cls, name: str | None) -> str | None:
        if name is not None and name not in VERSIONS:
            raise ValueError(f"there is no allocator {name!r}; {suggestion(name, list(VERSIONS))}")
        return name

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema with the keys of all schemes there are, and no others."""
        whole = handler(schema)
        found = handler.resolve_ref_schema(whole)
        found["additionalProperties"] = False
        for version in VERSIONS.values():
            if version.parameters is not None:
                own = type(version.parameters).model_json_schema()["properties"]
                found["properties"] = {**own, **found["properties"]}
        return whole

    def over(self, base: AllocatorSpec) -> AllocatorSpec:
        """Return this with what it leaves open taken from `base`."""
        return base.model_copy(update=self.model_dump(exclude_none=True))


class CaseSpec(Strict):
    """One column of a comparison: what differs from the scenario."""

    label: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="the column's name in tables and figures"
    )
    allocator: AllocatorSpec = Field(
        default=AllocatorSpec(), description="keys that replace those of the scenario's allocator"
    )
    workload: dict[str, Any] = Field(default={}, description="keys that replace those of the scenario's workload")
    machine: dict[str, Any] = Field(default={}, description="keys that replace those of the scenario's machine")


class InterruptSpec(Strict):
    """A source of interrupts, on every CPU or some, each with its own stream."""

    name: Annotated[str, Field(min_length=1, max_length=100)] = Field(description="its name in tables")
    arrivals: Pattern | Literal["recorded"] = Field(default="poisson", description="how interrupts arrive")
    hz: Annotated[float, Field(ge=1e-3, le=1e8)] = Field(default=1000.0, description="mean arrivals a second, per CPU")
    handler_cycles: Annotated[int, Field(ge=0, le=10**9)] = Field(
        default=1000, description="its handler's work in hardirq context, cycles; entry and exit come on top"
    )
    cpus: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | None = Field(
        default=None, description="numbers of the CPUs that it interrupts; all by default"
    )
    burst_on_us: BurstUs = Field(default=50.0, description="bursty: mean length of a burst, us")
    burst_off_us: BurstUs = Field(default=50.0, description="bursty: mean gap, us")
    times_us: list[Annotated[float, Field(ge=0, le=1e9)]] = Field(
        default=[], description="recorded: times of arrival, us, ascending"
    )
    nmi: bool = Field(default=False, description="whether it is an NMI, which cannot be masked")
    nolock_pages: Annotated[int, Field(ge=0, le=64)] = Field(
        default=0,
        description="pages that its handler allocates without waiting, as BPF programs do (v6.15 on), and frees at the "
        "next arrival",
    )

    @model_validator(mode="after")
    def _recorded_has_times(self) -> InterruptSpec:
        if (self.arrivals == "recorded") != bool(self.times_us):
            raise ValueError("times_us is the list of a recorded source: give both or neither")
        if self.times_us != sorted(self.times_us):
            raise ValueError("times_us must ascend")
        if len(set(self.cpus or [])) < len(self.cpus or []):
            raise ValueError("cpus names a CPU twice")
        if self.arrivals == "bursty":
            check_bursts(self.hz, self.burst_on_us, self.burst_off_us)
        return self

    def is_drawn(self) -> bool:
        """Whether another seed gives other arrivals."""
        return self.arrivals != "recorded"


class ReplicationsSpec(Strict):
    """Run again with other random numbers until the figures are known well enough.

    Looking again and again and stopping at the first interval that is narrow enough makes intervals a little too
    narrow: those found are of less than 95 % (Law, Simulation Modeling and Analysis, 9.4.1). A larger `at_least` helps.
    """

    at_least: Annotated[int, Field(ge=2, le=1000)] = Field(default=5, description="runs before intervals are looked at")
    at_most: Annotated[int, Field(ge=2, le=1000)] = Field(
        default=30, description="runs after which to stop in any case"
    )
    within: Annotated[float, Field(gt=0, le=100)] = Field(
        default=1.0, description="stop when each main figure's 95 % interval is within this many % of it"
    )

    @model_validator(mode="after")
    def _least_is_at_most_most(self) -> ReplicationsSpec:
        if self.at_least > self.at_most:
            raise ValueError(f"at_least {self.at_least} is more than at_most {self.at_most}")
        return self


class OneOfKinds:
    """A description of one of the kinds of workloads there are when the model is built; `kind` says of which."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return a union of all kinds that is told apart by `kind`."""
        kinds = {name: handler.generate_schema(kind.spec) for name, kind in WORKLOADS.items()}
        return core_schema.tagged_union_schema(kinds, "kind")


Selection = dict[str, list[str | int]]


class StageSpec(Strict):
    """Fit some parameters on some of the published points, with what earlier stages found held."""

    fit: list[str] = Field(description="parameters of the cost model")
    on: Selection = Field(default={}, description="which points, such as {label: [bulk], batch: [1, 128]}")


class PredictionSpec(Strict):
    """Fit on some points, predict others: what a model is worth beyond its fit."""

    about: str = Field(description="the claim, in a sentence")
    held: dict[str, float] = Field(default={}, description="parameters held at these values")
    stages: Annotated[list[StageSpec], Field(min_length=1)] = Field(description="fits, in order")
    predict: Selection = Field(description="which points; those fitted on are left out")


class CalibrationSpec(Strict):
    """What `simalloc calibrate` fits and checks."""

    fit: list[str] | None = Field(
        default=None, description="parameters to fit; by default all that the preset calls fitted"
    )
    on: Selection = Field(
        default={}, description="workloads other than pagealloc: which published rows to fit on, such as {cpus: [1, 2]}"
    )
    priors: bool = Field(
        default=False,
        description="keep costs that have a source near it while they are fitted: within 5 % if sourced, 15 % if "
        "derived, 50 % if estimated (one standard deviation)",
    )
    predictions: list[PredictionSpec] = Field(
        default=[], description="fits to some points that predict others, as a check of the fit"
    )
