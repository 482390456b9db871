"""What a goal costs: every size that was simulated, by its longest window with interrupts off, and the frontier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from simalloc.plots import style


def series(found: Mapping[str, Any]) -> dict[str, list[tuple[float, float, float]]]:
    """Return (longest IRQ-off window in us, goal, pages parked a CPU) of all candidates, the frontier, today, best."""
    return {
        name: [(each["irq_off"], each["goal"], each["parked"]) for each in rows]
        for name, rows in (
            ("candidates", found["candidates"]),
            ("frontier", found["frontier"]),
            ("today", [found["today"]]),
            ("best", [found["best"]] if found["best"] else []),
        )
    }


def draw(found: Mapping[str, Any]) -> Figure:
    """Draw one search, as `simalloc.studies.tune_report` gives it."""
    points = series(found)
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        axis: Any = figure.subplots()
        x, y, parked = zip(*points["candidates"], strict=True)
        shades = axis.scatter(x, y, c=parked, cmap="cividis", s=46, edgecolors="white", linewidths=0.6)
        figure.colorbar(shades, ax=axis, label="pages parked a CPU, at the end")
        x, y, _ = zip(*sorted(points["frontier"]), strict=True)
        axis.plot(x, y, "o", markerfacecolor="none", markersize=11, color=style.colour(1), label="frontier")
        for name, marker, number in (("today", "s", 0), ("best", "*", 2)):
            for x0, y0, _ in points[name]:
                size = 20 if marker == "*" else 13
                axis.plot(
                    [x0],
                    [y0],
                    marker,
                    markersize=size,
                    markerfacecolor="none",
                    markeredgewidth=2.2,
                    color=style.colour(number),
                    label=f"{name}: batch {found[name]['batch']}, high {found[name]['high']}",
                )
        if "irq_off" in found["limits"]:
            axis.axvline(found["limits"]["irq_off"], color=style.GREY, linestyle=(0, (4, 3)), label="limit")
        axis.set_xlabel("longest window with interrupts off (us)")
        axis.set_ylabel(f"{found['goal']} ({found['unit']})")
        if min(each[0] for each in points["candidates"]) > 0:
            axis.set_xscale("log")
            style.plain_numbers(axis.xaxis)
        axis.set_title(f"{found['case']}: what batch and high buy, and what they cost")
        figure.legend(loc="outside lower center", ncols=4)
    return figure
