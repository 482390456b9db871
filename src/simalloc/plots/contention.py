"""The contention graph: time per call and throughput against CPUs, with the bound below which nothing can go.

Under it, where the cycles went. Solid: simulated, with 95 % intervals; hollow: published; thin and dotted: the bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from simalloc import theory
from simalloc.plots import style
from simalloc.results import Result, Row

CALLS = {"alloc": "allocation", "free": "free", "repeat": "allocation + free of the same page"}
PARTS = {"own": "own work", "wait": "waiting for locks", "hold": "holding them", "transfer": "fetching lines"}
SHADES = ("#56B4E9", "#D55E00", "#E69F00", "#CC79A7")
HATCHES = ("", "xx", "..", "//")
MOST_STACKS = 3


@dataclass(frozen=True)
class Curve:
    """One operation of one label: its rows by number of CPUs, in ns, and of its parts."""

    name: str
    total: dict[int, Row]
    parts: dict[str, dict[int, float]]
    closed_form: dict[int, float]

    def bound(self) -> dict[int, float]:
        """Return the least time an operation can take, from what one CPU needs: work, and time in the lock."""
        if 1 not in self.total:
            return {}
        alone = float(self.total[1]["value"])
        inside = sum(self.parts[part][1] for part in ("hold", "transfer"))
        return {
            cpus: cpus / theory.bounds(cpus, max(alone - inside, 1e-9), [max(inside, 1e-9)])[1] for cpus in self.total
        }


def applies(result: Result) -> bool:
    """Whether the result has what this figure shows."""
    return "cpus" in result.swept and len({row["cpus"] for row in result.rows}) > 2 and bool(_curves(result))


def contention(result: Result) -> Figure:
    """Draw time per call, throughput, and the shares of the first curves."""
    curves = _curves(result)
    stacks = _different([curve for curve in curves if _waits(curve)])[:MOST_STACKS] or curves[:1]
    with rc_context(style.PARAMETERS | {"font.size": 12, "axes.titlesize": 13, "axes.labelsize": 12}):
        figure = Figure(figsize=(style.SLIDE[0], 9.0), layout="constrained")
        parts: Any = figure.subfigures(2, 1, height_ratios=[1.35, 1])
        upper, lower = parts
        time, rate = upper.subplots(1, 2)
        _time(time, curves)
        _rate(rate, curves)
        upper.legend(handles=_legend(curves), loc="outside lower center", ncols=4, fontsize=11)
        below = lower.subplots(1, len(stacks), sharey=True, squeeze=False)[0]
        for axis, curve in zip(below, stacks, strict=True):
            _stack(axis, curve)
        below[0].set_ylabel("share of its time (%)")
        patches = [
            Patch(facecolor=colour, hatch=hatch, edgecolor="white", label=name)
            for name, colour, hatch in zip(PARTS.values(), SHADES, HATCHES, strict=True)
        ]
        lower.legend(handles=patches, loc="outside lower center", ncols=len(patches), fontsize=11)
        figure.suptitle(f"{result.scenario}: what a call costs as more CPUs make it", fontsize=15)
    return figure


def _curves(result: Result) -> list[Curve]:
    curves = []
    for case in result.cases:
        label, many = case["label"], len(result.cases) > 1
        rows = {(row["metric"], row["cpus"]): row for row in result.rows if row["label"] == label}
        names = [metric for metric in CALLS if (metric, min(c for _, c in rows)) in rows] if rows else []
        for metric in names:
            total = {cpus: row for (name, cpus), row in rows.items() if name == metric}
            parts = {part: {c: rows[f"{metric}_{part}", c]["value"] for c in total} for part in PARTS}
            curves.append(Curve(f"{label}: {CALLS[metric]}" if many else CALLS[metric], total, parts, {}))
        total = {cpus: row for (name, cpus), row in rows.items() if name == "time_per_op"}
        if total:
            parts = {
                part: {c: rows[f"{part}_share", c]["value"] * total[c]["value"] / 100 for c in total} for part in PARTS
            }
            closed = {c: row["value"] for (name, c), row in rows.items() if name == "closed_form"}
            curves.append(Curve(label, total, parts, closed))
    return curves


def _different(curves: list[Curve]) -> list[Curve]:
    """Leave out curves that end within 1 % of an earlier one: their cycles went the same way."""
    kept: dict[float, Curve] = {}
    for curve in curves:
        end = float(curve.total[max(curve.total)]["value"])
        if all(abs(end / other - 1) > 0.01 for other in kept):
            kept[end] = curve
    return list(kept.values())


def _waits(curve: Curve) -> bool:
    last = max(curve.total)
    return bool(curve.parts["wait"][last] > 0.05 * curve.total[last]["value"])


def _look(i: int) -> dict[str, Any]:
    return {"color": style.COLOURS[i % len(style.COLOURS)], "linestyle": style.DASHES[i % len(style.DASHES)]}


def _time(axis: Axes, curves: list[Curve]) -> None:
    for i, curve in enumerate(curves):
        cpus = list(curve.total)
        values = [curve.total[c]["value"] for c in cpus]
        axis.plot(cpus, values, linewidth=2.2, **_look(i))
        _band(axis, i, cpus, values, [curve.total[c].get("ci95", 0.0) for c in cpus])
        bound = curve.bound()
        axis.plot(
            list(bound),
            list(bound.values()),
            color=style.COLOURS[i % len(style.COLOURS)],
            linewidth=1,
            alpha=0.8,
            linestyle=":",
        )
        shown = [c for c in cpus if "published" in curve.total[c]]
        axis.plot(
            shown,
            [curve.total[c]["published"] for c in shown],
            style.MARKERS[i % len(style.MARKERS)],
            color=style.COLOURS[i % len(style.COLOURS)],
            markerfacecolor="white",
            markersize=7,
            markeredgewidth=1.6,
        )
    axis.set_title("Time per call")
    axis.set_ylabel("ns per call, mean over CPUs")
    _cpus(axis)


def _rate(axis: Axes, curves: list[Curve]) -> None:
    for i, curve in enumerate(curves):
        cpus = list(curve.total)
        values = [c / curve.total[c]["value"] * 1e3 for c in cpus]
        axis.plot(cpus, values, linewidth=2.2, **_look(i))
        relative = [curve.total[c].get("ci95", 0.0) / curve.total[c]["value"] for c in cpus]
        _band(axis, i, cpus, values, [each * value for each, value in zip(relative, values, strict=True)])
        if curve.closed_form:
            axis.plot(
                list(curve.closed_form),
                list(curve.closed_form.values()),
                style.MARKERS[i % len(style.MARKERS)],
                color=style.COLOURS[i % len(style.COLOURS)],
                markerfacecolor="none",
                markersize=8,
            )
    axis.set_title("All CPUs together" + ("; marks: closed form" if any(c.closed_form for c in curves) else ""))
    axis.set_ylabel("throughput (million calls/s)")
    _cpus(axis)


def _band(axis: Axes, i: int, cpus: list[int], values: list[float], half: list[float]) -> None:
    low = [value - each for value, each in zip(values, half, strict=True)]
    high = [value + each for value, each in zip(values, half, strict=True)]
    axis.fill_between(cpus, low, high, color=style.COLOURS[i % len(style.COLOURS)], alpha=0.25, linewidth=0)


def _stack(axis: Axes, curve: Curve) -> None:
    cpus = list(curve.total)
    shares = [[100 * curve.parts[part][c] / curve.total[c]["value"] for c in cpus] for part in PARTS]
    areas = axis.stackplot(cpus, shares, colors=SHADES, edgecolor="white")
    for area, hatch in zip(areas, HATCHES, strict=True):
        area.set_hatch(hatch)
    axis.set_title(f"Where the cycles of {curve.name} went", fontsize=12)
    axis.set_ylim(0, 100)
    axis.set_xlim(min(cpus), max(cpus))
    axis.set_xlabel("CPUs")
    axis.grid(visible=False)


def _cpus(axis: Axes) -> None:
    axis.set_xlabel("CPUs")
    axis.set_ylim(bottom=0)
    axis.set_xlim(left=0)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def _legend(curves: list[Curve]) -> list[Line2D]:
    published = any("published" in row for curve in curves for row in curve.total.values())
    handles = [
        Line2D(
            [],
            [],
            linewidth=2.2,
            label=curve.name,
            markerfacecolor="white",
            marker=style.MARKERS[i % len(style.MARKERS)] if published or curve.closed_form else "",
            **_look(i),
        )
        for i, curve in enumerate(curves)
    ]
    if published:
        handles.append(Line2D([], [], linestyle="", label="points: published"))
    handles.append(
        Line2D([], [], color="#555555", linestyle=":", label="asymptotic bound, from one CPU's own work and lock")
    )
    return handles
