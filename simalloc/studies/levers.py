"""What a study can turn: costs of the machine, and numbers of the scenario."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from simalloc.hardware.priors import OFF_BY
from simalloc.runs.prices import NOT_CYCLES
from simalloc.scenario import ScenarioError
from simalloc.scenario.errors import suggestion
from simalloc.studies.question import Question, Settings, value_of

RANGES = {**OFF_BY, "fitted": 0.1, "set": 0.1}
"""How far a cost may be off, as a share, by its kind: what is declared where the user declares nothing."""

COSTS, SIZES = "machine.costs", ("allocator.batch", "allocator.high")


@dataclass(frozen=True, slots=True)
class Lever:
    """A number that can be turned: `cost` names one of the machine, `key` another one of the scenario.

    `whole`: only whole numbers make a difference: cycles, pages.
    """

    name: str
    value: float
    unit: str
    kind: str
    whole: bool
    least: float = 0.0

    def around(self, step: float) -> tuple[float, float]:
        """Return the values a share `step` below and above, at least one apart from the middle where only whole do."""
        if not self.whole:
            return self.value * (1 - step), self.value * (1 + step)
        off = max(1, round(self.value * step))
        return max(self.least, self.value - off), self.value + off

    def rounded(self, value: float) -> float:
        """Return the value as it can be set."""
        return max(self.least, round(value)) if self.whole else value


def costs_of(question: Question) -> list[Lever]:
    """Return every cost of the case's machine that is not 0."""
    changed = question.case.machine.costs
    return [
        Lever(
            each.name,
            each.cycles,
            NOT_CYCLES.get(each.name, "cycles"),
            "set" if each.name in changed else each.kind,
            whole=each.name not in NOT_CYCLES,
        )
        for each in question.case.machine.cost_model()
        if each.cycles
    ]


def keys_of(question: Question, keys: Iterable[str]) -> list[Lever]:
    """Return numbers of the scenario by dotted key; batch and high need not be set. Raises ScenarioError."""
    sizes: Mapping[str, float] = {
        "allocator.batch": question.case.sizes.batch,
        "allocator.high": question.case.sizes.high,
    }
    levers = []
    for key in keys:
        value = sizes[key] if key in sizes else value_of(question, key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value:
            raise ScenarioError(f"{key}: is {value!r}; only a number that is not 0 can be varied")
        levers.append(Lever(key, value, "", "scenario", whole=isinstance(value, int), least=1))
    return levers


def sizes_of(question: Question) -> list[Lever]:
    """Return batch and high, where they are fixed numbers."""
    return keys_of(question, SIZES) if question.case.sizes.high_max is None else []


def chosen(question: Question, names: Sequence[str]) -> list[Lever]:
    """Return levers by name, a cost or a dotted key. Raises ScenarioError."""
    costs = {lever.name: lever for lever in costs_of(question)}
    found = []
    for name in names:
        if name in costs:
            found.append(costs[name])
        elif "." in name:
            found += keys_of(question, [name])
        else:
            raise ScenarioError(f"no cost {name!r} that is not 0; {suggestion(name, list(costs))}")
    return found


def turned(question: Question, values: Mapping[Lever, float]) -> Settings:
    """Return the settings that give levers these values."""
    costs = {lever.name: value for lever, value in values.items() if "." not in lever.name}
    keys = {lever.name: lever.rounded(value) for lever, value in values.items() if "." in lever.name}
    return ({COSTS: {**question.case.machine.costs, **costs}} if costs else {}) | keys


def bases(question: Question, levers: Iterable[Lever]) -> Settings:
    """Return what the keys that `levers` turn are set to in the case as it is."""
    keys = {lever.name: lever.value for lever in levers if "." in lever.name}
    return {COSTS: dict(question.case.machine.costs)} | keys
