"""One look for all figures: colour-blind safe, told apart in greyscale by dash, mark and hatch, readable on a slide."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from simalloc.results import write_whole

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's palette, strongest contrasts first."""

DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1, 1, 1)), (0, (8, 2)), (0, (3, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")

GREY = "#555555"
"""Of what is no curve: bounds, knees, notes. 7.5 to 1 on white."""

PARAMETERS: Any = {
    "figure.dpi": 100,
    "figure.constrained_layout.w_pad": 0.1,  # inches: or one panel's 100 and the next one's 0 read as 1000
    "savefig.dpi": 100,
    "font.size": 13,
    "axes.titlesize": 15,
    "axes.labelsize": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "hatch.linewidth": 0.8,
    "svg.hashsalt": "simalloc",
}

SLIDE = (12.8, 7.2)
"""Inches; 1280 x 720 pixels."""

FORMATS = ("png", "svg")


def look(i: int) -> dict[str, Any]:
    """Return colour, dash and width of curve number `i`: 36 that differ."""
    return {"color": colour(i), "linestyle": DASHES[(i + i // len(COLOURS)) % len(DASHES)], "linewidth": 2.2}


def colour(i: int) -> str:
    """Return the colour of curve number `i`."""
    return COLOURS[i % len(COLOURS)]


def points(axis: Axes, i: int, x: Sequence[float], y: Sequence[float]) -> None:
    """Draw published figures beside curve number `i`: hollow marks."""
    axis.plot(x, y, **hollow(i))


def hollow(i: int) -> dict[str, Any]:
    """Return what draws the hollow marks of curve number `i`."""
    return {
        "linestyle": "",
        "marker": MARKERS[i % len(MARKERS)],
        "color": colour(i),
        "markerfacecolor": "white",
        "markersize": 7,
        "markeredgewidth": 1.6,
    }


def handle(i: int, label: str, *, marked: bool = False) -> Line2D:
    """Return the legend's entry for curve number `i`, with its mark where there are published points."""
    marks = hollow(i) if marked else {}
    return Line2D([], [], label=label, **(marks | look(i)))


def columns(handles: Sequence[Artist]) -> int:
    """Return how many entries of a legend fit side by side under a slide: all if they do, else in even lines."""
    widest = max(len(str(handle.get_label())) for handle in handles)
    lines = -(-len(handles) * (widest + 6) // 120)
    return -(-len(handles) // lines)


def above(text: str, panels: int) -> str:
    """Break a panel's title into lines that fit above one of so many panels side by side."""
    return "\n".join(_lines(line, 96 // panels) for line in text.split("\n"))


def beside(text: str) -> str:
    """Break the name of a bar into lines, so that it leaves room for the bar."""
    return _lines(text, 28)


def beneath(text: str) -> str:
    """Break the name of a column into lines, so that it leaves room for the axes above it."""
    return _lines(text, 20)


def _lines(text: str, width: int) -> str:
    """Break a text into lines, but no `batch = 8` in two: hard spaces are none to `fill`."""
    return fill(text.replace(" = ", "\xa0=\xa0"), width).replace("\xa0", " ")


def note(label: str) -> Line2D:
    """Return an entry of a legend that is words alone."""
    return Line2D([], [], linestyle="", label=label)


def plain_numbers(axis: Axis) -> None:
    """Write plain numbers at 1, 10, 100 on a logarithmic axis, and between them if it spans less than two decades."""
    low, high = axis.get_view_interval()
    subs: tuple[float, ...] = (1.0,)
    if high < 100 * low:
        subs = (1.0, 2.0, 5.0) if high >= 6 * low else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
    axis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.10f}".rstrip("0").rstrip(".")))
    axis.set_minor_formatter(NullFormatter())


def save(figure: Figure, stem: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write `stem`.png, `stem`.svg or both, the same bytes every time; return the files."""
    files = []
    with rc_context(PARAMETERS):  # its salt names the parts of an SVG
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # what has been laid out stays; each savefig would do it again, at half its cost
        for each in formats:
            files.append(stem.with_name(f"{stem.name}.{each}"))
            metadata = {"Software": None} if each == "png" else {"Date": None}
            picture = BytesIO()
            figure.savefig(picture, format=each, metadata=metadata)
            write_whole(files[-1], picture.getvalue())
    return files
