"""Pages on the pcp lists over time, with the count at which a free drains and what a drain of a batch leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from simalloc.plots import style
from simalloc.results import Result, Row
from simalloc.traces import Recording, recordings

PANELS = 4
OTHERS = "#bbbbbb"


def applies(result: Result) -> bool:
    """Whether counts that change were recorded."""
    return any(_counts(each) for each in recordings(result))


def pcp_counts(result: Result) -> Figure:
    """Draw a panel a case: the count of each CPU's pages of the zone that is used most, `high`, and `high - batch`."""
    shown = [each for each in recordings(result) if _counts(each)][:PANELS]
    top, busiest = _top(shown), _busiest(shown)
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        axes = figure.subplots(-(-len(shown) // 2), min(len(shown), 2), squeeze=False, sharex=True, sharey=True)
        for axis in axes.flat[len(shown) :]:
            axis.set_axis_off()
        for axis, recording in zip(axes.flat, shown, strict=False):
            _panel(axis, recording, busiest, top, axes.shape[1])
        start = min(each.microseconds(each.start) for each in shown)
        axes[0, 0].set_xlim(start, max(each.microseconds(each.end) for each in shown))
        for axis in axes[:, 0]:
            axis.set_ylabel("pcp.count (pages)")
        for axis in axes.flat[max(0, len(shown) - 2) : len(shown)]:
            axis.set_xlabel("time since the start of the run (us)")
            axis.tick_params(labelbottom=True)
        figure.legend(
            handles=_legend(busiest, max(each.cpus for each in shown)), loc="outside lower center", ncols=9, fontsize=12
        )
        figure.suptitle(f"{result.scenario}: pages on the pcp lists", fontsize=16)
    return figure


def _counts(recording: Recording) -> list[Row]:
    """Return the counts of the zone whose counts change most; none if none changes."""
    changes = Counter(row["zone"] for row in recording.of("pcp"))
    zone, most = changes.most_common(1)[0] if changes else ("", 0)
    rows = [row for row in recording.of("pcp") if row["zone"] == zone]
    return rows if most > len({row["cpu"] for row in rows}) else []


def _busiest(shown: Sequence[Recording]) -> list[int]:
    """Return the CPUs to tell apart: as many as there are colours, those whose counts change most."""
    changes = Counter(row["cpu"] for each in shown for row in _counts(each))
    return sorted(cpu for cpu, _ in changes.most_common(len(style.COLOURS)))


def _top(shown: Sequence[Recording]) -> float:
    """Return the top of the axes: above `high`, unless no count comes anywhere near it."""
    rows = [row for each in shown for row in _counts(each)]
    most = max(row["count"] for row in rows)
    near = any(2 * row["count"] > row["high"] - row["batch"] for row in rows)
    return 1.05 * float(max(row["high"] for row in rows)) if near else 1.15 * float(most)


def _panel(axis: Axes, recording: Recording, busiest: Sequence[int], top: float, columns: int) -> None:
    rows = _counts(recording)
    for cpu in sorted({row["cpu"] for row in rows}, key=lambda cpu: cpu in busiest):
        place = busiest.index(cpu) if cpu in busiest else -1
        _curve(axis, recording, [row for row in rows if row["cpu"] == cpu], place)
    last = rows[-1]
    close = last["batch"] < 0.15 * top
    for level, name in ((last["high"], "high"), (last["high"] - last["batch"], "high - batch")):
        axis.axhline(level, color="black", linewidth=1.2, linestyle="-" if name == "high" else (0, (1, 1.5)))
        if level < top:
            axis.annotate(
                f" {name}\n {level}",
                (1, level),
                xycoords=axis.get_yaxis_transform(),
                va="center" if not close else "bottom" if name == "high" else "top",
                fontsize=11,
                annotation_clip=False,
            )
    if last["high"] > top:
        text = f"further up: high {last['high']}, high - batch {last['high'] - last['batch']}"
        axis.annotate(text, (0.99, 0.99), xycoords="axes fraction", ha="right", va="top", fontsize=11)
    axis.set_ylim(0, top)
    axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.ticklabel_format(axis="x", useOffset=False)
    axis.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axis.set_title(style.above(recording.name, columns), loc="left", fontsize=14)


def _curve(axis: Axes, recording: Recording, rows: Sequence[Row], place: int) -> None:
    times = [recording.microseconds(row["start"]) for row in rows]
    counts = [row["count"] for row in rows]
    axis.step(
        [*times, recording.microseconds(recording.end)],
        [*counts, counts[-1]],
        where="post",
        color=style.COLOURS[place] if place >= 0 else OTHERS,
        linestyle=style.DASHES[place] if place >= 0 else "-",
        linewidth=1.8 if place >= 0 else 1.0,
    )


def _legend(busiest: Sequence[int], cpus: int) -> list[Line2D]:
    handles = [
        Line2D([], [], color=style.COLOURS[i], linestyle=style.DASHES[i], linewidth=1.8, label=f"CPU {cpu}")
        for i, cpu in enumerate(busiest)
    ]
    others = Line2D([], [], color=OTHERS, linewidth=1.0, label="other CPUs")
    return [*handles, others] if cpus > len(busiest) else handles
