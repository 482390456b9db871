"""Both truths in one figure: what a page costs on one CPU, what the NIC delivers on all, and where the cycles went."""

from __future__ import annotations

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simalloc.plots import style
from simalloc.plots.series import Series
from simalloc.results import Result

GROUPS = {
    "packets": ("own work",),
    "page allocator": (
        "call overhead",
        "mask/unmask",
        "list",
        "statistics",
        "prepare",
        "buddy removal",
        "buddy insertion",
        "cache miss",
        "lock acquire/release",
    ),
    "moving cache lines": ("line transfer",),
    "waiting for zone->lock": ("spin",),
    "interrupt entry and exit": ("interrupt entry/exit",),
    "idle": ("idle",),
}
"""Which activities of the ledger are shown together."""

SHADES = ("#0072B2", "#A6D8F5", "#E69F00", "#D55E00", "#CC79A7", "#eeeeee")
HATCHES = ("", "", "\\\\", "xx", "--", "")


def applies(result: Result) -> bool:
    """Whether the result has what this figure shows."""
    return not result.swept and any(row["metric"] == "throughput" and row["unit"] == "Gbit/s" for row in result.rows)


def series(result: Result) -> Series:
    """Return an entry per label: Gbit/s with its half interval and published figure, cycles per page, shares (%)."""
    alone = {row["label"]: row["value"] for row in result.rows if row["metric"] == "one_cpu_total"}
    delivered = {row["label"]: row for row in result.rows if row["metric"] == "throughput"}
    entries = []
    for label in (case["label"] for case in result.cases if case["label"] in delivered):
        row = delivered[label]
        entry = {"label": label, "gbits": row["value"], "ci95": row.get("ci95", 0.0)}
        if "published" in row:
            entry["published"] = row["published"]
        if label in alone:
            entry["one_cpu_cycles_per_page"] = alone[label]
        entry["percent"] = {name: _share(result, label, activities) for name, activities in GROUPS.items()}
        entries.append(entry)
    return entries


def draw(result: Result) -> Figure:
    """Draw cycles per page on one CPU (if measured), Gbit/s of all, and shares of all CPU cycles, by label."""
    entries = series(result)
    alone = all("one_cpu_cycles_per_page" in entry for entry in entries)
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        axes = list(figure.subplots(1, 3 if alone else 2, width_ratios=[1, 1, 1.3] if alone else [1, 1.3]))
        if alone:
            _alone(axes.pop(0), entries)
        _throughput(axes[0], entries)
        _shares(axes[1], entries)
        for axis in figure.axes:
            names = [style.beneath(entry["label"]) for entry in entries]
            axis.set_xticks(range(len(entries)), names, rotation=30, ha="right", rotation_mode="anchor")
        title = "what a page costs, what the NIC delivers, where the cycles went"
        figure.suptitle(f"{result.scenario}: {title}", fontsize=16)
    return figure


def _alone(axis: Axes, entries: Series) -> None:
    values = [entry["one_cpu_cycles_per_page"] for entry in entries]
    axis.bar(range(len(entries)), values, color=SHADES[0], width=0.65)
    for i, value in enumerate(values):
        axis.annotate(f"{value:.0f}", (i, value), ha="center", va="bottom", fontsize=13)
    axis.set_title("One CPU, a task,\nno interrupts")
    axis.set_ylabel("allocation + free (cycles/page)")
    axis.grid(visible=False, axis="x")


def _throughput(axis: Axes, entries: Series) -> None:
    values = [entry["gbits"] for entry in entries]
    axis.bar(
        range(len(entries)),
        values,
        yerr=[entry["ci95"] for entry in entries],
        color=SHADES[1],
        width=0.65,
        capsize=5,
        label="simulated, 95 % interval",
    )
    for i, value in enumerate(values):
        axis.annotate(f"{value:.1f}", (i, value / 2), ha="center", va="center", fontsize=13)
    published = [(i, entry["published"]) for i, entry in enumerate(entries) if "published" in entry]
    if published:
        axis.plot(
            *zip(*published, strict=True),
            "D",
            color="black",
            markerfacecolor="white",
            markersize=8,
            markeredgewidth=1.6,
            label="published",
        )
    axis.set_ylim(0, max(values) * 1.3 or 1)
    axis.legend(loc="upper center", fontsize=11, handlelength=1.2)
    axis.set_title("All CPUs receive,\na page or block per packet")
    axis.set_ylabel("delivered (Gbit/s)")
    axis.grid(visible=False, axis="x")


def _shares(axis: Axes, entries: Series) -> None:
    bottoms = [0.0] * len(entries)
    for name, colour, hatch in zip(GROUPS, SHADES, HATCHES, strict=True):
        heights = [entry["percent"][name] for entry in entries]
        axis.bar(
            range(len(entries)),
            heights,
            bottom=bottoms,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            width=0.65,
            label=name,
        )
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    axis.set_title("Where the CPUs' cycles\nof the whole run went")
    axis.set_ylabel("share of all CPU cycles (%)")
    axis.set_ylim(0, 100)
    axis.grid(visible=False)
    handles, names = axis.get_legend_handles_labels()
    axis.legend(handles[::-1], names[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=12)


def _share(result: Result, label: str, activities: tuple[str, ...]) -> float:
    rows = [row for row in result.ledger if row["label"] == label]
    part = sum(row["cycles"] for row in rows if row["activity"] in activities)
    return float(100 * part / sum(row["cycles"] for row in rows))
