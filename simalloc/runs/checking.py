"""Which rules the cases of a scenario break: lockdep from Python, with the reports as objects."""

from __future__ import annotations

from simalloc.measure import Broken, Report
from simalloc.runs.simulation import run_replication
from simalloc.scenario import Scenario


def lockdep(scenario: Scenario) -> dict[str, Report]:
    """Run each case once under lockdep; return the report of the first rule that each breaks, by the case's name.

    Cases that break none are left out. Raises Stuck for one that ends in a deadlock no rule has warned of.
    """
    found: dict[str, Report] = {}
    for index, case in enumerate(scenario.cases):
        point, label = divmod(index, scenario.labels)
        checked = scenario.at(scenario.points[point]).model_copy(update={"check": True})
        try:
            run_replication(checked, label, 0)
        except Broken as broken:
            found[case.name()] = broken.report
    return found
