"""What a result shows as a graph, as plain data that the page draws: curves with intervals, and theory beside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from simalloc.plots import contention
from simalloc.results import Result, Row, parameters
from simalloc.results.metric_table import TITLES

OWN = {
    "total": "time of an allocation and a free of a page",
    "irqs_off_longest": "longest window with interrupts off",
    "irqs_off_p99": "window with interrupts off that 1 in 100 exceed",
    "irq_latency_mean": "mean wait of an interrupt",
}
"""What graphs show beside the metrics that have a title."""

FIRST = ("throughput", "score", "total", "alloc", "cycles_per_op", "time_per_op", "free", "repeat")
"""What is shown first, if it is there."""

NOT_SHOWN = ("closed_form", "one_cpu_total", "warmup")
ONE_BATCH = re.compile(r"\[(\d+)\]")
LOGARITHMIC = 16
"""An axis whose values span so much is logarithmic."""

Chart = dict[str, Any]


def metrics(result: Result) -> dict[str, str]:
    """Return what a graph of this result can show: name -> words with unit, what matters most first."""
    found: dict[str, str] = {}
    for row in [*result.rows, *_latencies(result)]:
        name = row["metric"]
        if (name in TITLES or name in OWN) and name not in NOT_SHOWN:
            found.setdefault(name, f"{OWN.get(name) or TITLES[name]} ({row['unit']})")
    return {name: found[name] for name in sorted(found, key=lambda each: FIRST.index(each) if each in FIRST else 99)}


def chart(result: Result, metric: str) -> Chart:
    """Return the graph of a metric: curves against what is swept, or bars where nothing is.

    A curve has `name`, `x`, `y`, `ci` (half intervals), and where there is one `bound`, `theory`, `published` (x, y).
    """
    rows = [row for row in [*result.rows, *_latencies(result)] if row["metric"] == metric]
    if not rows:
        return {"kind": "none", "title": "nothing is known yet", "curves": []}
    about = metrics(result).get(metric, metric)
    axis = _axis(result, rows)
    if axis is None:
        bars = [{"name": row["label"], **_point(row)} for row in rows]
        return {"kind": "bars", "title": result.scenario, "y": about, "curves": bars}
    found: list[Chart] = []
    groups: dict[tuple[str, ...], list[Row]] = {}
    rest = _rest(rows, axis)
    for row in rows:
        groups.setdefault((row["label"], *(f"{name} {row.get(name)}" for name in rest)), []).append(row)
    for name, of_curve in groups.items():
        points = sorted(of_curve, key=lambda row: row[axis])
        found.append(_curve(", ".join(name), points, axis) | _beside(result, metric, axis, name[0]))
    xs = sorted({row[axis] for row in rows})
    return {
        "kind": "lines",
        "title": result.scenario,
        "x": axis_title(axis),
        "y": about,
        "log": bool(xs[0] > 0 and xs[-1] / xs[0] > LOGARITHMIC and axis != "cpus"),
        "curves": found,
    }


def _curve(name: str, points: Sequence[Row], axis: str) -> Chart:
    shown = [row for row in points if "published" in row]
    curve: Chart = {
        "name": name,
        "x": [row[axis] for row in points],
        "y": [row["value"] for row in points],
        "ci": [row.get("ci95", 0.0) for row in points],
    }
    if shown:
        curve["published"] = {"x": [row[axis] for row in shown], "y": [row["published"] for row in shown]}
    return curve


def _point(row: Row) -> Chart:
    return {name: row[key] for name, key in (("y", "value"), ("ci", "ci95"), ("published", "published")) if key in row}


def _axis(result: Result, rows: Sequence[Row]) -> str | None:
    """Return the parameter to draw against: the first that has several numbers, swept ones before others."""
    names = dict.fromkeys([*result.swept, *(name for row in rows for name in parameters(row))])
    for name in names:
        values = {row.get(name) for row in rows}
        if len(values) > 1 and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            return name
    return None


def _rest(rows: Sequence[Row], axis: str) -> list[str]:
    """Return the other parameters that tell curves apart: those that vary while the axis' stays the same."""
    names = [name for name in dict.fromkeys(n for row in rows for n in parameters(row)) if name != axis]
    seen: dict[tuple[str, Any], dict[str, set[str]]] = {}
    for row in rows:
        for name in names:
            seen.setdefault((row["label"], row[axis]), {}).setdefault(name, set()).add(str(row.get(name)))
    return [name for name in names if any(len(values.get(name, ())) > 1 for values in seen.values())]


AXES = {
    "cpus": "CPUs",
    "batch": "batch (pages)",
    "batches": "batch (pages)",
    "high": "pcp high (pages)",
    "queues": "receive queues",
    "irq_restore": "price of POPF, irq_restore (cycles)",
}


def axis_title(axis: str) -> str:
    """Return what is written at an axis: words and unit where they are known, else the name of the key."""
    return AXES.get(axis, axis)


def _beside(result: Result, metric: str, axis: str, label: str) -> Chart:
    """Return closed form and asymptotic bound of a label's curve, where the contention figure has them."""
    if axis != "cpus" or metric not in ("throughput", *contention.CALLS, "time_per_op"):
        return {}
    call = contention.CALLS.get(metric)
    name = label if call is None else f"{label}: {call}" if len(result.cases) > 1 else call
    curve = next((each for each in contention.series(result) if each["name"] == name), None)
    if curve is None:
        return {}
    found: Chart = {}
    if curve["bound_ns"]:
        rate = [1e3 * c / ns for c, ns in zip(curve["cpus"], curve["bound_ns"], strict=True)]
        found["bound"] = {"x": curve["cpus"], "y": rate if metric == "throughput" else curve["bound_ns"]}
    if curve.get("closed_form") and metric == "throughput":
        found["theory"] = {"x": curve["closed_form_cpus"], "y": curve["closed_form"]}
    return found


def _latencies(result: Result) -> list[Row]:
    """Return what interrupts see as rows of figures, in us; over all CPUs and sites."""
    rows = []
    unit = "us" if result.unit == "cycles" else "thousand instructions"
    wanted = (("irqs_off", "max", "irqs_off_longest"), ("irqs_off", "p99", "irqs_off_p99"))
    for row in result.latency:
        if row.get("cpu") != "all" or row.get("site") != "all":
            continue
        head = {"label": row["label"], **{name: row[name] for name in result.swept if name in row}}
        alone = ONE_BATCH.fullmatch(str(row.get("batches", "")))
        if alone:  # a sweep over batches, one at a time: a number to draw against, as rows of figures have it
            head["batch"] = int(alone[1])
        for kind, column, metric in (*wanted, ("irq_latency", "mean", "irq_latency_mean")):
            if row["kind"] == kind and isinstance(row.get(column), int | float):
                rows.append({**head, "metric": metric, "value": result.microseconds(row, row[column]), "unit": unit})
    return rows
