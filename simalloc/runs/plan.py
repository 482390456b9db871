"""Which runs a sweep is made of, which are done, and which come next."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from simalloc.results import Result
from simalloc.runs.assembly import Assembly, CaseResult
from simalloc.runs.estimate import seconds_of
from simalloc.runs.replication import first_round, next_round, seed_of
from simalloc.runs.simulation import Window
from simalloc.runs.task import Key, Record, Row, Task, this_version
from simalloc.scenario import Scenario


class Plan:
    """Points x labels x replications. `records` are runs already done, by what they depend on; the plan adds to them.

    Runs that failed before are done again. How many replications a case has depends on its figures only. With
    `longest_first` runs expected to take longest are begun first, so that no core is idle while another does the last
    of them; else they come in the scenario's order. The first replication of each case is recorded as a timeline where
    `record` says so.
    """

    def __init__(
        self,
        scenario: Scenario,
        records: dict[Key, Record],
        record: Window | None = None,
        *,
        longest_first: bool = False,
    ) -> None:
        self.scenario = scenario
        self.records = records
        self.sizes = [seconds_of(scenario, case) for case in scenario.cases]
        self._record = record
        self.configs = [digest for point in scenario.points for digest in scenario.at(point).digests()]
        self.wanted = [first_round(scenario, case) for case in scenario.cases]
        self._plugins = tuple(scenario.plugins())
        self._asked: set[Key] = set()
        self._todo: deque[tuple[int, int]] = deque()
        self._cases: dict[str, list[int]] = {}
        for index, config in enumerate(self.configs):
            self._cases.setdefault(config, []).append(index)
            self._ask(index)
        if longest_first:
            self._todo = deque(sorted(self._todo, key=lambda run: -self.sizes[run[0]]))
        self.reused = self.finished

    @property
    def total(self) -> int:
        """How many runs there are, as far as is known."""
        return sum(self.wanted)

    @property
    def finished(self) -> int:
        """How many are done, and did not fail."""
        return sum(1 for key in self.keys() if self.is_done(key))

    def sizes_done(self) -> tuple[float, float]:
        """Return the size of the runs that are done, and of all, in seconds as they were estimated."""
        done = total = 0.0
        for index, number in enumerate(self.wanted):
            total += number * self.sizes[index]
            done += self.sizes[index] * sum(self.is_done((self.configs[index], each)) for each in range(number))
        return done, total

    def keys(self) -> list[Key]:
        """Return what each run is known by, in the order of the scenario."""
        return [(self.configs[index], each) for index, number in enumerate(self.wanted) for each in range(number)]

    def take(self) -> Task | None:
        """Return the next run to do, None if there is none for now."""
        if not self._todo:
            return None
        index, replication = self._todo.popleft()
        number, label = divmod(index, self.scenario.labels)
        point, case = self.scenario.points[number], self.scenario.cases[index]
        head: Row = {
            "config": self.configs[index],
            "replication": replication,
            "simalloc": this_version(),
            "seed": seed_of(self.scenario.seed, replication),
            "point": dict(case.parameters),
            "label": case.label,
        }
        record = None if replication else self._record
        return Task(head, self.scenario.data_at(point), label, record, self.sizes[index], self._plugins)

    def add(self, record: Record) -> None:
        """Note a run that has finished, and ask for what follows from its figures."""
        self.records[record.key] = record
        for index in self._cases[record.key[0]]:
            self._ask(index)

    def results(self, index: int, *, partial: bool = False) -> list[CaseResult] | None:
        """Return the replications of case number `index`; None if one is not done, or failed.

        Of a plan that was stopped, `partial`, those up to the first that is not done; None if that is the first.
        """
        found = [self.records.get((self.configs[index], each)) for each in range(self.wanted[index])]
        results: list[CaseResult] = []
        for record in found:
            if record is None or record.result is None:
                return results or None if partial else None
            results.append(record.result)
        return results

    def cases_of(self, config: str) -> list[int]:
        """Return the numbers of the cases that a run is for: those that differ in nothing it depends on."""
        return self._cases[config]

    def failures(self) -> list[tuple[str, Record]]:
        """Return each run that failed, with what it is called."""
        found = []
        for index, case in enumerate(self.scenario.cases):
            for replication in range(self.wanted[index]):
                record = self.records.get((self.configs[index], replication))
                if record and record.error is not None:
                    found.append((f"{case.name()}, replication {replication}", record))
        return found

    def assembled(self, folder: Path | None, *, partial: bool = False) -> Result:
        """Return the result of all cases that are done, in the scenario's order, or of what is there if `partial`."""
        assembly = Assembly(self.scenario, folder)
        for index in range(len(self.scenario.cases)):
            runs = self.results(index, partial=partial)
            if runs:
                assembly.add(index, runs)
        return assembly.result

    def _ask(self, index: int) -> None:
        case = self.scenario.cases[index]
        while (runs := self.results(index)) and (more := next_round(self.scenario, case, runs)):
            self.wanted[index] = more.stop
        for replication in range(self.wanted[index]):
            key = (self.configs[index], replication)
            if key not in self._asked and not self.is_done(key):
                self._asked.add(key)
                self._todo.append((index, replication))

    def is_done(self, key: Key) -> bool:
        """Whether a run is done, and did not fail."""
        record = self.records.get(key)
        return record is not None and record.result is not None
