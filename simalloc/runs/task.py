"""The unit of work of a sweep: one run of one label at one point, under the random numbers of one replication."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from time import process_time
from traceback import extract_tb
from typing import Any, Protocol

from simalloc.machine import RuleBroken, Stuck
from simalloc.runs import run_replication
from simalloc.runs.assembly import CaseResult
from simalloc.scenario import Scenario, ScenarioError
from simalloc.workloads import Measured

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """One run, with all that a process anywhere needs for it: `data` is the scenario of its point."""

    head: Row
    data: Mapping[str, Any]
    label: int

    @property
    def key(self) -> Key:
        """What the run is known by."""
        return self.head["config"], self.head["replication"]


Key = tuple[str, int]

Take = Callable[[], Task | None]
"""Gives the next run to do, None if there is none for now."""


class SweepFailed(Exception):  # noqa: N818
    """The sweep cannot go on: a full disk, no workers, a lost cluster. What had been recorded is whole."""


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
    """Simulate, and return the line of the journal: figures, or the error. Anything a run raises is its error."""
    began = process_time()
    try:
        if task.head["simalloc"] != this_version():
            raise ScenarioError(f"this worker has simalloc {this_version()}, the sweep {task.head['simalloc']}")
        result = run_replication(Scenario.model_validate(task.data), task.label, task.head["replication"])
    except Exception as error:
        return failed(task, told(error), process_time() - began)
    seconds = process_time() - began
    return json.dumps({**task.head, "seconds": round(seconds, 6), **_plain(result, task.head["replication"])})


def failed(task: Task, error: str, seconds: float = 0.0) -> str:
    """Return the line of a run that failed."""
    return json.dumps({**task.head, "seconds": round(seconds, 6), "error": error})


def told(error: Exception) -> str:
    """Return the text of an error: simalloc's own as they are, others with their type and where they came from."""
    if isinstance(error, ScenarioError | RuleBroken | Stuck):
        return str(error)
    place = extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"


def _plain(result: CaseResult, replication: int) -> Row:
    """Return a result as JSON has it. Only the first replication's ledger, locks and latency are ever shown."""
    measured = [[each.metric, each.value, each.unit, dict(each.parameters), each.ci95] for each in result.measured]
    if replication:
        return {"measured": measured}
    return {"measured": measured, "ledger": result.ledger, "locks": result.locks, "latency": result.latency}


@dataclass(frozen=True, slots=True)
class Record:
    """A line of the journal, read: what a run gave, or its error."""

    head: Row
    result: CaseResult | None
    error: str | None
    seconds: float

    @property
    def key(self) -> Key:
        """What the run is known by."""
        return self.head["config"], self.head["replication"]

    @classmethod
    def of(cls, line: str | bytes) -> Record:
        """Read a line. Raises ValueError, KeyError or TypeError if it is none."""
        head = json.loads(line)
        seconds, error = head.pop("seconds"), head.pop("error", None)
        if error is not None:
            return cls(head, None, error, seconds)
        measured = [Measured(*row) for row in head.pop("measured")]
        rest = [head.pop(name, []) for name in ("ledger", "locks", "latency")]
        return cls(head, CaseResult(head["label"], measured, *rest), None, seconds)
