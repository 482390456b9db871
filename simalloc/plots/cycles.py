"""Where the cycles went: a bar per label, or per label and point of a sweep, in groups of the ledger's activities.

Cycles per page allocated where every label allocates pages and nothing is swept; shares of all CPU cycles elsewhere.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from simalloc.plots import style
from simalloc.plots.activities import BY_ACTIVITY, GROUPS
from simalloc.plots.series import Series, point_name, point_of, points_of
from simalloc.results import Result, Row

PAGE_STEP = "prep_new_page"
"""The step that runs once for every block of pages allocated, whatever the allocator."""


def applies(result: Result) -> bool:
    """Whether the result has what this figure shows."""
    return bool(result.ledger)


def series(result: Result) -> Series:
    """Return a bar each: label, point, unit, and the length of each group, by name."""
    bars = []
    per_page = not result.swept and all(_pages(_of(result, case["label"], ())) for case in result.cases)
    for case in result.cases:
        for point in points_of(result, [row for row in result.ledger if row["label"] == case["label"]]):
            rows = _of(result, case["label"], point)
            name = point_name(result, point)
            parts = _per_page(rows, result.unit) if per_page else _shares(rows)
            bars.append({"label": case["label"], "point": name, **parts})
    return bars


def draw(result: Result) -> Figure:
    """Draw a panel per label of a sweep; without one, cycles per page and shares side by side, a bar per label."""
    bars = series(result)
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        if result.swept:
            _by_label(figure, bars, result.unit)
        elif bars[0]["unit"] == "%":
            _panel(figure.subplots(), bars, "", result.unit)
        else:
            left, right = figure.subplots(1, 2, sharey=True)
            _panel(
                left,
                bars,
                "for each page allocated\n(its free, and interrupts, included; idle time left out)",
                result.unit,
            )
            _panel(right, [_in_percent(bar) for bar in bars], "the same in shares\n", result.unit)
        shown = [group for group in GROUPS if any(bar["parts"].get(group.name) for bar in bars)]
        figure.legend(handles=_legend(shown), loc="outside lower center", ncols=4, fontsize=12)
        figure.suptitle(f"{result.scenario}: where the {result.unit} went", fontsize=16)
    return figure


def _by_label(figure: Figure, bars: Series, unit: str) -> None:
    panels: dict[str, Series] = {}
    for bar in bars:
        panels.setdefault(bar["label"], []).append(bar)
    columns = min(len(panels), 3)
    axes = figure.subplots(-(-len(panels) // columns), columns, squeeze=False).flatten()
    first: list[str] = []
    for place, (axis, (label, of_label)) in enumerate(zip(axes, panels.items(), strict=False)):
        _panel(axis, of_label, style.above(label, columns), unit)
        points = [bar["point"] for bar in of_label]
        if not place % columns:
            first = points
        elif points == first:  # the panel on the left names them
            axis.tick_params(labelleft=False)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()


def _in_percent(bar: dict[str, Any]) -> dict[str, Any]:
    whole = sum(bar["parts"].values())
    return bar | {"unit": "%", "parts": {name: 100 * part / whole for name, part in bar["parts"].items()}}


def _of(result: Result, label: str, point: tuple[Any, ...]) -> list[Row]:
    return [row for row in result.ledger if row["label"] == label and point_of(result, row) == point]


def _pages(rows: list[Row]) -> int:
    return sum(row["count"] for row in rows if row["step"] == PAGE_STEP)


def _sums(rows: list[Row]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for row in rows:
        sums[BY_ACTIVITY[row["activity"]].name] += row["cycles"]
    return sums


def _per_page(rows: list[Row], unit: str) -> dict[str, Any]:
    sums, pages = _sums(rows), _pages(rows)
    parts = {group.name: sums[group.name] / pages for group in GROUPS if sums[group.name] and group.name != "idle"}
    return {"unit": f"{unit}/page", "parts": parts}


def _shares(rows: list[Row]) -> dict[str, Any]:
    sums = _sums(rows)
    parts = {group.name: 100 * sums[group.name] / sums.total() for group in GROUPS if sums[group.name]}
    return {"unit": "%", "parts": parts}


def _panel(axis: Axes, bars: Series, title: str, unit: str) -> None:
    names = [style.beside(bar["point"] or bar["label"]) for bar in bars]
    left = [0.0] * len(bars)
    whole = max(sum(bar["parts"].values()) for bar in bars)
    for group in GROUPS:
        widths = [bar["parts"].get(group.name, 0.0) for bar in bars]
        axis.barh(
            range(len(bars)),
            widths,
            left=left,
            height=0.72,
            color=group.colour,
            hatch=group.hatch,
            edgecolor="white",
            linewidth=0.6,
        )
        left = [a + b for a, b in zip(left, widths, strict=True)]
    if bars[0]["unit"] != "%":
        for place, end in enumerate(left):
            axis.annotate(f" {end:,.0f}", (end, place), va="center", fontsize=13)
    axis.set_yticks(range(len(bars)), names)
    axis.set_ylim(len(bars) - 0.5, -0.5)
    axis.set_xlim(0, 100 if bars[0]["unit"] == "%" else whole * 1.14)
    axis.set_title(title, fontsize=13)
    axis.set_xlabel(f"share of {unit} (%)" if bars[0]["unit"] == "%" else f"{unit} of all CPUs per page")
    axis.grid(visible=False, axis="y")


def _legend(groups: list[Any]) -> list[Patch]:
    return [
        Patch(facecolor=group.colour, hatch=group.hatch, edgecolor="white", label=group.name, linewidth=0.6)
        for group in groups
    ]
