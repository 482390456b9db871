"""The table of a run without a swept parameter: a block per metric, a column per label."""

from __future__ import annotations

from textwrap import wrap

from simalloc.registry import Table
from simalloc.results.columns import heads
from simalloc.results.errors import relative_error
from simalloc.results.result import Result, Row

_TITLES = {
    "alloc": "time of an allocation",
    "free": "time of a free",
    "repeat": "time of an allocation and a free of the same page",
    "rand_alloc": "time of an allocation (rand)",
    "rand_free": "time of a free in random order",
    "score": "page faults of all processes",
    "score_change": "the same against the first point",
    "zone_lock_share": "of all CPU cycles spent waiting for zone->lock",
    "lru_lock_share": "of all CPU cycles spent waiting for lru_lock",
    "contention": "of all CPU cycles spent waiting for either",
    "throughput": "throughput",
    "dropped": "dropped, no room to wait",
    "closed_form": "the same in theory",
    "time_per_op": "time of an operation",
    "own_share": "of all CPU cycles: own work",
    "wait_share": "of all CPU cycles: waiting for locks, hand-overs included",
    "hold_share": "of all CPU cycles: in locked sections",
    "transfer_share": "of all CPU cycles: fetching lines in them",
    "unmap_time": "of a page's time spent unmapping it (workload.unmapping says how many begin so)",
    "fairness": "fairness (Jain)",
    "warmup": "cut as warm-up",
    "spin_share": "of all CPU cycles spent waiting for zone->lock",
    "lock_held_share": "of the time zone->lock was held",
    "idle_share": "whole run: idle",
    "task_share": "whole run: in tasks",
    "softirq_share": "whole run: in softirqs, with their waiting",
    "hardirq_share": "whole run: in hardirqs",
    "ring_wait": "whole run: mean wait of a packet in its ring",
    "drains": "all CPUs' lists drained because an allocation failed",
    "direct_reclaims": "allocations that reclaimed pages themselves",
    "failed": "allocations that failed for all that",
    "isolated_disturbed": "isolated CPUs interrupted or preempted",
    "isolated_lost": "of isolated CPUs' time lost by that",
    "isolated_longest": "the longest of it",
    "exit_time": "time in which a process ends",
    "zone_lock_taken": "zone->lock is taken",
    "pcp_lock_missed": "of requests for a pcp's lock, found it taken",
    "one_cpu_total": "alloc + free of a page in a task, one CPU, no interrupts",
}

TITLES: Table[str] = Table("metric", _TITLES)
"""What each metric is, in words; those not here are not shown."""

CHANGES = ("throughput", "one_cpu_total", "alloc", "free", "repeat", "score", "time_per_op")
"""Metrics whose change against the first label is the point."""

CELL = 16


def metric_table(result: Result) -> str:
    """Return the metrics named in TITLES as text, with intervals, changes, published figures and errors."""
    labels = [case["label"] for case in result.cases]
    blocks: dict[tuple[str, str], dict[str, Row]] = {}
    for row in result.rows:
        if row["metric"] in TITLES:
            blocks.setdefault((row["metric"], row["unit"]), {})[row["label"]] = row
    names = {(metric, unit): f"{TITLES[metric]} ({unit})" for metric, unit in blocks}
    width = max(map(len, names.values())) + 1
    lines = [f"{'':<{width}}{line}" for line in heads(labels, CELL)]
    for (metric, unit), cells in blocks.items():
        lines.append(f"{names[metric, unit]:<{width}}" + "".join(_value(cells.get(label)) for label in labels))
        base = cells.get(labels[0])
        if metric in CHANGES and base and base["value"] and len(labels) > 1:
            changes = [_change(cells.get(label), base) for label in labels[1:]]
            *before, against = wrap(f"against {labels[0]}", width - 4)
            lines += [f"  {line}" for line in before]
            lines.append(f"{'  ' + against:<{width}}{'':>{CELL}}" + "".join(changes))
        if any("published" in row for row in cells.values()):
            lines.append(f"{'  published':<{width}}" + "".join(_published(cells.get(label)) for label in labels))
            lines.append(f"{'  error':<{width}}" + "".join(_error(cells.get(label)) for label in labels))
    return "\n".join(line.rstrip() for line in lines)


def _value(row: Row | None) -> str:
    if row is None:
        return " " * CELL
    interval = f" +-{row['ci95']:.2f}" if row.get("ci95") else ""
    return f"{row['value']:.2f}{interval}".rjust(CELL)


def _published(row: Row | None) -> str:
    return f"{row['published']:.2f}".rjust(CELL) if row and "published" in row else " " * CELL


def _error(row: Row | None) -> str:
    return f"{relative_error(row):+.1%}".rjust(CELL) if row and row.get("published") else " " * CELL


def _change(row: Row | None, base: Row) -> str:
    """Return the difference from the first label in %: paired, with its interval, where there are replications."""
    if row is None:
        return " " * CELL
    if "change" in row:
        return f"{row['change']:+.1f} +-{row['change_ci95']:.1f} %".rjust(CELL)
    return f"{row['value'] / base['value'] - 1:>+{CELL}.1%}"
