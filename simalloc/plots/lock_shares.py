"""Which lock takes the cycles as pcp batches grow, and what that does to the score."""

from __future__ import annotations

from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from simalloc.plots import style
from simalloc.plots.series import Series, by_batch
from simalloc.results import Result

LOCKS = {"zone_lock_share": "zone->lock", "lru_lock_share": "lru_lock", "contention": "both"}
SCORE = "score_change"


def applies(result: Result) -> bool:
    """Whether the result has what this figure shows."""
    shares = [row for row in result.rows if row["metric"] in LOCKS]
    return (
        result.swept == ["batch"]
        and all(isinstance(row["batch"], int) for row in shares)
        and any(row["metric"] == "lru_lock_share" for row in shares)
    )


def series(result: Result) -> Series:
    """Return a curve per label and metric: batches (pages), values (%), half intervals, and published points."""
    return [
        {
            "label": case["label"],
            "metric": metric,
            **by_batch(result.select(label=case["label"], metric=metric), "percent"),
        }
        for case in result.cases
        for metric in (*LOCKS, SCORE)
    ]


def draw(result: Result) -> Figure:
    """Draw, for each label, shares of all CPU cycles spent waiting; and in one panel the change of the score."""
    curves = series(result)
    labels = [case["label"] for case in result.cases]
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        axes: Any = figure.subplots(1, len(labels) + 1, squeeze=False)[0]
        for axis, label in zip(axes, labels, strict=False):
            for i, metric in enumerate(LOCKS):
                _curve(axis, next(c for c in curves if (c["label"], c["metric"]) == (label, metric)), i)
            axis.set_title(style.above(f"{label}:\nwaiting", len(labels) + 2), fontsize=14)
            axis.set_ylabel("share of all CPU cycles (%)")
        top = max(axis.get_ylim()[1] for axis in axes[:-1])
        for axis in axes[:-1]:
            axis.set_ylim(0, min(top, 100))  # one scale for all labels
        first = min(batch for curve in curves for batch in curve["batch"])
        for i, label in enumerate(labels, start=len(LOCKS)):
            _curve(axes[-1], next(c for c in curves if (c["label"], c["metric"]) == (label, SCORE)), i)
        axes[-1].set_title(f"Page faults,\nagainst batch {first}", fontsize=14)
        axes[-1].set_ylabel("change of score (%)")
        for axis in axes:
            _batches(axis, sorted({batch for curve in curves for batch in curve["batch"]}))
        names = [*(f"waiting for {name}" for name in LOCKS.values()), *(f"score, {label}" for label in labels)]
        handles = [style.handle(i, name, marked=True) for i, name in enumerate(names)]
        handles.append(style.note("lines: simulated, 95 % intervals; points: published"))
        figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=12)
        figure.suptitle(f"{result.scenario}: waiting for locks, and the score, by pcp batch", fontsize=16)
    return figure


def _batches(axis: Axes, batches: list[int]) -> None:
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_locator(FixedLocator(batches))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticklabels([str(batch) for batch in batches])
    axis.set_xlabel("pcp.batch (pages)")


def _curve(axis: Axes, curve: dict[str, Any], i: int) -> None:
    axis.plot(curve["batch"], curve["percent"], **style.look(i))
    # Intervals of curves that lie on one another stand side by side.
    beside = [batch * 2 ** (0.07 * (i % 3 - 1)) for batch in curve["batch"]]
    axis.errorbar(
        beside, curve["percent"], curve["ci95"], fmt="none", ecolor=style.colour(i), elinewidth=1.2, capsize=3
    )
    style.points(axis, i, curve["published_batch"], curve["published"])
