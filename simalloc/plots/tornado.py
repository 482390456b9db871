"""What changes a figure most: a bar a lever, from its change at the lower value to that at the upper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from simalloc.plots import style

MOST = 12


def series(figure: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the bars, the longest first: name, and changes of the figure in % at the lower and at the upper value."""
    return [
        {"name": row["name"], "low": row["change_at_low"], "high": row["change_at_high"]}
        for row in figure["elasticities"][:MOST]
    ]


def draw(case: str, figure: Mapping[str, Any], step: float) -> Figure:
    """Draw one figure of a case's study, as `simalloc.studies.report` gives it; `step` is the share varied by."""
    bars = series(figure)
    with rc_context(style.PARAMETERS):
        drawn = Figure(figsize=style.SLIDE, layout="constrained")
        axis: Any = drawn.subplots()
        for place, bar in enumerate(bars):
            ends = sorted(enumerate(("low", "high")), key=lambda end: -abs(bar[end[1]]))  # the shorter over the longer
            for number, end in ends:
                hatch = ("", "//")[number]
                axis.barh(place, bar[end], height=0.7, color=style.colour(number), hatch=hatch, edgecolor="white")
        axis.set_yticks(range(len(bars)), [bar["name"] for bar in bars])
        axis.invert_yaxis()
        axis.grid(visible=False, axis="y")
        axis.axvline(0, color=style.GREY, linewidth=1)
        axis.set_xlabel(f"change of {figure['figure']} (%), from {figure['value']:.4g} {figure['unit']}")
        axis.set_title(f"{case}: what changes it most")
        handles = [
            Patch(facecolor=style.colour(0), label=f"{100 * step:g} % lower"),
            Patch(facecolor=style.colour(1), hatch="//", edgecolor="white", label=f"{100 * step:g} % higher"),
        ]
        axis.legend(handles=handles, loc="lower right")
    return drawn
