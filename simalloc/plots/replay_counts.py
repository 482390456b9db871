"""Pages on each CPU's pcp over time: of the traced kernel, and of the simulated one given the same requests."""

from __future__ import annotations

from collections import Counter

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from simalloc.plots import style
from simalloc.plots.series import Series
from simalloc.results import Result

PANELS = 6

LOOKS = {
    "recorded": {"color": style.COLOURS[0], "linestyle": "-", "linewidth": 3.4, "alpha": 0.55},
    "simulated": {"color": style.COLOURS[1], "linestyle": style.DASHES[1], "linewidth": 1.4},
}
"""The simulated curve is drawn over the recorded one: where only one shows, they part."""


def applies(result: Result) -> bool:
    """Whether the result is of a replay."""
    return any(row["kind"] == "sample" for row in result.details)


def series(result: Result) -> Series:
    """Return, for each label and CPU, times (ms of the trace) and counts (pages) of the zone that is used most."""
    panels = dict.fromkeys((row["label"], row["cpu"]) for row in result.details if row["kind"] == "sample")
    curves: Series = []
    for label, cpu in panels:
        rows = [
            row for row in result.details if row["kind"] == "sample" and row["label"] == label and row["cpu"] == cpu
        ]
        zone = Counter(row["zone"] for row in rows).most_common(1)[0][0]
        shown = [row for row in rows if row["zone"] == zone]
        curves.append(
            {
                "label": label,
                "cpu": cpu,
                "zone": zone,
                "ms": [row["us"] / 1000 for row in shown],
                "recorded": [row["recorded"] for row in shown],
                "simulated": [row["simulated"] for row in shown],
            }
        )
    return curves


def draw(result: Result) -> Figure:
    """Draw a panel for each CPU of each label, at most six; both counts as steps."""
    panels = series(result)[:PANELS]
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        columns = 1 if len(panels) < 3 else 2
        axes = figure.subplots(-(-len(panels) // columns), columns, squeeze=False, sharex=True)
        for axis, panel in zip(axes.flat, panels, strict=False):
            _panel(axis, panel, several=len(result.cases) > 1)
        for axis in axes.flat[len(panels) :]:
            axis.set_axis_off()
        for axis in axes[-1]:
            axis.set_xlabel("time of the trace (ms)")
        handles = [Line2D([], [], label=name, **look) for name, look in LOOKS.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
        figure.suptitle(f"{result.scenario}: pages on the pcp, recorded and simulated", fontsize=16)
    return figure


def _panel(axis: Axes, panel: dict[str, object], *, several: bool) -> None:
    for name, look in LOOKS.items():
        axis.step(panel["ms"], panel[name], where="post", **look)  # type: ignore[arg-type]
    who = f"CPU {panel['cpu']}, zone {panel['zone']}"
    axis.set_title(f"{panel['label']}: {who}" if several else who, loc="left")
    axis.set_ylabel("pcp.count (pages)")
    axis.set_ylim(bottom=0)
