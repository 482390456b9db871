"""What a page has done in a process of its own: a recording, the story of a window. Loads no figures, to begin at once.

All arguments are plain data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simalloc.registry import Plugin, ensure
from simalloc.results import Row
from simalloc.runs.explain import first_long_window, window_text
from simalloc.runs.plan import Plan
from simalloc.runs.simulation import Window
from simalloc.runs.task import Record, execute
from simalloc.scenario import Scenario, ScenarioError


def story_of_window(data: Mapping[str, Any], plugins: Sequence[Plugin], number: int, limit: int) -> str:
    """Return the story of a case's first window with interrupts off that is longer than `limit` cycles."""
    ensure(tuple(plugins))
    scenario = Scenario.model_validate(data)
    case = scenario.cases[number]
    single = scenario.at(scenario.points[number // scenario.labels])
    window = first_long_window(single, number % scenario.labels, limit)
    return window_text(window, case.machine.cost_model().clock_ghz) if window else "There was no such window."


def recording(data: Mapping[str, Any], plugins: Sequence[Plugin], number: int, start: str, length: str) -> list[Row]:
    """Return what happened in a stretch of a case's first replication: records with label and swept parameters.

    Raises ScenarioError for times that cannot be.
    """
    ensure(tuple(plugins))
    scenario = Scenario.model_validate(data)
    point, label = divmod(number, scenario.labels)
    single = scenario.at(scenario.points[point])
    window = Window(start, length)
    window.cycles(single.cases[label])
    plan = Plan(single, {}, window)
    while task := plan.take():
        if task.label == label and task.head["replication"] == 0:
            record = Record.of(execute(task))
            if record.result is None:
                raise ScenarioError(record.error or "the run failed")
            return [{"label": single.cases[label].label} | row for row in record.result.timeline]
    raise ScenarioError("this case has no run")
