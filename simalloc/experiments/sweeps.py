"""A sweep: all its runs done, on whatever does them, each recorded as it finishes; then tables of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simalloc.experiments.journal import Journal, SweepFailed
from simalloc.experiments.table import csv_of, table_of
from simalloc.results import Result, write_whole
from simalloc.runs.cluster import Cluster
from simalloc.runs.local import InProcess, Processes
from simalloc.runs.plan import Plan
from simalloc.runs.replication import first_round
from simalloc.runs.task import Executor, Record, Row, RunFailed, Watch, check_travel
from simalloc.scenario import Scenario, ScenarioError, build, find, load

if TYPE_CHECKING:
    from pandas import DataFrame

Told = Callable[[Plan, int, int], None]
"""Told the plan, how many of its runs have finished, and how many of them failed."""


@dataclass
class Swept:
    """What a sweep gave: the result as `run` gives it, every run's rows, and how far it came."""

    result: Result
    table: list[Row]
    total: int
    finished: int
    reused: int
    failures: list[str]
    stopped: BaseException | None = None
    files: list[Path] = field(default_factory=list)


def sweep(
    scenario: Scenario | str,
    over: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]] | None = None,
    *,
    replications: int | None = None,
    jobs: int | None = None,
    out: str | Path | None = None,
    cluster: str | None = None,
) -> DataFrame:
    """Run a scenario at every point and return a row per figure of every run.

    `over` is a grid such as `{"machine.cpus": [1, 2, 4]}`, added to the scenario's own, or a list of points instead of
    it. `jobs` are worker processes (0 = one a core, None = run here); `cluster` is the address of a Dask scheduler.
    With `out`, a folder, finished runs are kept there and not done again. A run that fails has a row with `status`
    failed and its `error`. Raises ScenarioError for wrong input, SweepFailed if the disk is full or workers are lost.
    """
    from pandas import DataFrame  # noqa: PLC0415 - half a second that only its users should pay

    if jobs is not None and jobs < 0:
        raise ScenarioError(f"jobs: {jobs} is no number of processes; give 0 for one a core, or how many")
    if over is not None and not isinstance(over, Mapping | Sequence):
        raise ScenarioError(
            f'over: {over!r} is no grid; give one such as {{"machine.cpus": [1, 2]}}, or a list of points'
        )
    folder = None
    if isinstance(scenario, str):
        folder = find(scenario).resolve().parent
        scenario = load(scenario)
    if over is not None or replications is not None:
        scenario = _with(scenario, over, replications)
    swept = run_sweep(scenario, out=None if out is None else Path(out), jobs=jobs, cluster=cluster, folder=folder)
    if swept.stopped:
        raise swept.stopped
    return DataFrame(swept.table)


def _with(scenario: Scenario, over: Any, replications: int | None) -> Scenario:
    data = scenario.model_dump(exclude_unset=True)
    if isinstance(over, Mapping):
        if isinstance(scenario.sweep, list):
            raise ScenarioError("over: the scenario sweeps a list of points; give a list of points instead of it")
        data["sweep"] = {**scenario.sweep, **{key: list(values) for key, values in over.items()}}
    elif over is not None:
        data["sweep"] = [dict(point) for point in over]
    if replications is not None:
        data["replications"] = replications
    return build(data)


def run_sweep(
    scenario: Scenario,
    *,
    out: Path | None,
    jobs: int | None = None,
    cluster: str | None = None,
    folder: Path | None = None,
    told: Told | None = None,
    watch: Watch | None = None,
) -> Swept:
    """Do what `out` does not have yet of a sweep, and write its tables there.

    `told` hears how far it has come, after each run; `watch` how far each run has, where it runs on this machine.

    On Ctrl-C it stops and returns what had finished. Raises SweepFailed if it cannot go on, and ScenarioError.
    """
    if out is None:
        with _executor(scenario, jobs, cluster, watch) as workers:
            plan = Plan(scenario, {})
            stopped = _work(plan, None, workers, told)
        return _swept(plan, folder, stopped=stopped)
    with Journal(out, scenario.name) as journal:
        with _executor(scenario, jobs, cluster, watch) as workers:  # first: they start up while the plan is made
            plan = Plan(scenario, journal.records, longest_first=jobs is not None)
            try:
                stopped = _work(plan, journal, workers, told)
            except SweepFailed as error:
                raise _with_kept(error, plan, journal) from None
        swept = _swept(plan, folder, stopped=stopped)
        try:
            swept.files = [journal.path, *_save(swept, out)]
        except SweepFailed as error:
            raise _with_kept(error, plan, journal) from None
    return swept


def _with_kept(error: SweepFailed, plan: Plan, journal: Journal) -> SweepFailed:
    kept = f"{plan.finished} of {plan.total} runs are kept in {journal.path}"
    return SweepFailed(f"{error}; {kept}, the same command does the rest")


def _executor(scenario: Scenario, jobs: int | None, cluster: str | None, watch: Watch | None) -> Executor:
    if jobs is None and cluster is None:
        return InProcess(watch)
    check_travel(scenario)
    if cluster is not None:
        return Cluster(cluster)
    runs = sum(first_round(scenario, case) for case in scenario.cases)
    return Processes(min(jobs or os.cpu_count() or 1, runs), watch)


def _work(plan: Plan, journal: Journal | None, workers: Executor, told: Told | None) -> BaseException | None:
    """Do all runs of the plan; return what stopped it, None if nothing did."""
    finished, failures = plan.reused, 0
    try:
        if told:
            told(plan, finished, failures)
        for _, line in workers.outcomes(plan.take):
            if journal:
                journal.append(line)
            record = Record.of(line)
            plan.add(record)
            finished += 1
            failures += record.error is not None
            if told:
                told(plan, finished, failures)
    except KeyboardInterrupt as stopped:
        return stopped
    except RunFailed as error:
        raise SweepFailed(str(error)) from None
    return None


def _swept(plan: Plan, folder: Path | None, *, stopped: BaseException | None) -> Swept:
    result = plan.assembled(folder, partial=stopped is not None)
    if stopped is not None:
        result.partial = f"{plan.finished} of {plan.total} runs"
    failures = [f"{run}: {record.error}" for run, record in plan.failures()]
    return Swept(result, table_of(plan), plan.total, plan.finished, plan.reused, failures, stopped)


def _save(swept: Swept, out: Path) -> list[Path]:
    """Write the tables. Raises SweepFailed if there is no room."""
    table = out / "table.csv"
    try:
        write_whole(table, csv_of(swept.table))
        return [table, *swept.result.save(out)]
    except OSError as error:
        raise SweepFailed(f"{error.filename or table}: cannot be written: {error.strerror}") from None
