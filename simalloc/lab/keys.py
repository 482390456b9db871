"""What a key of a scenario takes, from the scenario's own schema: words, unit, bounds, choices; sources of prices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from simalloc.allocators import VERSIONS
from simalloc.hardware import preset, presets
from simalloc.machine import LOCK_KINDS
from simalloc.runs.prices import NOT_CYCLES
from simalloc.scenario import Scenario
from simalloc.workloads import WORKLOADS

Kind = Literal["number", "choice", "switch", "text"]

UNITS = {
    "machine.cpus": "CPUs",
    "allocator.batch": "pages",
    "allocator.high": "pages",
    "workload.pages": "pages",
    "workload.batches": "pages",
    "workload.ring": "packets",
    "workload.moderation_packets": "packets",
    "memory.min_free_kbytes": "KiB",
}
ENDINGS = {
    "_cycles": "cycles",
    "_us": "us",
    "_ms": "ms",
    "milliseconds": "ms",
    "gbits": "Gbit/s",
    "mpps": "million packets/s",
    "_bytes": "bytes",
    "hz": "per s and CPU",
}
GROUPS = ("machine", "memory", "allocator", "workload")
ALSO = ("replications", "seed", "sweep", "interrupts")
"""Keys at the top that the lab shows beside those of the groups."""

NOT_SHOWN = ("machine.costs", "workload.kind", "workload.trace", "allocator.mistake")


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a scenario: how it is written, what it means, what it takes; `source` says where a price comes from."""

    path: str
    about: str
    unit: str
    kind: Kind
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    whole: bool = False
    source: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


def key_of(path: str, scenario: Scenario) -> Key:
    """Return what is known of a key in a scenario. Raises KeyError if it cannot have such a key."""
    if path.startswith("machine.costs."):
        return _price(path, scenario)
    known = {"machine.preset": presets(), "machine.lock": LOCK_KINDS, "allocator.name": VERSIONS}
    schema = _at(path.split("."), scenario)
    about = str(schema.get("description", ""))
    if path in known:
        return Key(path, about, "", "choice", choices=tuple(known[path]))
    return _of_schema(path, about, schema)


def every_key(scenario: Scenario) -> dict[str, list[Key]]:
    """Return all keys by group: those of machine, memory, allocator, this kind of workload, prices, and of the run."""
    found: dict[str, list[Key]] = {}
    for group in GROUPS:
        paths = (f"{group}.{name}" for name in _properties(group, scenario))
        found[group] = [key_of(path, scenario) for path in paths if path not in NOT_SHOWN]
    prices = (f"machine.costs.{each.name}" for each in preset(scenario.machine.preset))
    found["prices"] = [key_of(path, scenario) for path in prices]
    found["run"] = [key_of(path, scenario) for path in ALSO]
    return found


def value_at(path: str, scenario: Scenario) -> Any:
    """Return a key's value as plain data, defaults included; of a price that is not set, the preset's."""
    if path.startswith("machine.costs."):
        name = path.removeprefix("machine.costs.")
        return scenario.machine.costs.get(name, preset(scenario.machine.preset)[name])
    node: Any = _dump(scenario)
    for part in path.split("."):
        if isinstance(node, Mapping):
            node = node.get(part)
        elif isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            node = node[int(part)]
        else:
            return None
    return node


def _dump(scenario: Scenario) -> dict[str, Any]:
    return scenario.model_dump(mode="json")


def words(value: Any) -> str:
    """Return a value as people read it."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(map(words, value))
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {words(each)}" for name, each in value.items() if each is not None)
    return str(value)


def _price(path: str, scenario: Scenario) -> Key:
    name = path.removeprefix("machine.costs.")
    model = preset(scenario.machine.preset)
    found = model.parameters[name]
    unit = NOT_CYCLES.get(name, model.unit_of("cycles"))
    source = f"{model.name}: {found.cycles:g} {unit}, {found.kind}; {found.source}"
    return Key(path, found.about, unit, "number", 0, 1e7, source=source)


@cache
def _schema() -> dict[str, Any]:
    found: dict[str, Any] = Scenario.model_json_schema()
    return found


def _properties(group: str, scenario: Scenario) -> Iterator[str]:
    definition = _definition(group, scenario)
    yield from definition["properties"]


def _definition(group: str, scenario: Scenario) -> Mapping[str, Any]:
    definitions: Mapping[str, Any] = _schema()["$defs"]
    if group == "workload":
        found: Mapping[str, Any] = definitions[WORKLOADS[scenario.workload.kind].spec.__name__]
        return found
    return _resolved(_schema()["properties"][group])


def _at(parts: list[str], scenario: Scenario) -> Mapping[str, Any]:
    node: Mapping[str, Any] = _schema()
    for place, part in enumerate(parts):
        if place == 0 and part == "workload":
            node = _definition("workload", scenario)
        elif part.isdecimal():
            node = _resolved(node.get("items", {}))
        else:
            node = node["properties"][part]
            if place + 1 < len(parts):
                node = _resolved(node)
    return node


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema with its reference followed; of alternatives, the first that is one."""
    if "$ref" in schema:
        found: Mapping[str, Any] = _schema()["$defs"][schema["$ref"].rpartition("/")[2]]
        return found
    for branch in schema.get("anyOf", ()):
        if "$ref" in branch or "items" in branch:
            return _resolved(branch) if "$ref" in branch else branch
    return schema


def _of_schema(path: str, about: str, schema: Mapping[str, Any]) -> Key:
    branches = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    unit = UNITS.get(path) or next((unit for ending, unit in ENDINGS.items() if path.endswith(ending)), "")
    branch = branches[0] if len(branches) == 1 else {}
    if "enum" in branch:
        return Key(path, about, unit, "choice", choices=tuple(map(str, branch["enum"])))
    if branch.get("type") == "boolean":
        return Key(path, about, unit, "switch")
    if branch.get("type") in ("integer", "number"):
        low = branch.get("minimum", branch.get("exclusiveMinimum"))
        return Key(path, about, unit, "number", low, branch.get("maximum"), whole=branch["type"] == "integer")
    return Key(path, about, unit, "text")
