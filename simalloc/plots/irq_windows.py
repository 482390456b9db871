"""How long interrupts are off: windows counted by length and by cause, a panel per label, with the longest marked."""

from __future__ import annotations

from functools import partial
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simalloc.plots import style
from simalloc.plots.series import Series, point_name, point_of, points_of
from simalloc.results import Result, Row

NS_PER_US = 1000
PARTS = {"waited": "lock wait", "held": "hold", "rest": "other"}


LOWEST = 0.6
"""Where the axis of counts begins: below the first window, above half a one, which there is not."""


def applies(result: Result) -> bool:
    """Whether interrupts came at all: without, nobody waited for a window."""
    return any(row["kind"] == "irq_latency" for row in result.latency) and bool(_windows(result))


def series(result: Result) -> Series:
    """Return a panel each: label, point, counts per cause and length (us, lower bounds that double), and the longest.

    A cause is the function or the handler that had interrupts off. Of the longest window (us): what was waiting for a
    lock, what holding one, what the rest, and in which function.
    """
    panels = []
    for worst in _windows(result):
        us = partial(result.microseconds, worst)
        causes = {
            row["site"]: {
                "us": [us(low) for low, _ in row["histogram"]],
                "windows": [count for _, count in row["histogram"]],
                "longest_us": us(row["max"]),
            }
            for row in result.latency
            if row["kind"] == "irqs_off" and row["cpu"] == "all" and row["site"] != "all" and _same(result, row, worst)
        }
        longest = {part: us(worst[f"max{part and '_'}{part}"]) for part in ("", "waited", "held", "rest")}
        panels.append(
            {
                "label": worst["label"],
                "point": point_name(result, point_of(result, worst)),
                "causes": causes,
                "longest_us": longest.pop(""),
                **{f"longest_{part}_us": length for part, length in longest.items()},
                "longest_site": worst["max_site"],
            }
        )
    return panels


def draw(result: Result) -> Figure:
    """Draw a panel per label; of a sweep, at its last point."""
    panels = series(result)
    causes = list(dict.fromkeys(cause for panel in panels for cause in panel["causes"]))
    columns = 1 if len(panels) == 1 else 2
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        axes: Any = figure.subplots(-(-len(panels) // columns), columns, squeeze=False, sharex=True, sharey=True)
        for axis, panel in zip(axes.flatten(), panels, strict=False):
            _panel(axis, panel, causes)
            style.plain_numbers(axis.xaxis)
            style.plain_numbers(axis.yaxis)
        for axis in axes.flatten()[len(panels) :]:
            axis.set_axis_off()
        for axis in axes.flatten()[max(0, len(panels) - columns) : len(panels)]:
            axis.set_xlabel("interrupts off for (us)")
            axis.tick_params(labelbottom=True)
        figure.supylabel("windows (count; bins double)", fontsize=13)
        handles = [style.handle(i, cause) for i, cause in enumerate(causes)]
        figure.legend(handles=handles, loc="outside lower center", ncols=style.columns(handles), fontsize=12)
        figure.suptitle(f"{result.scenario}: windows with interrupts off, by what had them off", fontsize=16)
    return figure


def _windows(result: Result) -> list[Row]:
    """Return, at the last point of a sweep, each label's row over all CPUs and causes."""
    rows = [row for row in result.latency if (row["kind"], row["cpu"], row["site"]) == ("irqs_off", "all", "all")]
    last = points_of(result, rows)[-1:]
    return [row for row in rows if point_of(result, row) in last]


def _same(result: Result, row: Row, other: Row) -> bool:
    return bool(row["label"] == other["label"] and point_of(result, row) == point_of(result, other))


def _panel(axis: Axes, panel: dict[str, Any], causes: list[str]) -> None:
    for cause, bins in panel["causes"].items():
        edges, counts = _outline(bins["us"], bins["windows"], bins["longest_us"])
        axis.stairs(counts, edges, baseline=LOWEST, **style.look(causes.index(cause)))
    axis.axvline(panel["longest_us"], color="black", linewidth=1.4)
    axis.plot([panel["longest_us"]], [0.97], "v", color="black", transform=axis.get_xaxis_transform())
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_ylim(bottom=LOWEST)
    axis.set_title(", ".join(filter(None, (panel["label"], panel["point"]))), fontsize=14, loc="left", pad=22)
    parts = " + ".join(f"{panel[f'longest_{part}_us']:.2f} {what}" for part, what in PARTS.items())
    longest = f"longest {panel['longest_us']:.2f} us = {parts}, {panel['longest_site']}"
    text = axis.annotate(longest, (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", fontsize=10)
    text.set_in_layout(False)  # or the axes would be shrunk to its width


def _outline(lows: list[float], counts: list[int], longest: float) -> tuple[list[float], list[float]]:
    """Return edges and counts of bins that double, empty ones among them; the last ends at the longest of all.

    If that is next to its lower edge, a little after it, so that the bin can be seen.
    """
    edges, heights = [lows[0]], [float(counts[0])]
    for low, count in zip(lows[1:], counts[1:], strict=True):
        while low > 3 * edges[-1]:
            edges.append(2 * edges[-1])
            heights.append(0.0)
        edges.append(low)
        heights.append(float(count))
    return [*edges, max(longest, 1.08 * edges[-1])], heights
