"""A scenario's runs done, here or in processes beside, and put together to its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from simalloc.results import Result
from simalloc.runs.assembly import Assembly
from simalloc.runs.local import InProcess, Processes
from simalloc.runs.plan import Plan
from simalloc.runs.simulation import Window
from simalloc.runs.task import KINDS, Executor, Record, RunFailed, Watch, check_travel
from simalloc.scenario import Scenario, find, load

Progress = Callable[[str], None]


class Stopped(Exception):  # noqa: N818
    """The run was stopped; `result` has what had finished, and `by` is what stopped it."""

    def __init__(self, result: Result, by: BaseException | None = None) -> None:
        super().__init__(f"stopped; {finished_cases(result)} of {result.planned} cases finished")
        self.result = result
        self.by = by


@dataclass
class Failure:
    """A run that failed: which, and its error as it is told."""

    run: str
    record: Record

    @property
    def exception(self) -> Exception:
        """The error as an exception: of its own class where simalloc has it, else RunFailed."""
        text = self.record.error or ""
        kind = KINDS.get(self.record.kind)
        return kind(text) if kind else RunFailed(f"{self.run}: {text}")


@dataclass
class Work:
    """A scenario's runs as they are done: what has come of them, what failed, and what stopped them."""

    plan: Plan
    folder: Path | None
    failures: list[Failure] = field(default_factory=list)
    stopped: BaseException | None = None

    def do(self, workers: Executor, told: Callable[[Record], None] = lambda _: None) -> None:
        """Do all runs, on `workers`, and tell of each. KeyboardInterrupt, and RunFailed, are kept in `stopped`."""
        try:
            with workers:
                for task, line in workers.outcomes(self.plan.take):
                    record = Record.of(line)
                    self.plan.add(record)
                    if record.error is not None:
                        self.failures.append(Failure(str(task), record))
                    told(record)
        except (KeyboardInterrupt, RunFailed) as error:
            self.stopped = error

    @property
    def whole(self) -> bool:
        """Whether every run is done."""
        return self.stopped is None and not self.failures

    def result(self) -> Result:
        """Return what there is; marked if it is not whole."""
        result = self.plan.assembled(self.folder, partial=not self.whole)
        if not self.whole:
            result.partial = f"{self.plan.finished} of {self.plan.total} runs"
        for failure in self.failures:
            if failure.record.report:
                result.broken.append({"run": failure.run, **failure.record.report})
        return result


def finished_cases(result: Result) -> int:
    """Return how many cases a result has figures of."""
    return len({(row["label"], *(row.get(name) for name in result.swept)) for row in result.rows})


def work_of(scenario: Scenario, folder: Path | None = None, record: Window | None = None, *, jobs: int = 1) -> Work:
    """Return the work that a scenario is for so many processes, not begun.

    Raises ScenarioError for a table that cannot be read.
    """
    Assembly(scenario, folder)
    for case in scenario.cases if record else ():
        assert record is not None
        record.cycles(case)
    return Work(Plan(scenario, {}, record, longest_first=jobs > 1), folder)


def executor(plan: Plan, jobs: int, watch: Watch | None = None) -> InProcess | Processes:
    """Return who does the runs of a plan: processes if several are wanted and there is something for them to do.

    Raises ScenarioError for code that processes cannot have.
    """
    jobs = min(jobs, plan.total - plan.finished)
    if jobs > 1:
        check_travel(plan.scenario)
    return Processes(jobs, watch) if jobs > 1 else InProcess(watch)


def run(
    scenario: Scenario | str,
    *,
    jobs: int = 1,
    folder: Path | None = None,
    progress: Progress | None = None,
    record: Window | None = None,
) -> Result:
    """Simulate every case and return the result; the same result with any number of `jobs` (processes).

    The scenario may be named: a file, or a shipped one. `folder` is where a table of published figures may lie;
    `progress` is told each case that has finished; `record` says what to record as timelines, in each case's first
    replication. With several jobs, a script calls it under `if __name__ == "__main__":`, as multiprocessing asks for.
    Raises ScenarioError for a table that cannot be read and for a run that cannot go on, RunFailed for one that was
    lost, and Stopped, with what has finished, on Ctrl-C.
    """
    if isinstance(scenario, str):
        folder = folder or find(scenario).resolve().parent
        scenario = load(scenario)
    work = work_of(scenario, folder, record, jobs=jobs)

    def told(each: Record) -> None:
        if work.failures:
            raise work.failures[0].exception
        for index in work.plan.cases_of(each.head["config"]):
            if progress and work.plan.results(index):
                progress(work.plan.scenario.cases[index].name())

    work.do(executor(work.plan, jobs), told)
    if isinstance(work.stopped, KeyboardInterrupt):
        raise Stopped(work.result(), work.stopped) from None
    if work.stopped:
        raise work.stopped
    return work.result()
