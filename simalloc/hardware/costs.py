"""What things cost: named parameters in cycles, each with where it comes from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from simalloc.hardware.topology import Distances, Shape, Topology

INSTRUCTIONS = "instructions"
"""The unit of presets that count instructions: a thousand millions of them are a second of their clock."""

IN_INSTRUCTIONS = {
    "cycles": INSTRUCTIONS,
    "ns": INSTRUCTIONS,
    "us": "thousand instructions",
    "ms": "million instructions",
}

Kind = Literal["sourced", "derived", "estimated", "fitted"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One physical constant of a machine: `cycles` (of the preset's unit), what it is and how it was obtained."""

    name: str
    cycles: int | float  # as the preset has it: compiled code would make 12 of a plain `float` 12.0, and print that
    kind: Kind
    about: str
    source: str


@dataclass(frozen=True)
class CostModel:
    """All parameters of a machine. `costs["irq_save"]` is cycles, and raises KeyError for a name it does not have."""

    name: str
    about: str
    clock_ghz: int | float
    unit: str
    parameters: Mapping[str, Parameter]
    shape: Shape | None = None

    def unit_of(self, unit: str) -> str:
        """Return what figures in cycles or in parts of a second are in where the clock counts instructions."""
        return IN_INSTRUCTIONS.get(unit, unit) if self.unit == INSTRUCTIONS else unit

    def __getitem__(self, name: str) -> int | float:
        return self.parameters[name].cycles

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters.values())

    def cycles(self, weights: Mapping[str, float]) -> int:
        """Return the weighted sum of parameters as a whole number of cycles, never negative."""
        return max(0, round(sum(self[name] * weight for name, weight in weights.items())))

    def with_cycles(self, values: Mapping[str, float]) -> CostModel:
        """Return a copy in which the parameters named have these values."""
        if not values:
            return self
        changed = {name: replace(self.parameters[name], cycles=value) for name, value in values.items()}
        return replace(self, parameters={**self.parameters, **changed})

    def topology(self, cpus: int) -> Topology:
        """Return where CPUs are, and how far apart. A model that says no shape has any number on one socket, alike."""
        shape = self.shape or Shape(cores_per_llc=cpus)
        near = self["line_transfer"]
        core, socket, remote = (
            self[name] if name in self.parameters else near
            for name in ("line_transfer_smt", "line_transfer_socket", "line_transfer_remote")
        )
        return Topology(shape, Distances(round(core), round(near), round(socket), round(remote)))

    def fitted(self) -> list[str]:
        """Return the names of the parameters that a calibration may move."""
        return [parameter.name for parameter in self if parameter.kind == "fitted"]

    def digest(self) -> str:
        """Return a hash of all values, and of the shape: two runs with the same digest paid the same prices."""
        values = {parameter.name: parameter.cycles for parameter in self}
        return hashlib.sha256(f"{json.dumps(values, sort_keys=True)} {self.shape}".encode()).hexdigest()[:12]


@cache
def presets() -> list[str]:
    """Return the names of the presets there are."""
    folder = files("simalloc.hardware") / "presets"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


@cache
def preset(name: str) -> CostModel:
    """Return the preset `name`, over the one it names as its base. Raises KeyError if there is none."""
    if name not in presets():
        raise KeyError(name)
    from ruamel.yaml import YAML  # noqa: PLC0415 - 50 ms that `simalloc --help` need not pay

    text = (files("simalloc.hardware") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    data: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    base = preset(data["base"]).parameters if "base" in data else {}
    ghz = data["clock_ghz"]
    parameters = {
        key: Parameter(
            key,
            entry["cycles"] if "cycles" in entry else round(entry["ns"] * ghz),
            entry["kind"],
            entry["about"],
            data["fitted_on"] if entry["kind"] == "fitted" else entry["source"],
        )
        for key, entry in data["parameters"].items()
    }
    shape = Shape(**data["topology"]) if "topology" in data else None
    return CostModel(data["name"], data["about"], ghz, data["unit"], {**base, **parameters}, shape)
