"""Small figures in the style of `simalloc plot`, for what has no kind of figure of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from simalloc.plots import style
from simalloc.runs.explain import Explained

HATCHES = ("", "//", "..", "xx", "\\\\", "--")
WIDTH = 10.0

Curve = tuple[Sequence[float], Sequence[float]]


def timeline_of_steps(*paths: Explained) -> Figure:
    """Draw each path's steps one after the other, in cycles; interrupts are masked where it is shaded."""
    with rc_context(style.PARAMETERS):
        most = max(len(each.steps) for each in paths)
        figure = Figure(figsize=(WIDTH, 1.6 + 0.42 * most), layout="constrained")
        for axis, shown in zip(figure.subplots(1, len(paths), squeeze=False)[0], paths, strict=True):
            _steps(axis, shown)
        figure.supxlabel("cycles since the call; shaded: interrupts masked", fontsize=12)
    return figure


def _steps(axis: Axes, shown: Explained) -> None:
    at = 0
    for place, each in enumerate(shown.steps):
        mask = each.step.activity.value == "mask/unmask"
        axis.barh(
            place,
            each.cycles,
            left=at,
            color=style.COLOURS[1 if mask else 0],
            hatch="//" if mask else "",
            edgecolor="white",
        )
        axis.annotate(f" {each.cycles}", (at + each.cycles, place), va="center", fontsize=11)
        if each.irqs_off:
            axis.axvspan(at, at + each.cycles, color="#eeeeee", zorder=0)
        at += each.cycles
    axis.set_yticks(range(len(shown.steps)), [each.step.name for each in shown.steps], fontsize=11)
    axis.invert_yaxis()
    axis.set_xlim(0, at * 1.12)
    axis.grid(visible=False, axis="y")
    axis.set_title(f"{shown.path}: {shown.cycles} cycles", fontsize=13)


def bars(
    groups: Mapping[str, Mapping[str, float]],
    *,
    xlabel: str,
    ylabel: str = "",
    title: str = "",
    limit: float | None = None,
) -> Figure:
    """Draw a stacked bar for each group, its parts in one order, with its sum at the end; the axis ends at `limit`."""
    parts = list(dict.fromkeys(part for group in groups.values() for part in group))
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=(WIDTH, 1.6 + 0.45 * len(groups)), layout="constrained")
        axis: Axes = figure.subplots()
        left = [0.0] * len(groups)
        for i, part in enumerate(parts):
            widths = [float(group.get(part, 0.0)) for group in groups.values()]
            axis.barh(
                list(groups),
                widths,
                left=left,
                color=style.COLOURS[i % len(style.COLOURS)],
                hatch=HATCHES[i % len(HATCHES)],
                edgecolor="white",
                label=part,
                height=0.6,
            )
            left = [a + b for a, b in zip(left, widths, strict=True)]
        for name, end in zip(groups, left, strict=True):
            axis.annotate(f" {end:.0f}" if end >= 100 else f" {end:.1f}", (end, name), va="center", fontsize=12)
        axis.set_xlim(0, limit or max(left) * 1.12 or 1)
        axis.invert_yaxis()
        axis.set_xlabel(xlabel)
        axis.set_ylabel(ylabel)
        axis.set_title(title)
        axis.grid(visible=False, axis="y")
        if len(parts) > 1:
            figure.legend(loc="outside lower center", ncols=min(len(parts), 5), fontsize=11)
    return figure


def lines(
    curves: Mapping[str, Curve],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    log_x: bool = False,
    points: Mapping[str, Curve] | None = None,
    marks: Mapping[str, float] | None = None,
    limit: float | None = None,
) -> Figure:
    """Draw curves of y against x, hollow points under the same names, and a dotted line at each named x of `marks`.

    The y axis ends at `limit`.
    """
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=(WIDTH, 5.0), layout="constrained")
        axis: Axes = figure.subplots()
        names = list(dict.fromkeys([*curves, *(points or {})]))
        for i, name in enumerate(names):
            _curve(axis, i, name, curves.get(name), (points or {}).get(name))
        if log_x:
            axis.set_xscale("log", base=2)
            axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        for name, at in (marks or {}).items():
            axis.axvline(at, color="#555555", linewidth=1.2, linestyle=(0, (2, 2)), zorder=0)
            axis.annotate(f" {name}", (at, 0.02), xycoords=("data", "axes fraction"), fontsize=12, color="#333333")
        axis.set_ylim(0, limit)
        axis.set_xlabel(xlabel)
        axis.set_ylabel(ylabel)
        axis.set_title(title)
        if len(names) > 1:
            figure.legend(loc="outside lower center", ncols=min(len(names), 4), fontsize=11)
    return figure


def _curve(axis: Axes, i: int, name: str, curve: Curve | None, points: Curve | None) -> None:
    look: dict[str, Any] = {"color": style.COLOURS[i % len(style.COLOURS)], "linewidth": 2.2}
    hollow: dict[str, Any] = {"markerfacecolor": "white", "markersize": 8, "markeredgewidth": 1.6}
    dash = style.DASHES[i % len(style.DASHES)] if curve else ""
    marker = style.MARKERS[i % len(style.MARKERS)] if points else ""
    if curve:
        axis.plot(*curve, linestyle=dash, **look)
    if points:
        axis.plot(*points, linestyle="", marker=marker, **look, **hollow)
    axis.plot([], [], linestyle=dash, marker=marker, label=name, **look, **hollow)
