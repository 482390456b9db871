"""A result's tables as the report shows them: columns with units, rows of plain values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from simalloc.results import Result, Row, errors, parameters, relative_error


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, the unit of its numbers if all have one, whether it holds numbers, or text to be wrapped."""

    title: str
    unit: str = ""
    number: bool = True
    wrapped: bool = False

    def look(self) -> str:
        """Return its class in the style sheet."""
        return "number" if self.number else "wrapped" if self.wrapped else "text"


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a name for links, a title and a sentence about it."""

    id: str
    title: str
    about: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]] = field(default=())


def result_tables(result: Result) -> list[Table]:
    """Return those tables that have rows: cases, errors, figures, lock_stat and its sites, latencies, the ledger."""
    tables = (
        _cases(result),
        _errors(result),
        _figures(result),
        _lock_stat(result),
        _lock_sites(result),
        _latency(result),
        _ledger(result),
    )
    return [table for table in tables if table.rows]


def price_table(result: Result) -> Table:
    """Return every cost parameter that was paid, with its kind and source."""
    several = any("labels" in row for row in result.prices)
    columns = [
        Column("price", number=False),
        Column("value"),
        Column("unit", number=False),
        Column("kind", number=False),
        *([Column("paid by", number=False)] if several else []),
        Column("what it is", number=False, wrapped=True),
        Column("source", number=False, wrapped=True),
    ]
    rows = [
        [
            *(row[name] for name in ("name", "value", "unit", "kind")),
            *(["; ".join(row.get("labels", ["all"]))] if several else []),
            row["about"],
            row["source"],
        ]
        for row in result.prices
    ]
    about = (
        "sourced = a published primitive; derived = arithmetic on published figures; estimated = only a sum with a "
        "fitted one is known; fitted = least squares on published figures; set = by this scenario."
    )
    return Table("prices", "Prices", about, columns, rows)


def _cases(result: Result) -> Table:
    names = ("label", "allocator", "models", "batch", "high")
    columns = [
        *(Column(name, number=False, wrapped=name == "models") for name in names[:3]),
        Column("pcp.batch", "pages"),
        Column("pcp.high", "pages"),
    ]
    about = "What is compared; batch and high at the first point of a sweep."
    return Table("cases", "Cases", about, columns, [[case[name] for name in names] for case in result.cases])


def _errors(result: Result) -> Table:
    columns = [
        Column("label", number=False),
        Column("points"),
        Column("RMS error", "%"),
        Column("worst error", "%"),
        Column("worst at", number=False),
    ]
    parts = [row for row in result.rows if row["metric"] != "total"]
    groups = {case["label"]: [row for row in parts if row["label"] == case["label"]] for case in result.cases}
    rows = []
    for label, of_label in ({**groups, "all": parts} if len(groups) > 1 else groups).items():
        found = errors(of_label)
        if found:
            at = (f"{name} {value}" for name, value in parameters(found.worst_row).items())
            where = ", ".join([found.worst_row["metric"], *at])
            rows.append([label, found.points, 100 * found.rms, 100 * found.worst, where])
    about = "How far simulated figures are from published ones (relative; shares in % are compared in the next table)."
    return Table("errors", "Errors against published figures", about, columns, rows)


WORDS = {
    "alloc": "an allocation",
    "free": "a free",
    "total": "an allocation and a free",
    "repeat": "an allocation and a free of the same page",
    "refilled": "pages that refills took from the zone",
    "drained": "pages that drains gave back to it",
}
"""Metrics whose names say little to somebody who sees them first, in words."""


def _figures(result: Result) -> Table:
    keys = list(dict.fromkeys(name for row in result.rows for name in parameters(row)))
    optional = {
        "ci95": Column("± 95 %"),
        "published": Column("published"),
        "error": Column("error", "%, or points of a share"),
        "change": Column("change", "% of the first label"),
        "change_ci95": Column("± 95 %", "%"),
    }
    rows = [row | {"error": _error(row)} for row in result.rows]
    shown = [name for name in optional if any(row.get(name) is not None for row in rows)]
    columns = [
        Column("label", number=False),
        *(Column(name, number=_is_number(rows, name)) for name in keys),
        Column("metric", number=False),
        Column("value"),
        Column("unit", number=False),
        *(optional[name] for name in shown),
    ]
    names = ("label", *keys, "metric", "value", "unit", *shown)
    about = "Everything the workload measured; ± is half a 95 % interval."
    known = [f"{name}: {words}" for name, words in WORDS.items() if any(row["metric"] == name for row in rows)]
    if known:
        about += f" Metrics: {'; '.join(known)}."
    return Table("rows", "What was measured", about, columns, [[row.get(name) for name in names] for row in rows])


def _lock_stat(result: Result) -> Table:
    counts = ("con_bounces", "contentions", "acq_bounces", "acquisitions")
    times = [f"{what}time_{each}" for what in ("wait", "hold") for each in ("min", "max", "total", "avg")]
    columns = [
        *_head_columns(result),
        Column("lock", number=False),
        *(Column(name.replace("_", "-")) for name in counts),
        *(Column(name.replace("_", "-"), "us" if result.unit == "cycles" else result.unit) for name in times),
    ]
    in_us = result.unit == "cycles"
    rows = [
        [
            *_head(result, row),
            row["lock"],
            *(row[name] for name in counts),
            *(result.microseconds(row, row[name]) if in_us else row[name] for name in times),
        ]
        for row in result.locks
    ]
    about = "As /proc/lock_stat has it (Documentation/locking/lockstat.rst), all locks of a class together."
    return Table("lock-stat", "lock_stat", about, columns, rows)


def _lock_sites(result: Result) -> Table:
    kinds = {
        "waiters_at": ("waited in", "contentions"),
        "holders_at": ("was waited for in", "contentions"),
        "hold_by_activity": ("was held, and waited for, while doing", result.unit),
    }
    columns = [
        *_head_columns(result),
        Column("lock", number=False),
        Column("what", number=False),
        Column("where", number=False),
        Column("how much"),
        Column("unit", number=False),
    ]
    rows = [
        [*_head(result, row), row["lock"], what, where or "(first holder)", number, unit]
        for row in result.locks
        for kind, (what, unit) in kinds.items()
        for where, number in row[kind].items()
    ]
    return Table("lock-sites", "Who waits for whom", "Functions that waited, and what holders did.", columns, rows)


def _latency(result: Result) -> Table:
    kinds = {"irqs_off": "interrupts off", "bh_off": "bottom halves off", "irq_latency": "interrupt latency"}
    lengths = ("mean", "p50", "p99", "p99.9", "max", "max_waited", "max_held", "max_rest")
    titles = (*lengths[:5], "of it waiting", "of it holding", "of it other")
    columns = [
        *_head_columns(result),
        Column("what", number=False),
        Column("cause", number=False),
        Column("count"),
        *(Column(title, "us") for title in titles),
        Column("longest on CPU"),
    ]
    rows = [
        [
            *_head(result, row),
            kinds[row["kind"]],
            row["site"],
            row["count"],
            *(result.microseconds(row, row[name]) for name in lengths),
            row["max_cpu"],
        ]
        for row in result.latency
        if row["cpu"] == "all"
    ]
    about = "Windows with interrupts or bottom halves off, and interrupts' way from arrival to entry, over all CPUs."
    return Table("latency", "Latencies", about, columns, rows)


def _ledger(result: Result) -> Table:
    sums: dict[tuple[Any, ...], list[int]] = {}
    totals: dict[tuple[Any, ...], int] = {}
    for row in result.ledger:
        case = tuple(_head(result, row))
        entry = sums.setdefault((*case, row["context"], row["activity"], row["step"]), [0, 0])
        entry[0] += row["count"]
        entry[1] += row["cycles"]
        totals[case] = totals.get(case, 0) + row["cycles"]
    columns = [
        *_head_columns(result),
        *(Column(name, number=False) for name in ("context", "activity", "step")),
        Column("count"),
        Column("spent", result.unit),
        Column("share", "%"),
    ]
    width = 1 + len(result.swept)
    rows = [[*key, count, cycles, 100 * cycles / totals[key[:width]]] for key, (count, cycles) in sums.items()]
    about = "Where each cycle went, summed over CPUs (result.json has them one by one); adds up to the simulated time."
    return Table("ledger", "Ledger", about, columns, rows)


def _head_columns(result: Result) -> Iterable[Column]:
    rows = [*result.locks, *result.ledger]
    return [Column("label", number=False), *(Column(name, number=_is_number(rows, name)) for name in result.swept)]


def _head(result: Result, row: Row) -> list[Any]:
    return [row["label"], *(row.get(name) for name in result.swept)]


def _is_number(rows: Iterable[Row], name: str) -> bool:
    return all(isinstance(row[name], int | float) for row in rows if name in row)


def _error(row: Row) -> float | None:
    if row["unit"] == "%":
        return float(row["value"] - row["published"]) if "published" in row else None
    return 100 * relative_error(row) if row.get("published") else None
