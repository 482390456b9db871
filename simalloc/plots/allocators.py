"""Allocators side by side: the figures that count, a panel each, a bar per label, published figures as marks."""

from __future__ import annotations

from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from simalloc.plots import style
from simalloc.plots.series import Series, thinned
from simalloc.results import Result, Row, parameters

METRICS = {
    "score": "page faults of all processes",
    "throughput": "throughput",
    "total": "allocation + free of a page",
    "one_cpu_total": "allocation + free of a page,\none CPU, a task, no interrupts",
    "alloc": "allocation",
    "free": "free",
    "repeat": "allocation + free of one page",
    "time_per_op": "time of an operation",
}
"""In the order they are taken: the first one, and a second where both fit."""

MOST_PANELS = 3


def applies(result: Result) -> bool:
    """Whether there is something to compare."""
    return len(result.cases) > 1 and bool(_panels(result))


def series(result: Result) -> Series:
    """Return a bar each: metric, point, label, value, unit, and interval, change (%) and published figure if there."""
    return [
        {"metric": metric, "point": point, **_bar(row, rows[0])}
        for (metric, point), rows in _panels(result).items()
        for row in rows
    ]


def draw(result: Result) -> Figure:
    """Draw up to three panels: of a figure with parameters at its first, a middle and its last point."""
    panels: dict[tuple[str, str], Series] = {}
    for bar in series(result):
        panels.setdefault((bar["metric"], bar["point"]), []).append(bar)
    labels = [case["label"] for case in result.cases]
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        axes: Any = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axis, ((metric, point), bars) in zip(axes, panels.items(), strict=True):
            _panel(axis, bars)
            title = "\n".join(filter(None, (METRICS[metric], point)))
            axis.set_title(style.above(title, len(panels)), fontsize=14)
        axes[0].set_yticks(range(len(labels)), [style.beside(label) for label in labels])
        axes[0].invert_yaxis()
        handles, _ = axes[0].get_legend_handles_labels()
        handles.append(style.note(f"%: change against {labels[0]}"))
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        figure.suptitle(f"{result.scenario}: side by side", fontsize=16)
    return figure


def _panels(result: Result) -> dict[tuple[str, str], list[Row]]:
    """Return the rows of each panel, by metric and point, a row per label."""
    panels: dict[tuple[str, str], list[Row]] = {}
    for metric in METRICS:
        points: dict[str, list[Row]] = {}
        for row in result.rows:
            if row["metric"] == metric:
                points.setdefault(_point(row), []).append(row)
        whole = [(metric, point) for point, rows in points.items() if len(rows) == len(result.cases)]
        room = MOST_PANELS - len(panels)
        if len(whole) > 1 and panels:
            continue
        panels |= {key: points[key[1]] for key in thinned(whole, room)}
        if len(whole) > 1 or len(panels) == MOST_PANELS:
            break
    return panels


def _point(row: Row) -> str:
    return ", ".join(f"{name} = {value}" for name, value in parameters(row).items())


def _bar(row: Row, base: Row) -> dict[str, Any]:
    bar: dict[str, Any] = {name: row[name] for name in ("label", "value", "unit", "ci95", "published") if name in row}
    if row is not base and base["value"]:
        bar["change"] = row.get("change", 100 * (row["value"] / base["value"] - 1))
    return bar


def _panel(axis: Axes, bars: Series) -> None:
    scale = 1e6 if max(bar["value"] for bar in bars) >= 1e6 else 1
    places = range(len(bars))
    axis.barh(
        places,
        [bar["value"] for bar in bars],
        xerr=[bar.get("ci95", 0.0) for bar in bars],
        height=0.6,
        color="#56B4E9",
        ecolor="black",
        capsize=4,
        label="simulated, 95 % interval",
    )
    shown = [(place, bar["published"]) for place, bar in enumerate(bars) if "published" in bar]
    if shown:
        axis.plot(
            [value for _, value in shown],
            [place for place, _ in shown],
            "D",
            color="black",
            markerfacecolor="white",
            markersize=9,
            markeredgewidth=1.6,
            label="published",
        )
    for place, bar in zip(places, bars, strict=True):
        change = _percent(bar["change"]) if "change" in bar else ""
        end = max(bar["value"] + bar.get("ci95", 0.0), bar.get("published", 0.0))
        text = f"{_short(bar['value'] / scale)}{change}"
        axis.annotate(text, (end, place), xytext=(9, 0), textcoords="offset points", va="center")
    axis.set_xlim(0, 1.65 * max(bar["value"] + bar.get("ci95", 0.0) for bar in bars) or 1)
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / scale:,.10g}"))
    axis.set_xlabel(("million " if scale > 1 else "") + str(bars[0]["unit"]))
    axis.grid(visible=False, axis="y")


def _short(value: float) -> str:
    """Return a number with three digits that count, and all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def _percent(change: float) -> str:
    digits = 0 if change >= 99.95 else 1
    return f"  {round(change, digits) + 0.0:+.{digits}f} %"  # + 0.0: no minus zero
