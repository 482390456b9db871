"""The file a person writes, as typed objects. Buildable in Python without any YAML."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError

from simalloc.allocators import VERSIONS, Generation, with_mistake
from simalloc.hardware import preset
from simalloc.machine import LOCK_KINDS
from simalloc.measure import INSTRUMENTS
from simalloc.memory import Watermarks, ZoneFacts, pages_of
from simalloc.registry import Plugin, Table, load_installed
from simalloc.scenario.case import Case, check_fit, check_interrupts
from simalloc.scenario.errors import (
    Path,
    Problem,
    ScenarioError,
    dotted,
    problems_of,
    raise_all,
    shortened,
    suggestion,
    together,
)
from simalloc.scenario.machine import LinesSpec, MachineSpec, ShapeSpec
from simalloc.scenario.parts import (
    AllocatorSpec,
    CalibrationSpec,
    CaseSpec,
    FigureName,
    InstrumentName,
    InterruptSpec,
    MemorySpec,
    OneOfKinds,
    PredictionSpec,
    ReplicationsSpec,
    StageSpec,
)
from simalloc.scenario.reading import plain as plain_tree
from simalloc.scenario.sweep import NOT_A_PARAMETER, Point, Sweep, changed, columns, plain, points_of
from simalloc.workloads import WORKLOADS, Strict, WorkloadSpec


class Scenario(Strict):
    """A question to the simulator."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)] = Field(
        description="short name; results are saved under it"
    )
    about: str = Field(default="", max_length=10000, description="what it shows, in a sentence")
    machine: MachineSpec = MachineSpec()
    memory: MemorySpec = MemorySpec()
    allocator: AllocatorSpec = Field(
        default=AllocatorSpec(), description="the allocator, or what all columns have in common"
    )
    workload: Annotated[WorkloadSpec, OneOfKinds()] = Field(
        description="what runs on the CPUs; `simalloc list workloads`"
    )
    sweep: Sweep = Field(
        default={},
        description="keys and the values to run each case with, such as machine.cpus: [1, 2, 4]; several make a grid; "
        "`machine.cpus, memory.zone: [[1, 1GiB], [8, 4GiB]]` change together; or a list of points, each sets the same "
        "keys, such as [{machine.cpus: 1}, {machine.cpus: 64}]",
    )
    replications: Literal["auto"] | Annotated[int, Field(ge=1, le=1000)] | ReplicationsSpec = Field(
        default="auto",
        description="runs of every case with other random numbers, for 95 % intervals; auto = 5 if another seed "
        "gives other figures and one run gives no interval, otherwise 1",
    )
    interrupts: list[InterruptSpec] = Field(
        default=[], max_length=1000, description="interrupts beside those of the workload"
    )
    latency: bool = Field(
        default=True, description="measure how long interrupts and bottom halves are off, and interrupt latency"
    )
    profile: bool = Field(
        default=False,
        description="beside the workload's figures give four that all workloads have: cycles per operation, longest "
        "window with interrupts off, share of time waiting for zone->lock, pages parked on pcp lists",
    )
    check: bool = Field(
        default=False,
        description="follow every page and run lockdep (slower); exit code 1 if a page is lost or given out "
        "twice, or if locks could deadlock",
    )
    instruments: list[InstrumentName] = Field(
        default=[],
        max_length=100,
        description="instruments of plugins, whose figures are added to the table; `simalloc list instruments`",
    )
    compare: list[CaseSpec] = Field(
        default=[], max_length=1000, description="the columns to compare; the first is the baseline"
    )
    published: str | None = Field(
        default=None,
        max_length=255,
        description="CSV file of published figures, which tables show beside the simulated ones",
    )
    calibration: CalibrationSpec = Field(default=CalibrationSpec(), description="for `simalloc calibrate`")
    plots: list[FigureName] | None = Field(
        default=None, description="figures to draw with the run; all that apply by default (`simalloc list figures`)"
    )
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = Field(default=1, description="seed of all random numbers")
    lockstep: bool = Field(default=False, description="make every step an event: gives the same results, but slower")
    tie_order: Literal["fixed", "shuffled"] = Field(
        default="fixed", description="order of events in the same cycle: by CPU number, or at random (from the seed)"
    )

    @cached_property
    def points(self) -> list[Point]:
        """The points of the sweep, in order; one that sets nothing without a sweep. Raises Problem."""
        return points_of(self.sweep) if self.sweep else [Point({}, {})]

    @cached_property
    def columns(self) -> dict[str, str]:
        """What tables call each key that is swept."""
        return columns(list(self.points[0].settings), self.workload.row_parameters())

    @property
    def labels(self) -> int:
        """How many cases each point has."""
        return len(self.compare) or 1

    @cached_property
    def cases(self) -> list[Case]:
        """The runs this scenario asks for, point by point. Raises Problem for what only shows when put together."""
        if not self.sweep:
            return self._cases({})
        return [case for point in self.points for case in self._cases_at(point)]

    def at(self, point: Point) -> Scenario:
        """Return the scenario of one point, with nothing swept. Raises Problem, at the value that does not validate."""
        if not point.settings:
            return self
        try:
            return Scenario.model_validate(self.data_at(point))
        except ValidationError as error:
            raise _at_value(point, problems_of(error, model_at)[0], always=True) from None
        except Problem as problem:
            raise _at_value(point, problem) from None

    def data_at(self, point: Point) -> dict[str, Any]:
        """Return the scenario of one point as plain data, which crosses process borders. Raises Problem."""
        return changed(self._unswept, point.settings)

    def _cases_at(self, point: Point) -> list[Case]:
        parameters = {self.columns[key]: plain(value) for key, value in point.settings.items()}
        try:
            return self.at(point)._cases(parameters)
        except Problem as problem:
            if problem.path[:1] == ("sweep",):
                raise
            raise _at_value(point, problem) from None

    @cached_property
    def _unswept(self) -> dict[str, Any]:
        return self.model_dump(exclude={"sweep"}, exclude_unset=True)

    def _cases(self, parameters: Mapping[str, Any]) -> list[Case]:
        found: list[Problem] = []
        known = sorted(preset(self.machine.preset).parameters)
        for name in self.machine.costs:
            if name not in known:
                text = f"{self.machine.preset} has no such cost; {suggestion(name, known)}"
                found.append(Problem(("machine", "costs", name), text))
        for i, source in enumerate(self.interrupts):
            for j, cpu in enumerate(source.cpus or []):
                if cpu >= self.machine.cpus:
                    there = f"there is no CPU {cpu}; they are 0 to {self.machine.cpus - 1}"
                    found.append(Problem(("interrupts", i, "cpus", j), there))
        labels = [case.label for case in self.compare]
        seen: set[str] = set()
        for i, label in enumerate(labels):
            if label in seen:
                found.append(Problem(("compare", i, "label"), f"{label!r} is used twice; labels tell columns apart"))
            seen.add(label)
        raise_all(found)
        if not self.compare:
            return [self._case((), CaseSpec(label=self.allocator.name or "allocator"), parameters)]
        cases = []
        for i, case in enumerate(self.compare):
            try:
                cases.append(self._case(("compare", i), case, parameters))
            except Problem as problem:
                found.append(problem)
        raise_all([problem for i, problem in enumerate(found) if str(problem) not in map(str, found[:i])])
        return cases

    def _case(self, path: Path, spec: CaseSpec, parameters: Mapping[str, Any]) -> Case:
        allocator = spec.allocator.over(self.allocator)
        if allocator.name is None:
            raise Problem((*path, "allocator"), f"name one; known are {', '.join(VERSIONS)}")
        version = _with_parameters(VERSIONS[allocator.name], allocator, spec.allocator, path)
        if allocator.mistake:
            try:
                version = with_mistake(version, allocator.mistake)
            except ValueError as error:
                whose = path if spec.allocator.mistake else ()
                raise Problem((*whose, "allocator", "mistake"), str(error)) from None
        machine = _over(self.machine, spec.machine, (*path, "machine"))
        shape = machine.cost_model().shape
        if shape is not None and machine.cpus > shape.cpus:
            whose = path if spec.machine else ()
            raise Problem(
                (*whose, "machine", "cpus"),
                f"{machine.preset} has {shape.cpus} CPUs, {machine.cpus} are asked for; "
                "machine.topology makes a larger one",
            )
        marks = self.memory.watermarks(len(machine.nodes()), version.min_free_at_most)
        facts = self._facts(version, machine, marks)
        if allocator.batch_scale_max is not None and not version.tuning.scales:
            whose = path if spec.allocator.batch_scale_max is not None else ()
            raise Problem(
                (*whose, "allocator", "batch_scale_max"),
                f"refills and drains of {version.name} are always one batch; they grow from v5.14 on",
            )
        computed = version.sizes_of(facts, None, allocator.batch_scale_max)
        sizes = version.sizes_of(facts, allocator.batch, allocator.batch_scale_max)
        if allocator.high:
            fixed = None if sizes.high_max is None else allocator.high
            sizes = replace(sizes, high=allocator.high, high_max=fixed)
        if allocator.high and sizes.high < sizes.batch:
            whose = path if spec.allocator.high else ()
            raise Problem(
                (*whose, "allocator", "high"),
                f"high {sizes.high} is below batch {sizes.batch}; a drain takes a batch, so high >= batch "
                f"(the zone's own sizes are batch {computed.batch}, high {computed.high})",
            )
        workload = _over(self.workload, spec.workload, (*path, "workload"))
        case = Case(spec.label, version, sizes, marks, machine, self.memory, workload, parameters, allocator)
        check_fit(path, case)
        check_interrupts(self.interrupts, version)
        return case

    def plugins(self) -> list[Plugin]:
        """Return the plugins that have something to do with the runs of this scenario, each once."""
        return list({plugin.key: plugin for case in self.cases for plugin in self._plugins_of(case)}.values())

    def _plugins_of(self, case: Case) -> Iterator[Plugin]:
        named: list[tuple[Table[Any], str]] = [
            (VERSIONS, case.version.name),
            (WORKLOADS, case.workload.kind),
            (LOCK_KINDS, case.machine.lock),
            *((INSTRUMENTS, name) for name in self.instruments),
        ]
        for table, name in named:
            plugin = table.plugin(name)
            if plugin is not None:
                yield plugin

    def _code_of(self, case: Case) -> list[str]:
        """Return the hashes of the plugins' code that a case runs."""
        return sorted({plugin.sha256 for plugin in self._plugins_of(case)})

    def _left_out(self) -> set[str]:
        """Return keys that came after results were first published, and say nothing where they are empty."""
        return set() if self.instruments else {"instruments"}

    def _content(self, left_out: set[str]) -> dict[str, Any]:
        """Return the scenario as data to be hashed, without these keys and without an empty `machine.cheaper`."""
        content = self.model_dump(mode="json", exclude=left_out)
        if not content["machine"]["cheaper"]:
            del content["machine"]["cheaper"]
        return content

    def _facts(self, version: Generation, machine: MachineSpec, marks: Watermarks) -> ZoneFacts:
        """Return what the sizes of pcps follow from. Raises Problem for a sysctl that this version does not have."""
        fraction = self.memory.percpu_pagelist_high_fraction or 0
        if fraction and not version.tuning.scales:
            raise Problem(
                ("memory", "percpu_pagelist_high_fraction"), f"{version.name} has no such sysctl; it came with v5.14"
            )
        if self.memory.zones:
            largest = max(self.memory.zones, key=lambda zone: zone.pages)
            return largest.facts(machine.cpus_per_node(), fraction)
        return ZoneFacts(pages_of(self.memory.zone), machine.cpus_per_node(), marks, fraction)

    def definition(self) -> dict[str, Any]:
        """Return the scenario as data, what was left to its default left out: `build` makes the same one of it."""
        return self.model_dump(mode="json", exclude_unset=True)

    def digest(self) -> str:
        """Return a hash of the scenario and of every cost it pays; equal hashes mean equal simulated figures."""
        left_out = {"about", "calibration", "plots"} | self._left_out()
        content = json.dumps(self._content(left_out), sort_keys=True)
        prices = sorted({case.machine.cost_model().digest() for case in self.cases})
        code = sorted({each for case in self.cases for each in self._code_of(case)})
        return hashlib.sha256(f"{content} {' '.join(prices + code)}".encode()).hexdigest()[:16]

    def digests(self) -> list[str]:
        """Return, for each case of a scenario without a sweep, a hash of all that decides its figures but the program.

        Other labels, and what is published, are left out, so that adding a label leaves a case's hash as it is.
        """
        content = self._content(set(NOT_A_PARAMETER) | self._left_out())
        own = [spec.model_dump(mode="json") for spec in self.compare] or [{}]
        return [
            hashlib.sha256(
                json.dumps(
                    [content, spec, case.machine.cost_model().digest(), *self._code_of(case)], sort_keys=True
                ).encode()
            ).hexdigest()[:16]
            for spec, case in zip(own, self.cases, strict=True)
        ]


# A kind of workload that a plugin brings has keys that the model must know.
WORKLOADS.watch(lambda: Scenario.model_rebuild(force=True))

Spec = TypeVar("Spec", bound=Strict)


def _with_parameters(version: Generation, allocator: AllocatorSpec, own: AllocatorSpec, path: Path) -> Generation:
    """Return the version with the keys of its scheme's own that `allocator` has; `own` are those written at `path`."""
    given = allocator.model_extra or {}
    model = None if version.parameters is None else type(version.parameters)
    known = {*AllocatorSpec.model_fields, *(model.model_fields if model else ())}

    def at(key: str | int) -> Path:
        return (*(path if key in (own.model_extra or {}) else ()), "allocator", key)

    for key in given:
        if key not in known:
            raise Problem(at(key), f"unknown key; {suggestion(key, sorted(known))}")
    if model is None or not given:
        return version
    try:
        return replace(version, parameters=model.model_validate(given))
    except ValidationError as error:
        first = problems_of(error, lambda _: model)[0]
        raise Problem((*at(first.path[0]), *first.path[1:]) if first.path else at(""), first.message) from None


def _over(base: Spec, changes: Mapping[str, Any], path: Path) -> Spec:
    """Return `base` with these keys changed. Raises Problem, at `path`, if that does not validate."""
    if not changes:
        return base
    try:
        return type(base).model_validate(base.model_dump(exclude_unset=True) | dict(changes))
    except ValidationError as error:
        raise_all([Problem((*path, *each.path), each.message) for each in problems_of(error, lambda _: type(base))])
        raise


def _at_value(point: Point, problem: Problem, *, always: bool = False) -> Problem:
    """Return the problem at the swept value it is about; where there is none, as it is (or `always` at the first)."""
    text = dotted(problem.path)
    about = [key for key in point.settings if text.startswith(key)] or (list(point.settings)[:1] if always else [])
    message = problem.message if about and text == about[0] else str(problem)
    others = "" if about and len(point.settings) == 1 else f" (at {point})"
    return Problem(point.where[about[0]] if about else problem.path, (message if about else problem.message) + others)


def build(data: Mapping[str, Any]) -> Scenario:
    """Return the scenario that `data` (as read from YAML or JSON) describes. Raises ScenarioError."""
    load_installed()
    if not isinstance(data, Mapping):
        raise ScenarioError(
            f"{shortened(data)} is no scenario; it should be a mapping with keys such as name, workload"
        )
    try:
        scenario = Scenario.model_validate(plain_tree(data))
        _ = scenario.cases
    except ValidationError as error:
        raise ScenarioError(together([str(each) for each in problems_of(error, model_at)])) from None
    except Problem as problem:
        raise ScenarioError(together([str(each) for each in problem.all()])) from None
    return scenario


def model_at(path: Path) -> type[Strict] | None:
    """Return the model that the value at `path` of a scenario is of; `path` is pydantic's, with a union's tag in it."""
    lists: dict[str, dict[int, type[Strict]]] = {
        "compare": {2: CaseSpec, 3: AllocatorSpec},
        "calibration": {1: CalibrationSpec, 3: PredictionSpec, 5: StageSpec},
        "interrupts": {2: InterruptSpec},
    }
    if path and path[0] in lists:
        return lists[str(path[0])].get(len(path))
    if path[:1] == ("workload",) and len(path) == 2:
        return WORKLOADS[str(path[1])].spec
    parts: dict[Path, type[Strict]] = {
        (): Scenario,
        ("machine",): MachineSpec,
        ("machine", "topology"): ShapeSpec,
        ("machine", "shared_lines"): LinesSpec,
        ("replications",): ReplicationsSpec,
        ("memory",): MemorySpec,
        ("allocator",): AllocatorSpec,
    }
    return parts.get(path)


def schema_text() -> str:
    """Return the JSON Schema of scenario files."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Scenario.model_json_schema()}
    return json.dumps(schema, indent=2) + "\n"
