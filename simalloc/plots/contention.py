"""The contention graph: time per call and throughput against CPUs, with asymptotic bounds.

Under it, where the cycles went. Lines: simulated, with 95 % intervals; hollow: published; thin and dotted: the bound.
"""

from __future__ import annotations

from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from simalloc import theory
from simalloc.plots import style
from simalloc.plots.series import Series, thinned
from simalloc.results import Result, Row, parameters

CALLS = {"alloc": "allocation", "free": "free", "repeat": "allocation + free of the same page"}
WHOLE = {"total": "allocation + free of a page"}
"""What is drawn of a workload that times calls without splitting their time into parts."""
PARTS = {"own": "own work", "wait": "waiting for locks", "hold": "holding them", "transfer": "fetching lines"}
SHADES = ("#A6D8F5", "#D55E00", "#0072B2", "#E69F00")
HATCHES = ("", "xx", "", "\\\\")
MOST_STACKS = 3
MOST_BATCHES = 2

Curve = dict[str, Any]


def applies(result: Result) -> bool:
    """Whether the result has what this figure shows."""
    sizes = {row["cpus"] for row in result.rows} if result.swept == ["cpus"] else set()
    return len(sizes) > 2 and all(isinstance(cpus, int) for cpus in sizes) and bool(series(result))


def series(result: Result) -> Series:
    """Return a curve per label and call: CPUs, ns per call, half intervals, parts (ns), bound, published points.

    `million_per_s` is the throughput of all CPUs, `bound_ns` the least time: from what one CPU needs of its
    own and inside locks, by asymptotic bounds of a closed system. Where a workload does not split its time, parts are
    none; of a workload with many batches, a curve is of the smallest and one of the largest.
    """
    curves = []
    for case in result.cases:
        rows = [row for row in result.rows if row["label"] == case["label"]]
        by_metric: dict[str, dict[Any, dict[int, Row]]] = {}
        for row in rows:
            point = tuple((name, value) for name, value in parameters(row).items() if name != "cpus")
            by_metric.setdefault(row["metric"], {}).setdefault(point, {})[row["cpus"]] = row
        parts_of = {metric: found[()] for metric, found in by_metric.items() if () in found}
        calls = [name for name in CALLS if name in parts_of and all(f"{name}_{part}" in parts_of for part in PARTS)]
        for metric in calls:
            total = parts_of[metric]
            parts = {part: [parts_of[f"{metric}_{part}"][c]["value"] for c in total] for part in PARTS}
            curves += _curve(_name(result, case, CALLS[metric]), total, parts)
        for metric, call in {} if calls else WHOLE.items():
            for point in thinned(list(by_metric.get(metric, {})), MOST_BATCHES):
                size = ", ".join(f"{name} {value}" for name, value in point if name == "batch")
                total = _in_ns(by_metric[metric][point], result)
                curves += _curve(_name(result, case, ", ".join(filter(None, (call, size)))), total, {})
        if "time_per_op" in parts_of:
            total = parts_of["time_per_op"]
            parts = {
                part: [parts_of[f"{part}_share"][c]["value"] * total[c]["value"] / 100 for c in total] for part in PARTS
            }
            closed = {c: row["value"] for c, row in parts_of.get("closed_form", {}).items()}
            for curve in _curve(case["label"], total, parts):
                curves.append(curve | {"closed_form": list(closed.values()), "closed_form_cpus": list(closed)})
    return curves


def draw(result: Result) -> Figure:
    """Draw time per call, throughput, and the shares of the curves that differ most."""
    curves = series(result)
    split = [curve for curve in curves if curve["parts_ns"]]
    stacks = _different([curve for curve in split if _waits(curve)])[:MOST_STACKS] or split[:1]
    with rc_context(style.PARAMETERS | {"font.size": 12, "axes.titlesize": 13, "axes.labelsize": 12}):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        # Legends stand together at the bottom: one between the rows would look as if it were of both.
        handles = _legend(curves)
        lines = -(-len(handles) // 4)
        parts: Any = figure.subfigures(4, 1, height_ratios=[1.75, 1, 0.13 * lines, 0.14]) if stacks else [figure]
        upper = parts[0]
        time, rate = upper.subplots(1, 2)
        _time(time, curves)
        _rate(rate, curves)
        if stacks:
            _stacks(parts[1], stacks)
            parts[2].legend(handles=handles, loc="center", ncols=min(len(handles), 4), fontsize=11)
            patches = _patches()
            parts[3].legend(handles=patches, loc="center", ncols=len(patches), fontsize=11)
        else:
            upper.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4), fontsize=11)
        figure.suptitle(f"{result.scenario}: what a call costs as more CPUs make it", fontsize=15)
    return figure


def _name(result: Result, case: Row, call: str) -> str:
    return f"{case['label']}: {call}" if len(result.cases) > 1 else call


def _in_ns(rows: dict[int, Row], result: Result) -> dict[int, Row]:
    """Return rows in cycles as rows in ns."""
    times = ("value", "ci95", "published")
    return {
        c: row | {name: 1000 * result.microseconds(row, row[name]) for name in times if name in row}
        for c, row in rows.items()
    }


def _curve(name: str, total: dict[int, Row], parts: dict[str, list[float]]) -> Series:
    """Return the curve; none if some run was too short to finish a single call."""
    if not all(row["value"] > 0 for row in total.values()):
        return []
    compared = [c for c, row in total.items() if "published" in row]
    curve = {
        "name": name,
        "cpus": list(total),
        "ns": [row["value"] for row in total.values()],
        "ci95": [row.get("ci95", 0.0) for row in total.values()],
        "million_per_s": [1e3 * c / row["value"] for c, row in total.items()],
        "parts_ns": parts,
        "published_cpus": compared,
        "published": [total[c]["published"] for c in compared],
    }
    return [curve | {"bound_ns": _bound(curve)}]


def _bound(curve: Curve) -> list[float]:
    """Return the least time a call can take with so many CPUs, empty if one CPU alone was not simulated."""
    if curve["cpus"][0] != 1 or not curve["parts_ns"]:
        return []
    inside = curve["parts_ns"]["hold"][0] + curve["parts_ns"]["transfer"][0]
    alone = max(curve["ns"][0] - inside, 1e-9)
    return [c / theory.bounds(c, alone, [max(inside, 1e-9)])[1] for c in curve["cpus"]]


def _stacks(figure: Any, curves: Series) -> None:
    """Draw the shares of these curves side by side."""
    axes = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axis, curve in zip(axes, curves, strict=True):
        _stack(axis, curve)
    axes[0].set_ylabel("share of its time (%)")


def _patches() -> list[Patch]:
    """Return the legend of the shares."""
    return [
        Patch(facecolor=colour, hatch=hatch, edgecolor="white", label=name)
        for name, colour, hatch in zip(PARTS.values(), SHADES, HATCHES, strict=True)
    ]


def _different(curves: Series) -> Series:
    """Leave out curves that end within 1 % of an earlier one: their cycles went the same way."""
    kept: dict[float, Curve] = {}
    for curve in curves:
        end = float(curve["ns"][-1])
        if all(abs(end / other - 1) > 0.01 for other in kept):
            kept[end] = curve
    return list(kept.values())


def _waits(curve: Curve) -> bool:
    return bool(curve["parts_ns"]["wait"][-1] > 0.05 * curve["ns"][-1])


def _time(axis: Axes, curves: Series) -> None:
    for i, curve in enumerate(curves):
        axis.plot(curve["cpus"], curve["ns"], **style.look(i))
        _band(axis, i, curve["cpus"], curve["ns"], curve["ci95"])
        if curve["bound_ns"]:
            axis.plot(curve["cpus"], curve["bound_ns"], color=style.colour(i), linewidth=1.2, linestyle=":")
        style.points(axis, i, curve["published_cpus"], curve["published"])
    axis.set_title("Time per call")
    axis.set_ylabel("ns per call, mean over CPUs")
    _cpus(axis)


def _rate(axis: Axes, curves: Series) -> None:
    for i, curve in enumerate(curves):
        rates = curve["million_per_s"]
        axis.plot(curve["cpus"], rates, **style.look(i))
        half = [ci / ns * rate for ci, ns, rate in zip(curve["ci95"], curve["ns"], rates, strict=True)]
        _band(axis, i, curve["cpus"], rates, half)
        if curve["bound_ns"]:
            best = [1e3 * c / ns for c, ns in zip(curve["cpus"], curve["bound_ns"], strict=True)]
            axis.plot(curve["cpus"], best, color=style.colour(i), linewidth=1.2, linestyle=":")
        rates_published = [1e3 * c / ns for c, ns in zip(curve["published_cpus"], curve["published"], strict=True)]
        style.points(axis, i, curve["published_cpus"], rates_published)
        if curve.get("closed_form"):
            style.points(axis, i, curve["closed_form_cpus"], curve["closed_form"])
    axis.set_title("All CPUs together" + ("; marks: closed form" if any(c.get("closed_form") for c in curves) else ""))
    axis.set_ylabel("throughput (million calls/s)")
    _cpus(axis)


def _band(axis: Axes, i: int, cpus: list[int], values: list[float], half: list[float]) -> None:
    low = [value - each for value, each in zip(values, half, strict=True)]
    high = [value + each for value, each in zip(values, half, strict=True)]
    axis.fill_between(cpus, low, high, color=style.colour(i), alpha=0.25, linewidth=0)


def _stack(axis: Axes, curve: Curve) -> None:
    shares = [
        [100 * part / ns for part, ns in zip(curve["parts_ns"][name], curve["ns"], strict=True)] for name in PARTS
    ]
    areas = axis.stackplot(curve["cpus"], shares, colors=SHADES, edgecolor="white")
    for area, hatch in zip(areas, HATCHES, strict=True):
        area.set_hatch(hatch)
    axis.set_title(f"Where the time of {curve['name']} went", fontsize=12)
    axis.set_ylim(0, 100)
    axis.set_xlim(min(curve["cpus"]), max(curve["cpus"]))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("CPUs")
    axis.grid(visible=False)


def _cpus(axis: Axes) -> None:
    axis.set_xlabel("CPUs")
    axis.set_ylim(bottom=0)
    axis.set_xlim(left=0)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def _legend(curves: Series) -> list[Line2D]:
    published = any(curve["published"] for curve in curves)
    handles = [
        style.handle(i, curve["name"], marked=bool(curve["published"] or curve.get("closed_form")))
        for i, curve in enumerate(curves)
    ]
    if published:
        handles.append(style.note("points: published"))
    if any(curve["bound_ns"] for curve in curves):
        bound = "asymptotic bound, from one CPU alone"
        handles.append(Line2D([], [], color=style.GREY, linestyle=":", label=bound))
    return [*handles, Line2D([], [], color=style.GREY, alpha=0.25, linewidth=8, label="95 % interval")]
