"""What one page has asked: its runs, coarse first, and what is known so far. Pages share workers and a cache."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from time import monotonic

from simalloc.results import Result
from simalloc.runs.plan import Plan
from simalloc.runs.standing import Crew
from simalloc.runs.task import Key, Record, Task
from simalloc.scenario import Scenario

MOST_RECORDS = 4000
"""Runs that the cache keeps; those not asked for longest go first."""


class Cache:
    """Runs that were done, by what they depend on: any page may have them."""

    def __init__(self, most: int = MOST_RECORDS) -> None:
        self._records: OrderedDict[Key, Record] = OrderedDict()
        self._most = most
        self._lock = Lock()

    def get(self, key: Key) -> Record | None:
        """Return a run that was done; None if it was not."""
        with self._lock:
            record = self._records.get(key)
            if record is not None:
                self._records.move_to_end(key)
            return record

    def put(self, record: Record) -> None:
        """Keep a run, unless it failed."""
        if record.error is not None:
            return
        with self._lock:
            self._records[record.key] = record
            while len(self._records) > self._most:
                self._records.popitem(last=False)


@dataclass
class Progress:
    """How far a question has come: runs done and asked for, seconds since it was asked, what went wrong."""

    done: int = 0
    total: int = 0
    first: float | None = None
    full: float | None = None
    error: str = ""


@dataclass
class _Asked:
    plan: Plan
    todo: list[Task]
    folder: Path | None
    began: float = field(default_factory=monotonic)
    going: set[Key] = field(default_factory=set)
    progress: Progress = field(default_factory=Progress)


class Session:
    """One page. `ask` drops what it asked before; `changed` is called, from another thread, when more is known."""

    def __init__(self, crew: Crew, cache: Cache, changed: Callable[[], None] = lambda: None) -> None:
        self._crew = crew
        self._cache = cache
        self._changed = changed
        self._asked: _Asked | None = None
        self._lock = Lock()
        self.version = 0
        crew.join(self)

    def ask(self, scenario: Scenario, folder: Path | None = None) -> None:
        """Have a scenario's runs done in place of what was asked before. Raises ScenarioError as Plan does."""
        plan = Plan(scenario, {})
        asked = _Asked(plan, [], folder)
        with self._lock:
            self._asked = asked
            self._collect(asked)
            self._note(asked)
        self._crew.wake()

    def drop(self) -> None:
        """Want nothing of what was asked any more; what is known of it stays."""
        with self._lock:
            if self._asked:
                self._asked.todo.clear()
                self._asked.going.clear()

    def close(self) -> None:
        """Want nothing any more: what runs for this page is ended."""
        with self._lock:
            self._asked = None
        self._crew.leave(self)

    # What the crew asks, from its threads

    def take(self) -> Task | None:
        """Return the next run that nobody has done yet."""
        with self._lock:
            asked = self._asked
            if asked is None:
                return None
            while asked.todo:
                task = asked.todo.pop(0)
                record = self._cache.get(task.key)
                if record is None:
                    asked.going.add(task.key)
                    return task
                asked.plan.add(record)
                self._collect(asked)
                self._note(asked)
            return None

    def wants(self, task: Task) -> bool:
        """Whether the question still has this run."""
        asked = self._asked
        return asked is not None and task.key in asked.going

    def told(self, task: Task, line: str) -> None:
        """Keep a run that has finished."""
        record = Record.of(line)
        self._cache.put(record)
        with self._lock:
            asked = self._asked
            if asked is None or task.key not in asked.going:
                return
            asked.going.discard(task.key)
            asked.plan.add(record)
            if record.error is not None:
                asked.progress.error = record.error
                asked.todo.clear()
                asked.going.clear()
            self._collect(asked)
            self._note(asked)
        self._crew.wake()

    # What the page asks

    @property
    def progress(self) -> Progress:
        """How far it has come."""
        asked = self._asked
        return asked.progress if asked else Progress()

    def result(self) -> Result | None:
        """Return what is known: the result that `simalloc.run` gives when all runs are done, a part of it before."""
        with self._lock:
            if self._asked is None:
                return None
            plan = self._asked.plan
            whole = plan.finished == plan.total
            result = plan.assembled(self._asked.folder, partial=not whole)
            if not whole:
                result.partial = f"{plan.finished} of {plan.total} runs"
        return result

    def _collect(self, asked: _Asked) -> None:
        """Take what the plan asks for next: the first replication of the points that show a curve's shape first."""
        if asked.progress.error:
            return
        found = []
        while task := asked.plan.take():
            found.append(task)
        points = list(dict.fromkeys(str(task.head["point"]) for task in found))
        rank = {point: place for place, point in enumerate(halved(points))}
        asked.todo += sorted(found, key=lambda task: (task.head["replication"], rank[str(task.head["point"])]))

    def _note(self, asked: _Asked) -> None:
        self.version += 1
        progress, passed = asked.progress, monotonic() - asked.began
        progress.done, progress.total = asked.plan.finished, asked.plan.total
        if progress.done and progress.first is None:
            progress.first = passed
        progress.full = passed if progress.done == progress.total else None
        self._changed()


def halved(items: list[str]) -> list[str]:
    """Return the items so that any number of the first ones are spread over all: the ends, the middle, quarters."""
    if len(items) < 3:
        return items
    order, gaps = [0, len(items) - 1], _gaps(len(items))
    for low, high in gaps:
        order.append((low + high) // 2)
    return [items[i] for i in order]


def _gaps(size: int) -> list[tuple[int, int]]:
    """Return the gaps between known places that are halved one after the other, widest first."""
    gaps: list[tuple[int, int]] = []
    todo = [(0, size - 1)]
    while todo:
        low, high = todo.pop(0)
        if high - low > 1:
            middle = (low + high) // 2
            gaps.append((low, high))
            todo += [(low, middle), (middle, high)]
    return gaps
