"""Generations side by side over several workloads: four panels, one for each figure that all workloads have."""

from __future__ import annotations

from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from simalloc.plots import style
from simalloc.plots.series import Series
from simalloc.results import Result
from simalloc.results.profile_table import has_labels, profile_points

PANELS = {
    "cycles_per_op": "cycles per operation",
    "irqsoff_longest": "longest window with interrupts off (us)",
    "zone_lock_wait": "CPU time waiting for zone->lock (%)",
    "parked": "pages on pcp lists at the end, per CPU",
}


DECADE = 10
"""A panel is logarithmic if its largest value is this many times its smallest; else a slope would say too much."""

MANY = 6
"""Names along an axis that fit without being turned, if there are no more."""


def applies(result: Result) -> bool:
    """Whether the scenario asked for the profile and has more than one point to compare."""
    return len(profile_points(result)) > 1


def series(result: Result) -> Series:
    """Return a curve per workload (or other first key swept) and metric: names of the points along it, and values."""
    points = profile_points(result)
    columns = _telling(list(points), len(result.swept) + has_labels(result))
    curves: dict[tuple[str, str], dict[str, Any]] = {}
    for point, cells in points.items():
        parts = [point[column] for column in columns]
        name, at = (parts[0], " ".join(parts[1:])) if len(parts) > 1 else ("", parts[0])
        for metric, row in cells.items():
            curve = curves.setdefault((name, metric), {"name": name, "metric": metric, "at": [], "value": []})
            curve["at"].append(at)
            curve["value"].append(row["value"])
    return list(curves.values())


def _telling(points: list[tuple[str, ...]], columns: int) -> list[int]:
    """Return which columns of points tell them apart: none that follows from the first, as a workload's CPUs may."""
    others = [
        i for i in range(1, columns) if len({(point[0], point[i]) for point in points}) > len({p[0] for p in points})
    ]
    return [0, *(others or range(1, columns))]


def draw(result: Result) -> Figure:
    """Draw a line per workload over the generations, in four panels; logarithmic where values span decades.

    The names along the axis stand below the lower panels only: with 23 generations they take as much room as a curve.
    """
    curves = series(result)
    names = list(dict.fromkeys(curve["name"] for curve in curves))
    places = list(dict.fromkeys(at for curve in curves for at in curve["at"]))
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        axes: Any = figure.subplots(2, 2, sharex=True)
        for axis, (metric, title) in zip(axes.flat, PANELS.items(), strict=True):
            for curve in curves:
                if curve["metric"] == metric:
                    i = names.index(curve["name"])
                    axis.plot(
                        [places.index(at) for at in curve["at"]],
                        curve["value"],
                        marker=style.MARKERS[i % len(style.MARKERS)],
                        clip_on=False,
                        **style.look(i),
                    )
            values = [value for curve in curves if curve["metric"] == metric for value in curve["value"]]
            spans = bool(values) and min(values) > 0 and max(values) >= DECADE * min(values)
            is_log = spans and metric != "zone_lock_wait"  # a share of 100 %
            axis.set_title(f"{title}, log scale" if is_log else title, fontsize=13)
            if is_log:
                axis.set_yscale("log")
                style.plain_numbers(axis.yaxis)
            else:
                axis.set_ylim(0, 1.08 * max(values, default=0) or 1)
            ticks = [style.beneath(place) for place in places]
            if len(places) > MANY:
                turned: Any = {"rotation": 60, "ha": "right", "rotation_mode": "anchor", "fontsize": 10}
                axis.set_xticks(range(len(places)), ticks, **turned)
            else:
                axis.set_xticks(range(len(places)), ticks)
            axis.margins(x=0.25 if len(places) == 2 else 0.04)
        if any(names):
            handles = [style.handle(i, name, marked=True) for i, name in enumerate(names)]
            figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=12)
        figure.suptitle(f"{result.scenario}: cost, windows, waiting and parked pages", fontsize=16)
    return figure
