"""Which lock takes the cycles as pcp batches grow, and what that does to the score."""

from __future__ import annotations

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from simalloc.plots import style
from simalloc.results import Result

LOCKS = {"zone_lock_share": "zone->lock", "lru_lock_share": "lru_lock", "contention": "both"}


def applies(result: Result) -> bool:
    """Whether the result has what this figure shows."""
    return "batch" in result.swept and any(row["metric"] == "lru_lock_share" for row in result.rows)


def lock_shares(result: Result) -> Figure:
    """Draw, for each label, shares of all CPU cycles spent waiting; and in one panel the change of the score."""
    labels = [case["label"] for case in result.cases]
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        axes = figure.subplots(1, len(labels) + 1, squeeze=False)[0]
        for axis, label in zip(axes, labels, strict=False):
            for i, metric in enumerate(LOCKS):
                _curve(axis, result, label, metric, i)
            axis.set_title(f"{label}: waiting")
            axis.set_ylabel("share of all CPU cycles (%)")
            axis.set_ylim(0, 100)
        for i, label in enumerate(labels):
            _curve(axes[-1], result, label, "score_change", i + len(LOCKS))
        axes[-1].set_title("Page faults, against the first batch")
        axes[-1].set_ylabel("change of score (%)")
        batches = sorted({row["batch"] for row in result.rows})
        for axis in axes:
            axis.set_xscale("log", base=2)
            axis.xaxis.set_major_locator(FixedLocator(batches))
            axis.xaxis.set_minor_locator(NullLocator())
            axis.set_xticklabels([str(batch) for batch in batches])
            axis.set_xlabel("pcp.batch (pages)")
        figure.legend(handles=_legend(labels), loc="outside lower center", ncols=3)
        figure.suptitle(f"{result.scenario}: one lock recedes, the next takes its place", fontsize=16)
    return figure


def _curve(axis: Axes, result: Result, label: str, metric: str, i: int) -> None:
    rows = result.select(label=label, metric=metric)
    axis.errorbar(
        [row["batch"] for row in rows],
        [row["value"] for row in rows],
        yerr=[row.get("ci95", 0.0) for row in rows],
        color=style.COLOURS[i],
        linestyle=style.DASHES[i],
        linewidth=2.2,
        elinewidth=1.0,
        capsize=3,
    )
    shown = [row for row in rows if "published" in row]
    axis.plot(
        [row["batch"] for row in shown],
        [row["published"] for row in shown],
        style.MARKERS[i],
        color=style.COLOURS[i],
        markerfacecolor="white",
        markersize=8,
        markeredgewidth=1.6,
    )


def _legend(labels: list[str]) -> list[Line2D]:
    names = [*(f"waiting for {name}" for name in LOCKS.values()), *(f"score, {label}" for label in labels)]
    handles = [
        Line2D(
            [],
            [],
            color=style.COLOURS[i],
            linestyle=style.DASHES[i],
            marker=style.MARKERS[i],
            markerfacecolor="white",
            linewidth=2.2,
            label=name,
        )
        for i, name in enumerate(names)
    ]
    return [*handles, Line2D([], [], linestyle="", label="lines: simulated, 95 %   points: published")]
