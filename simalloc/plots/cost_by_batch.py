"""Cost per page against batch size: two panels, simulated lines, published points, the pcp knee."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from simalloc.plots import style
from simalloc.plots.series import Series, by_batch
from simalloc.results import Result, Row, parameters

PANELS = {"alloc": "Allocation", "free": "Free"}


def applies(result: Result) -> bool:
    """Whether the result has what this figure shows."""
    batches = {row.get("batch") for row in result.rows if row["metric"] in PANELS}
    return len(batches) > 1 and all(isinstance(batch, int) for batch in batches)


def series(result: Result) -> Series:
    """Return a curve each: metric, label, pages, cost per page, half intervals, and published points.

    The cost is in cycles (`cycles_per_page`), or in ns where the workload says so; of a sweep, at its last point.
    """
    rest = _rest(result)
    curves = []
    for metric in PANELS:
        for case in result.cases:
            rows = [row for row in result.select(label=case["label"], metric=metric) if _other(row) in rest]
            if rows:
                curves.append(
                    {"metric": metric, "label": case["label"], **by_batch(rows, f"{rows[0]['unit']}_per_page")}
                )
    return curves


def draw(result: Result) -> Figure:
    """Draw the cost of a page against pages per round, one panel for allocation and one for free."""
    curves = series(result)
    labels = [case["label"] for case in result.cases]
    unit = next(name for name in curves[0] if name.endswith("_per_page"))
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        axes: Sequence[Axes] = figure.subplots(1, 2)
        for axis, (metric, title) in zip(axes, PANELS.items(), strict=True):
            _panel(axis, {labels.index(c["label"]): c for c in curves if c["metric"] == metric}, title, unit)
            _mark_knees(axis, result)
        point = ", ".join(f"{name} = {value}" for each in _rest(result) for name, value in each if name != "order")
        where = f", at {point}" if point else ""
        figure.suptitle(f"{result.scenario}: cost of allocating and of freeing a page, by batch{where}", fontsize=16)
        handles = _legend(result, published=any(curve["published"] for curve in curves))
        figure.legend(handles=handles, loc="outside lower center", ncols=style.columns(handles))
    return figure


Other = tuple[tuple[str, object], ...]


def _other(row: Row) -> Other:
    """Return what a row is of beside its batch."""
    return tuple((name, value) for name, value in parameters(row).items() if name != "batch")


def _rest(result: Result) -> list[Other]:
    """Return the last point of the sweep, without the batch."""
    return list(dict.fromkeys(_other(row) for row in result.rows if row["metric"] in PANELS))[-1:]


def _panel(axis: Axes, curves: dict[int, dict[str, Any]], title: str, unit: str) -> None:
    for i, curve in curves.items():
        axis.errorbar(
            curve["batch"],
            curve[unit],
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
    axis.set_ylabel(f"cost ({unit.removesuffix('_per_page')}/page)")
    axis.set_ylim(bottom=0)


def _mark_knees(axis: Axes, result: Result) -> None:
    """Mark each pcp.high once, with the labels that have it where they differ."""
    cases = sorted(result.cases, key=lambda case: int(case["high"]))
    knees = {high: [case["label"] for case in group] for high, group in groupby(cases, key=lambda case: case["high"])}
    for i, (high, labels) in enumerate(knees.items()):
        axis.axvline(high, color=style.GREY, linewidth=1.2, linestyle=(0, (2, 2)), zorder=0)
        whose = "" if len(knees) == 1 else f" ({', '.join(labels)})"
        low, up = axis.get_xlim()
        is_left = high**4 < low * up**3  # short of the last quarter, where a long text would not fit behind the line
        axis.annotate(
            f"pcp.high = {high} pages{whose}",
            xy=(high, 1.0 - 0.06 * i),
            xycoords=("data", "axes fraction"),
            xytext=(6 if is_left else -6, -4),
            textcoords="offset points",
            horizontalalignment="left" if is_left else "right",
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
