"""The table of a sweep: every figure of every run, flat, in the order of the scenario."""

from __future__ import annotations

import csv
from io import StringIO

from simalloc.runs.plan import Plan
from simalloc.runs.task import Record, Row

WHICH_RUN = ("label", "allocator", "replication", "seed")
AT_THE_END = ("metric", "value", "unit", "ci95", "config", "simalloc", "status", "error")


def table_of(plan: Plan) -> list[Row]:
    """Return a row per figure of each run that has finished, and one for each that failed."""
    rows: list[Row] = []
    for index, number in enumerate(plan.wanted):
        case = plan.scenario.cases[index]
        head = {"label": case.label, "allocator": case.version.name, **case.parameters}
        for replication in range(number):
            record = plan.records.get((plan.configs[index], replication))
            if record:
                rows += [head | row for row in _rows(record)]
    return rows


def _rows(record: Record) -> list[Row]:
    known = {name: record.head[name] for name in ("replication", "seed", "config", "simalloc")}
    if record.result is None:
        return [known | {"status": "failed", "error": record.error}]
    return [
        known
        | dict(figure.parameters)
        | {"metric": figure.metric, "value": figure.value, "unit": figure.unit, "ci95": figure.ci95, "status": "ok"}
        for figure in record.result.measured
    ]


def columns_of(rows: list[Row]) -> list[str]:
    """Return the columns: which run, parameters, the figure, and what it comes from."""
    found = dict.fromkeys(name for row in rows for name in row)
    parameters = [name for name in found if name not in WHICH_RUN + AT_THE_END]
    return [*WHICH_RUN, *parameters, *AT_THE_END]


def csv_of(rows: list[Row]) -> str:
    """Return the rows as CSV: the same bytes for the same runs, whoever did them."""
    columns = columns_of(rows)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row.get(name) for name in columns] for row in rows)
    return text.getvalue()
