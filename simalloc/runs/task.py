"""The unit of work: one run of one label at one point, under the random numbers of one replication."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from time import process_time
from traceback import extract_tb, print_exception
from typing import Any, Protocol

from simalloc.machine import RuleBroken, Stuck
from simalloc.measure import Broken
from simalloc.registry import Plugin, PluginError, PluginFailed, blame, ensure
from simalloc.runs.assembly import CaseResult
from simalloc.runs.simulation import Window, run_replication
from simalloc.scenario import Scenario, ScenarioError
from simalloc.workloads import Measured

Row = dict[str, Any]

KINDS: dict[str, type[Exception]] = {
    kind.__name__: kind for kind in (ScenarioError, RuleBroken, Stuck, PluginError, PluginFailed)
}
"""Errors whose text is for a person; by name, as journals have them."""


@dataclass(frozen=True, slots=True)
class Task:
    """One run, with all that a process anywhere needs for it: `data` is the scenario of its point.

    `record` says what to record as a timeline, and `size` how long the run is expected to take, in seconds. `plugins`
    are those whose code it runs, with the code.
    """

    head: Row
    data: Mapping[str, Any]
    label: int
    record: Window | None = None
    size: float = 0.0
    plugins: tuple[Plugin, ...] = ()

    @property
    def key(self) -> Key:
        """What the run is known by."""
        return self.head["config"], self.head["replication"]

    def __str__(self) -> str:
        parts = [str(self.head["label"]), *(f"{name} {value}" for name, value in self.head["point"].items())]
        return f"{', '.join(parts)}, replication {self.head['replication']}"


Key = tuple[str, int]

Take = Callable[[], Task | None]
"""Gives the next run to do, None if there is none for now."""

Watch = Callable[[Task, float], None]
"""Told of a run that is going on, from another thread: which share of it (0 to 1) is done."""


class RunFailed(Exception):  # noqa: N818
    """A run was lost with its process, or there is nobody left to do runs. What had been recorded is whole."""


class Executor(Protocol):
    """Where runs are done: in this process, in processes beside it, on a cluster."""

    def __enter__(self) -> Executor: ...

    def __exit__(self, *_: object) -> None: ...

    def outcomes(self, take: Take) -> Iterator[tuple[Task, str]]:
        """Do all runs that `take` gives; give each with its line for the journal as it finishes."""


@cache
def this_version() -> str:
    """Return simalloc's version."""
    return version("simalloc")


def execute(task: Task) -> str:
    """Simulate, and return the line of the journal: figures, or the error. Anything a run raises is its error.

    With SIMALLOC_TRACEBACK in the environment, an error that is a fault of the program is shown on stderr as well.
    """
    began = process_time()
    try:
        if task.head["simalloc"] != this_version():
            raise ScenarioError(f"this worker has simalloc {this_version()}, the sweep {task.head['simalloc']}")
        ensure(task.plugins)
        scenario = Scenario.model_validate(task.data)
        with blame((RuleBroken, Stuck)):
            result = run_replication(scenario, task.label, task.head["replication"], task.record)
    except Exception as error:
        if os.environ.get("SIMALLOC_TRACEBACK") and not isinstance(error, tuple(KINDS.values())):
            print_exception(error, file=sys.stderr)
        report = error.report.row() if isinstance(error, Broken) else None
        return failed(task, told(error), process_time() - began, _kind(error), report)
    seconds = process_time() - began
    return json.dumps({**task.head, "seconds": round(seconds, 6), **_plain(result, task.head["replication"])})


def check_travel(scenario: Scenario) -> None:
    """Raise ScenarioError if other processes cannot have the code that a scenario's runs need."""
    for plugin in scenario.plugins():
        if not plugin.travels:
            raise ScenarioError(
                f"other processes cannot have what was registered in {plugin.name}; "
                "write it to a file and load that with simalloc.load_plugin, or run it here, with jobs=1"
            )


def failed(task: Task, error: str, seconds: float = 0.0, kind: str = "RunFailed", report: Row | None = None) -> str:
    """Return the line of a run that failed; `kind` is the class of its error, `report` that of a broken rule."""
    more = {"report": report} if report else {}
    return json.dumps({**task.head, "seconds": round(seconds, 6), "error": error, "kind": kind, **more})


def _kind(error: Exception) -> str:
    """Return the class of an error, or of simalloc's own which it is a kind of."""
    return next((each.__name__ for each in type(error).__mro__ if each.__name__ in KINDS), type(error).__name__)


def told(error: Exception) -> str:
    """Return the text of an error: simalloc's own as they are, others with their type and where they came from."""
    if isinstance(error, tuple(KINDS.values())):
        return str(error)
    place = extract_tb(error.__traceback__)[-1]
    if isinstance(error, MemoryError):
        return (
            f"MemoryError: {error or 'the simulation ran out of memory'} ({Path(place.filename).name}:{place.lineno})"
        )
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"


def _plain(result: CaseResult, replication: int) -> Row:
    """Return a result as JSON has it. Only the first replication's ledger, locks and latency are ever shown."""
    measured = [[each.metric, each.value, each.unit, dict(each.parameters), each.ci95] for each in result.measured]
    if replication:
        return {"measured": measured}
    rows = {"ledger": result.ledger, "locks": result.locks, "latency": result.latency}
    rare = {"timeline": result.timeline, "details": result.details}
    return {"measured": measured, **rows, **{name: found for name, found in rare.items() if found}}


@dataclass(frozen=True, slots=True)
class Record:
    """A line of the journal, read: what a run gave, or its error and of which kind that is."""

    head: Row
    result: CaseResult | None
    error: str | None
    seconds: float
    kind: str = ""
    report: Row | None = None

    @property
    def key(self) -> Key:
        """What the run is known by."""
        return self.head["config"], self.head["replication"]

    @classmethod
    def of(cls, line: str | bytes) -> Record:
        """Read a line. Raises ValueError, KeyError, TypeError or RecursionError if it is none."""
        head = json.loads(line)
        if not isinstance(head, dict):
            raise TypeError("a line of a journal is a mapping")
        seconds, error, kind = head.pop("seconds"), head.pop("error", None), head.pop("kind", "")
        report = head.pop("report", None)
        if error is not None:
            return cls(head, None, str(error), seconds, str(kind), report if isinstance(report, dict) else None)
        measured = [Measured(*row) for row in head.pop("measured")]
        rest = [head.pop(name, []) for name in ("ledger", "locks", "latency", "timeline", "details")]
        return cls(head, CaseResult(head["label"], measured, *rest), None, seconds)
