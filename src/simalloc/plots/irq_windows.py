"""How long interrupts are off: quantiles and the longest window by label, and what the longest was made of."""

from __future__ import annotations

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simalloc.plots import style
from simalloc.results import Result, Row

PARTS = {
    "max_waited": ("waiting for the lock", "#D55E00", "xx"),
    "max_held": ("holding it", "#56B4E9", "//"),
    "max_rest": ("the rest", "#999999", ""),
}

QUANTILES = {"p50": "o", "p99": "s", "p99.9": "D"}


def applies(result: Result) -> bool:
    """Whether interrupts came at all: without, nobody waited for a window."""
    return any(row["kind"] == "irq_latency" for row in result.latency) and bool(_windows(result))


def irq_windows(result: Result) -> Figure:
    """Draw the longest window with interrupts off in its parts, and quantiles of all windows (us), for each label."""
    rows = _windows(result)
    ghz = float(result.clock["ghz"])
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        axis: Axes = figure.subplots()
        places = range(len(rows))
        left = [0.0] * len(rows)
        for part, (name, colour, hatch) in PARTS.items():
            widths = [row[part] / ghz / 1000 for row in rows]
            axis.barh(places, widths, left=left, color=colour, hatch=hatch, edgecolor="white", height=0.5, label=name)
            left = [a + b for a, b in zip(left, widths, strict=True)]
        for quantile, marker in QUANTILES.items():
            axis.plot(
                [row[quantile] / ghz / 1000 for row in rows],
                [place - 0.37 for place in places],
                marker,
                color="black",
                markerfacecolor="white",
                label=f"{quantile} of all windows",
            )
        for place, row, end in zip(places, rows, left, strict=True):
            axis.annotate(f"  {end:.2f} us in {row['max_site']}", (end, place), va="center", fontsize=12)
        axis.set_yticks(list(places), [row["label"] for row in rows])
        axis.invert_yaxis()
        axis.set_xlim(right=max(left) * 1.35)
        axis.set_xlabel("interrupts off (us); bars: the longest window and what it was made of")
        axis.grid(visible=False, axis="y")
        axis.set_title(f"{result.scenario}: windows with interrupts off")
        figure.legend(loc="outside lower center", ncols=6, fontsize=12)
    return figure


def _windows(result: Result) -> list[Row]:
    return [row for row in result.latency if (row["kind"], row["cpu"], row["site"]) == ("irqs_off", "all", "all")]
