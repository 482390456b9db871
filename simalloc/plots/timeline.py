"""A few microseconds of a run: a lane per CPU with contexts, functions, waits, holds, hand-overs, masked interrupts."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from simalloc.plots import style
from simalloc.results import Result, Row
from simalloc.traces import Recording, functions, recordings

CONTEXTS = {"idle": "#ffffff", "task": "#56B4E9", "softirq": "#F0E442", "hardirq": "#A63C00", "nmi": "#CC79A7"}
"""Colours; those that meet differ in brightness too."""

FRAME, HOLD, WAIT = "#777777", "#0072B2", "////"

LANES = 16
"""Lanes with room for everything; so many are drawn of several cases together, of one case twice as many."""

SHOWN_US = (8.0, 4.0, 2.0, 1.0)
"""Stretches to choose from: the first in which not even the quietest lane is crowded."""

CROWDED = 60
"""Functions in a lane."""

PLOT_PIXELS = (1200, 540)
"""How large the axes are together, about; and a character of a name:"""

CHARACTER = (6.9, 14)

NARROW = 1 / 300
"""Share of the axis below which a function is a shade, not a box."""

UPPER, LOCKS, MASKED = (0.36, 0.5), (0.1, 0.2), (0.0, 0.06)
"""Where in a lane the context, the locks and the masked interrupts are: bottom and height."""

Bars = list[tuple[float, float]]


def applies(result: Result) -> bool:
    """Whether something was recorded."""
    return any(row["kind"] == "recording" and row["end"] > row["start"] for row in result.timeline)


def timeline(result: Result) -> Figure:
    """Draw the stretch with the most waiting, of the first case and of the one that waits most (or as many as fit)."""
    chosen = _chosen([each for each in recordings(result) if each.end > each.start])
    for shown in SHOWN_US:
        begin, end = _stretch(chosen, shown)
        if _fewest_functions(chosen, begin, end) <= CROWDED:
            break
    lanes = [min(each.cpus, 2 * LANES) for each in chosen]
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        axes = figure.subplots(len(chosen), 1, sharex=True, squeeze=False, height_ratios=lanes)[:, 0]
        for axis, recording, count in zip(axes, chosen, lanes, strict=True):
            _panel(axis, recording, count, begin, end, PLOT_PIXELS[1] / sum(lanes))
        axes[-1].set_xlabel("time since the start of the run (us)")
        figure.legend(handles=_legend(chosen), loc="outside lower center", ncols=9, fontsize=11, handlelength=1.6)
        figure.suptitle(f"{result.scenario}: {end - begin:.3g} us of what every CPU does", fontsize=16)
    return figure


def _chosen(found: Sequence[Recording]) -> list[Recording]:
    """Return the cases to draw: all if there is room, else the first and those that wait most."""
    room = max(1, LANES // max(each.cpus for each in found))
    if len(found) <= room:
        return list(found)
    by_wait = sorted(found, key=_waited, reverse=True)
    wanted = by_wait[:1] if room == 1 else [found[0], *(each for each in by_wait if each is not found[0])][:room]
    return [each for each in found if each in wanted]


def _waited(recording: Recording) -> int:
    return sum(int(row["end"] - row["start"]) for row in recording.of("wait"))


def _fewest_functions(chosen: Sequence[Recording], begin: float, end: float) -> int:
    """Return how many functions the quietest lane would show."""
    lanes = [(each, functions(each.lane(cpu))) for each in chosen for cpu in range(each.cpus)]
    return min(sum(begin <= each.microseconds(box.start) < end for box in boxes) for each, boxes in lanes)


def _stretch(chosen: Sequence[Recording], shown: float) -> tuple[float, float]:
    """Return the microseconds to show: everything if it is little, else where the CPUs wait most for locks."""
    begin = min(each.microseconds(each.start) for each in chosen)
    end = max(each.microseconds(each.end) for each in chosen)
    if end - begin <= shown:
        return begin, end
    waits = [
        (each.microseconds(row["start"]), each.microseconds(row["end"])) for each in chosen for row in each.of("wait")
    ]
    starts = [begin + shown / 4 * i for i in range(int((end - begin - shown) / (shown / 4)) + 1)]

    def waiting(start: float) -> float:
        return round(sum(max(0.0, min(b, start + shown) - max(a, start)) for a, b in waits), 6)

    start = max(starts, key=waiting)
    return start, start + shown


# Lanes


def _panel(axis: Axes, recording: Recording, lanes: int, begin: float, end: float, pixels: float) -> None:
    axis.set_xlim(begin, end)
    axis.set_ylim(lanes - 0.02, -0.08)
    bottom, height = _at(0, UPPER)
    axis.set_yticks([lane + bottom + height / 2 for lane in range(lanes)], [f"CPU {lane}" for lane in range(lanes)])
    axis.tick_params(axis="y", length=0, labelsize=11 if lanes <= LANES else 8)
    axis.ticklabel_format(axis="x", useOffset=False)
    axis.grid(visible=False, axis="y")
    axis.spines["left"].set_visible(False)
    axis.set_title(recording.name if lanes == recording.cpus else f"{recording.name}, CPU 0 to {lanes - 1}", loc="left")
    for cpu in range(lanes):
        _lane(axis, recording, cpu, pixels)
    for row in recording.of("wait"):
        # Arrows only between lanes shown, from a release to the end of the wait it ended.
        if 0 <= row["giver"] < lanes and row["cpu"] < lanes and begin <= recording.microseconds(row["given"]):
            _arrow(axis, recording, row, end)


def _lane(axis: Axes, recording: Recording, cpu: int, pixels: float) -> None:
    """Draw all of a lane, which is so many pixels high, but hand-overs."""
    rows = recording.lane(cpu)
    left, right = axis.get_xlim()

    def shown(start: int, end: int) -> bool:
        """Whether some of it is in the picture: a file should not have what nobody sees."""
        return recording.microseconds(end) >= left and recording.microseconds(start) <= right

    bars = recording_bars(recording, [row for row in rows if shown(row["start"], row["end"])])
    for context, colour in CONTEXTS.items():
        # Contexts that interrupt others are drawn over them.
        axis.broken_barh(bars[context], _at(cpu, UPPER), facecolor=colour, edgecolor=FRAME, linewidth=0.4)
    found = [each for each in functions(rows) if each.kind == "function"]
    boxes = [(each.start, each.end, each.name) for each in found if shown(each.start, each.end)]
    work = [(row["start"], row["end"], row["step"]) for row in rows if row.get("activity") == "own work"]
    work = [each for each in work if shown(*each[:2])]
    spans = [_bar(recording, start, end) for start, end, _ in boxes]
    wide = [span for span in spans if span[1] >= NARROW * (right - left)]
    narrow = [span for span in spans if span[1] < NARROW * (right - left)]
    axis.broken_barh(wide, _at(cpu, UPPER), facecolor="none", edgecolor="black", linewidth=0.7)
    axis.broken_barh(narrow, _at(cpu, UPPER), facecolor="black", alpha=0.45, linewidth=0)
    for start, end, name in [*boxes, *work]:
        _label(axis, recording, cpu, (start, end), name, pixels)
    axis.broken_barh(bars["wait"], _at(cpu, LOCKS), facecolor="white", edgecolor="black", hatch=WAIT, linewidth=0.5)
    axis.broken_barh(bars["hold"], _at(cpu, LOCKS), facecolor=HOLD, edgecolor=HOLD, linewidth=0.5)
    axis.broken_barh(bars["irqs_off"], _at(cpu, MASKED), facecolor="black", linewidth=0)


def recording_bars(recording: Recording, rows: Sequence[Row]) -> dict[str, Bars]:
    """Return start and length (us) of every bar of a lane, by context and by kind of record."""
    bars: dict[str, Bars] = {name: [] for name in (*CONTEXTS, "wait", "hold", "irqs_off")}
    for row in rows:
        name = row["context"] if row["kind"] == "context" else row["kind"]
        if name in bars:
            bars[name].append(_bar(recording, row["start"], row["end"]))
    return bars


def _bar(recording: Recording, start: int, end: int) -> tuple[float, float]:
    return recording.microseconds(start), recording.microseconds(end - start)


def _at(cpu: int, part: tuple[float, float]) -> tuple[float, float]:
    """Return bottom and height of a part of a lane, on an axis that points down."""
    bottom, height = part
    return cpu + 0.9 - bottom - height, height


def _label(axis: Axes, recording: Recording, cpu: int, box: tuple[int, int], name: str, pixels: float) -> None:
    """Write a name where it fits, in the part of the box that is shown: along it, or in high lanes across."""
    left, right = axis.get_xlim()
    a, b = max(recording.microseconds(box[0]), left), min(recording.microseconds(box[1]), right)
    bottom, height = _at(cpu, UPPER)
    width, length = (b - a) / (right - left) * PLOT_PIXELS[0], CHARACTER[0] * (len(name) + 1)
    along = width > length
    if along or (width > CHARACTER[1] and pixels * height > length - CHARACTER[0]):
        rotation = 0 if along else 90
        middle = (a + b) / 2, bottom + height / 2
        size = 9 if pixels > CHARACTER[1] / UPPER[1] else 8
        axis.text(*middle, name, ha="center", va="center", fontsize=size, rotation=rotation, clip_on=True)


def _arrow(axis: Axes, recording: Recording, row: Row, end: float) -> None:
    given, taken = recording.microseconds(row["given"]), recording.microseconds(row["end"])
    if taken > end or row["end"] >= recording.end:
        return
    bottom, height = LOCKS
    axis.annotate(
        "",
        (taken, row["cpu"] + 0.9 - bottom - height / 2),
        (given, row["giver"] + 0.9 - bottom - height / 2),
        arrowprops={"arrowstyle": "-|>", "linewidth": 0.9, "color": "black", "shrinkA": 0, "shrinkB": 0},
        annotation_clip=True,
    )


def _legend(chosen: Sequence[Recording]) -> list[Patch | Line2D]:
    seen = {row["context"] for each in chosen for row in each.of("context")}
    handles: list[Patch | Line2D] = [
        Patch(facecolor=colour, edgecolor=FRAME, label=context)
        for context, colour in CONTEXTS.items()
        if context in seen
    ]
    handles.append(Patch(facecolor="none", edgecolor="black", label="function, named where it fits"))
    if any(each.of("hold") for each in chosen):
        handles += [
            Patch(facecolor="white", edgecolor="black", hatch=WAIT, label="waits for a lock"),
            Patch(facecolor=HOLD, label="holds it"),
            Line2D([], [], color="black", marker=">", markersize=6, linewidth=0.9, label="hand-over"),
        ]
    return [*handles, Line2D([], [], color="black", linewidth=4, label="interrupts off")]
