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
from simalloc.plots.series import Series, by_batch
from simalloc.results import Result

PANELS = {"alloc": "Allocation", "free": "Free"}


def applies(result: Result) -> bool:
    """Whether the result has what this figure shows."""
    batches = {row.get("batch") for row in result.rows if row["metric"] in PANELS}
    return len(batches) > 1


def series(result: Result) -> Series:
    """Return a curve each: metric, label, pages per round, cycles per page, half intervals, and published points."""
    return [
        {
            "metric": metric,
            "label": case["label"],
            **by_batch(result.select(label=case["label"], metric=metric), "cycles_per_page"),
        }
        for metric in PANELS
        for case in result.cases
    ]


def draw(result: Result) -> Figure:
    """Draw cycles per page against pages per round, one panel for allocation and one for free."""
    curves = series(result)
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        axes: Sequence[Axes] = figure.subplots(1, 2)
        for axis, (metric, title) in zip(axes, PANELS.items(), strict=True):
            _panel(axis, [curve for curve in curves if curve["metric"] == metric], title)
            _mark_knees(axis, result)
        figure.suptitle(f"{result.scenario}: cycles to allocate and to free a page, by batch size", fontsize=16)
        handles = _legend(result, published=any(curve["published"] for curve in curves))
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4))
    return figure


def _panel(axis: Axes, curves: Series, title: str) -> None:
    for i, curve in enumerate(curves):
        axis.errorbar(
            curve["batch"],
            curve["cycles_per_page"],
            yerr=curve["ci95"] if any(curve["ci95"]) else None,
            elinewidth=1.0,
            capsize=3,
            **style.look(i),
        )
        style.points(axis, i, curve["published_batch"], curve["published"])
    axis.set_title(title)
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda pages, _: f"{pages:g}"))
    axis.set_xlabel("batch (pages allocated, then freed, per round)")
    axis.set_ylabel("cost (cycles/page)")
    axis.set_ylim(bottom=0)


def _mark_knees(axis: Axes, result: Result) -> None:
    """Mark each pcp.high once, with the labels that have it where they differ."""
    cases = sorted(result.cases, key=lambda case: int(case["high"]))
    knees = {high: [case["label"] for case in group] for high, group in groupby(cases, key=lambda case: case["high"])}
    for i, (high, labels) in enumerate(knees.items()):
        axis.axvline(high, color=style.GREY, linewidth=1.2, linestyle=(0, (2, 2)), zorder=0)
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
        style.handle(i, f"{case['label']} ({case['allocator']})", marked=published)
        for i, case in enumerate(result.cases)
    ]
    return [*handles, style.note("lines: simulated   points: published")] if published else handles
