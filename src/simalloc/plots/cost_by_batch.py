"""Cost per page against batch size: two panels, simulated lines, published points, the pcp knee."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from simalloc.plots import style
from simalloc.results import Result

PANELS = {"alloc": "Allocation", "free": "Free"}


def applies(result: Result) -> bool:
    """Whether the result has what this figure shows."""
    batches = {row.get("batch") for row in result.rows if row["metric"] in PANELS}
    return len(batches) > 1


def cost_by_batch(result: Result) -> Figure:
    """Draw cycles per page against pages per round, one panel for allocation and one for free."""
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        axes: Sequence[Axes] = figure.subplots(1, 2)
        for axis, (metric, title) in zip(axes, PANELS.items(), strict=True):
            _panel(axis, result, metric, title)
        published = any("published" in row for row in result.rows)
        figure.suptitle(f"{result.scenario}: cycles to allocate and to free a page, by batch size", fontsize=16)
        figure.legend(
            handles=_legend(result, published=published),
            loc="outside lower center",
            ncols=len(result.cases) + published,
        )
    return figure


def _panel(axis: Axes, result: Result, metric: str, title: str) -> None:
    for i, case in enumerate(result.cases):
        rows = result.select(label=case["label"], metric=metric)
        axis.plot(
            [row["batch"] for row in rows],
            [row["value"] for row in rows],
            color=style.COLOURS[i % len(style.COLOURS)],
            linestyle=style.DASHES[i % len(style.DASHES)],
            linewidth=2.2,
        )
        compared = [row for row in rows if "published" in row]
        axis.plot(
            [row["batch"] for row in compared],
            [row["published"] for row in compared],
            style.MARKERS[i % len(style.MARKERS)],
            color=style.COLOURS[i % len(style.COLOURS)],
            markerfacecolor="white",
            markersize=7,
            markeredgewidth=1.6,
        )
    axis.set_title(title)
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda pages, _: f"{pages:g}"))
    axis.set_xlabel("batch (pages allocated, then freed, per round)")
    axis.set_ylabel("cost (cycles/page)")
    axis.set_ylim(bottom=0)
    _mark_knees(axis, result)


def _mark_knees(axis: Axes, result: Result) -> None:
    """Mark each pcp.high once, with the labels that have it where they differ."""
    cases = sorted(result.cases, key=lambda case: int(case["high"]))
    knees = {high: [case["label"] for case in group] for high, group in groupby(cases, key=lambda case: case["high"])}
    for i, (high, labels) in enumerate(knees.items()):
        axis.axvline(high, color="#555555", linewidth=1.2, linestyle=(0, (2, 2)), zorder=0)
        whose = "" if len(knees) == 1 else f" ({', '.join(labels)})"
        axis.annotate(
            f"pcp.high = {high} pages{whose}",
            xy=(high, 1.0 - 0.06 * i),
            xycoords=("data", "axes fraction"),
            xytext=(6, -4),
            textcoords="offset points",
            verticalalignment="top",
            color="#333333",
            fontsize=12,
        )


def _legend(result: Result, *, published: bool) -> list[Line2D]:
    handles = [
        Line2D(
            [],
            [],
            color=style.COLOURS[i % len(style.COLOURS)],
            linestyle=style.DASHES[i % len(style.DASHES)],
            linewidth=2.2,
            marker=style.MARKERS[i % len(style.MARKERS)] if published else "",
            markerfacecolor="white",
            label=f"{case['label']} ({case['allocator']})",
        )
        for i, case in enumerate(result.cases)
    ]
    if published:
        handles.append(Line2D([], [], color="#555555", linestyle="", label="lines: simulated   points: published"))
    return handles
