"""The table of a run without a swept parameter: a block per metric, a column per label."""

from __future__ import annotations

from simalloc.results.errors import relative_error
from simalloc.results.result import Result, Row

TITLES = {
    "throughput": "delivered",
    "dropped": "dropped, no room to wait",
    "spin_share": "of all CPU cycles spent waiting for zone->lock",
    "lock_held_share": "of the time zone->lock was held",
    "idle_share": "whole run: idle",
    "task_share": "whole run: in tasks",
    "softirq_share": "whole run: in softirqs, with their waiting",
    "hardirq_share": "whole run: in hardirqs",
    "ring_wait": "whole run: mean wait of a packet in its ring",
    "one_cpu_total": "alloc + free of a page in a task, one CPU, no interrupts",
}
"""What each metric is, in words; those not here are not shown."""

CHANGES = ("throughput", "one_cpu_total")
"""Metrics whose change against the first label is the point."""


def metric_table(result: Result) -> str:
    """Return the metrics named in TITLES as text, with intervals, changes, published figures and errors."""
    labels = [case["label"] for case in result.cases]
    blocks: dict[str, dict[str, Row]] = {}
    for row in result.rows:
        if row["metric"] in TITLES:
            blocks.setdefault(row["metric"], {})[row["label"]] = row
    names = {metric: f"{TITLES[metric]} ({_unit(cells)})" for metric, cells in blocks.items()}
    width = max(map(len, names.values())) + 1
    lines = [f"{'':<{width}}" + "".join(f"{label:>16}" for label in labels)]
    for metric, cells in blocks.items():
        lines.append(f"{names[metric]:<{width}}" + "".join(_value(cells.get(label)) for label in labels))
        base = cells.get(labels[0])
        if metric in CHANGES and base and base["value"] and len(labels) > 1:
            changes = [f"{cells[label]['value'] / base['value'] - 1:>+16.1%}" for label in labels[1:]]
            lines.append(f"{'  against ' + labels[0]:<{width}}{'':>16}" + "".join(changes))
        if any("published" in row for row in cells.values()):
            lines.append(f"{'  published':<{width}}" + "".join(_published(cells[label]) for label in labels))
            lines.append(f"{'  error':<{width}}" + "".join(_error(cells[label]) for label in labels))
    return "\n".join(line.rstrip() for line in lines)


def _unit(cells: dict[str, Row]) -> str:
    return str(next(iter(cells.values()))["unit"])


def _value(row: Row | None) -> str:
    if row is None:
        return " " * 16
    interval = f" +-{row['ci95']:.2f}" if row.get("ci95") else ""
    return f"{row['value']:.2f}{interval}".rjust(16)


def _published(row: Row) -> str:
    return f"{row['published']:.2f}".rjust(16) if "published" in row else " " * 16


def _error(row: Row) -> str:
    return f"{relative_error(row):+.1%}".rjust(16) if row.get("published") else " " * 16
