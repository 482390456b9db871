"""What the cases of a scenario pay for everything, with where each number comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from simalloc.hardware import preset
from simalloc.results import Row
from simalloc.scenario import Case, Scenario

NOT_CYCLES = {
    "zone_lines": "cache lines",
    "struct_page_lines": "cache lines",
    "llc_lines": "cache lines",
    "struct_page_shown": "share",
    "smt_slowdown": "times",
}
"""The parameters that count something else."""


def prices(scenario: Scenario) -> list[Row]:
    """Return a row per cost parameter and value: name, value, unit, kind, about, source.

    `labels` says whose it is where cases differ. A value that the scenario sets is of kind `set`; its source says what
    the preset has.
    """
    cases = scenario.cases
    alike: dict[tuple[object, ...], list[Case]] = {}
    for case in cases:
        alike.setdefault((case.machine.preset, *case.machine.costs.items()), []).append(case)
    payers: dict[tuple[tuple[str, object], ...], list[Case]] = {}
    for these in alike.values():
        for row in _paid(these[0]):
            payers.setdefault(tuple(row.items()), []).extend(these)
    points = Counter(case.label for case in cases)
    return [
        dict(row) | ({} if len(these) == len(cases) else {"labels": _labels(these, points)})
        for row, these in payers.items()
    ]


def _labels(cases: list[Case], points: Counter[str]) -> list[str]:
    """Return the labels all of whose points are there, and the other cases with their point."""
    here = Counter(case.label for case in cases)
    return list(dict.fromkeys(case.label if here[case.label] == points[case.label] else case.name() for case in cases))


def _paid(case: Case) -> Iterator[Row]:
    model, changed = preset(case.machine.preset), case.machine.costs
    for each in case.machine.cost_model():
        row = {"name": each.name, "value": each.cycles, "unit": NOT_CYCLES.get(each.name, model.unit_of("cycles"))}
        if each.name in changed:
            source = f"machine.costs of the scenario; {model.name} has {model[each.name]:g}"
            yield {**row, "kind": "set", "about": each.about, "source": source}
        else:
            yield {**row, "kind": each.kind, "about": each.about, "source": each.source}
