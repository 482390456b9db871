"""How long locks are waited for, and how long they are held: survival curves on logarithmic axes.

A curve per label at the last point of a sweep at which somebody waited; a curve per point where there is one label.
Read it from the right: how long the worst thousandth waits.
"""

from __future__ import annotations

from functools import partial
from itertools import accumulate
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simalloc.plots import style
from simalloc.plots.series import Series, point_name, point_of, points_of, thinned
from simalloc.results import Result, Row

TIMES = {"wait": "waited", "hold": "held"}
MOST_POINTS = 6
MOST_LOCKS = 3


def applies(result: Result) -> bool:
    """Whether somebody waited for a lock; and the run was saved with counts of lengths."""
    return any(row.get("wait_histogram") for row in result.locks)


def series(result: Result) -> Series:
    """Return a curve each: lock, label, point, `wait` or `hold`, lengths (us), and the share of acquisitions (%).

    The share of all acquisitions that waited (held) at least as long: exact at each length given. The last length is
    the longest of all.
    """
    curves = []
    for row in _rows(result):
        us = partial(result.microseconds, row)
        for time in TIMES:
            bins = row[f"{time}_histogram"]
            if not bins:
                continue
            left = accumulate((count for _, count in reversed(bins)))
            shares = [100 * each / row["acquisitions"] for each in left][::-1]
            head = {"lock": row["lock"], "label": row["label"], "point": point_name(result, point_of(result, row))}
            longest, last = row[f"{time}time_max"], bins[-1]
            curves.append(
                head
                | {
                    "time": time,
                    "us": [us(length) for length, _ in bins] + [us(longest)] * (longest > last[0]),
                    "percent": shares + [shares[-1]] * (longest > last[0]),
                }
            )
    return curves


def draw(result: Result) -> Figure:
    """Draw waits on the left and holds on the right, a line of panels per lock."""
    curves = series(result)
    locks = list(dict.fromkeys(curve["lock"] for curve in curves))
    names = list(dict.fromkeys(_name(curve, result) for curve in curves))
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        axes: Any = figure.subplots(len(locks), 2, squeeze=False, sharey="row")
        for line, lock in zip(axes, locks, strict=True):
            for axis, (time, verb) in zip(line, TIMES.items(), strict=True):
                of_panel = [curve for curve in curves if (curve["lock"], curve["time"]) == (lock, time)]
                _panel(axis, {names.index(_name(curve, result)): curve for curve in of_panel})
                axis.set_title(f"{lock}: {verb}", fontsize=14)
                axis.set_xlabel(f"{verb} at least so long (us)")
            line[0].set_ylabel("share of acquisitions (%)")
            line[0].set_ylim(top=150)
            for axis in line:
                style.plain_numbers(axis.xaxis)
                style.plain_numbers(axis.yaxis)
        handles = [style.handle(i, name) for i, name in enumerate(names)]
        figure.legend(handles=handles, loc="outside lower center", ncols=style.columns(handles))
        figure.suptitle(f"{result.scenario}: waiting for locks and holding them{_where(result)}", fontsize=16)
    return figure


def _rows(result: Result) -> list[Row]:
    """Return the rows of the locks most waited for: of all labels at the last point, or of points of the only label."""
    rows = [row for row in result.locks if "wait_histogram" in row]
    shown = [_last_point(result)] if len(result.cases) > 1 else thinned(points_of(result, rows), MOST_POINTS)
    rows = [row for row in rows if point_of(result, row) in shown]
    waited: dict[str, int] = {}
    for row in rows:
        waited[row["lock"]] = waited.get(row["lock"], 0) + row["waittime_total"]
    locks = sorted(waited, key=lambda lock: -waited[lock])[:MOST_LOCKS]
    return [row for lock in locks for row in rows if row["lock"] == lock]


def _last_point(result: Result) -> tuple[Any, ...]:
    """Return the last point at which somebody waited."""
    return points_of(result, [row for row in result.locks if row.get("wait_histogram")])[-1]


def _name(curve: dict[str, Any], result: Result) -> str:
    return str(curve["label"] if len(result.cases) > 1 or not curve["point"] else curve["point"])


def _where(result: Result) -> str:
    if not result.swept or len(result.cases) == 1:
        return ""
    return f", at {point_name(result, _last_point(result))}"


def _panel(axis: Axes, curves: dict[int, dict[str, Any]]) -> None:
    for i, curve in curves.items():
        axis.step(curve["us"], curve["percent"], where="pre", **style.look(i))
        axis.plot(curve["us"][-1:], curve["percent"][-1:], **style.hollow(i))
    axis.set_xscale("log")
    axis.set_yscale("log")
    if not curves:
        axis.annotate("nobody waited", (0.5, 0.5), xycoords="axes fraction", ha="center", color=style.GREY)
