"""Which runs a sweep is made of, which are done, and which come next."""

from __future__ import annotations

from collections import deque

from simalloc.runs.assembly import CaseResult
from simalloc.runs.replication import first_round, next_round, seed_of
from simalloc.runs.task import Key, Record, Row, Task, this_version
from simalloc.scenario import Scenario


class Plan:
    """Points x labels x replications. `records` are runs already done, by what they hang on; the plan adds to them.

    Runs that failed before are done again. How many replications a case has hangs on its figures only.
    """

    def __init__(self, scenario: Scenario, records: dict[Key, Record]) -> None:
        self.scenario = scenario
        self.records = records
        self.configs = [digest for point in scenario.points for digest in scenario.at(point).digests()]
        self.wanted = [first_round(scenario, case) for case in scenario.cases]
        self._asked: set[Key] = set()
        self._todo: deque[tuple[int, int]] = deque()
        self._cases: dict[str, list[int]] = {}
        for index, config in enumerate(self.configs):
            self._cases.setdefault(config, []).append(index)
            self._ask(index)
        self.reused = self.finished

    @property
    def total(self) -> int:
        """How many runs there are, as far as is known."""
        return sum(self.wanted)

    @property
    def finished(self) -> int:
        """How many are done, and did not fail."""
        return sum(1 for key in self.keys() if self._is_done(key))

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
        return Task(head, self.scenario.data_at(point), label)

    def add(self, record: Record) -> None:
        """Note a run that has finished, and ask for what follows from its figures."""
        self.records[record.key] = record
        for index in self._cases[record.key[0]]:
            self._ask(index)

    def results(self, index: int) -> list[CaseResult] | None:
        """Return the replications of case number `index`; None if one is not done, or failed."""
        found = [self.records.get((self.configs[index], each)) for each in range(self.wanted[index])]
        results = [record.result for record in found if record and record.result]
        return results if len(results) == len(found) else None

    def _ask(self, index: int) -> None:
        case = self.scenario.cases[index]
        while (runs := self.results(index)) and (more := next_round(self.scenario, case, runs)):
            self.wanted[index] = more.stop
        for replication in range(self.wanted[index]):
            key = (self.configs[index], replication)
            if key not in self._asked and not self._is_done(key):
                self._asked.add(key)
                self._todo.append((index, replication))

    def _is_done(self, key: Key) -> bool:
        record = self.records.get(key)
        return record is not None and record.result is not None
