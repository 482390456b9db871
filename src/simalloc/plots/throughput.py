"""Both truths in one figure: what a page costs on one CPU, what the NIC delivers on all, and where the cycles went."""

from __future__ import annotations

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simalloc.plots import style
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

SHADES = ("#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#CC79A7", "#eeeeee")
HATCHES = ("", "//", "..", "xx", "\\\\", "")


def applies(result: Result) -> bool:
    """Whether the result has what this figure shows."""
    return any(row["metric"] == "throughput" and row["unit"] == "Gbit/s" for row in result.rows)


def throughput(result: Result) -> Figure:
    """Draw cycles per page on one CPU (if measured), Gbit/s of all, and shares of all CPU cycles, by label."""
    labels = [case["label"] for case in result.cases]
    alone = [row for row in result.rows if row["metric"] == "one_cpu_total"]
    with rc_context(style.PARAMETERS):
        figure = Figure(figsize=style.SLIDE, layout="constrained")
        axes = list(figure.subplots(1, 3 if alone else 2, width_ratios=[1, 1, 1.3] if alone else [1, 1.3]))
        if alone:
            _bars(
                axes.pop(0), labels, [row["value"] for row in alone], "One CPU, a task,\nno interrupts", "cycles/page"
            )
        _throughput(axes[0], result, labels)
        _shares(axes[1], result, labels)
        figure.suptitle(
            f"{result.scenario}: what a page costs, what the NIC delivers, where the cycles went", fontsize=16
        )
    return figure


def _bars(axis: Axes, labels: list[str], values: list[float], title: str, unit: str) -> None:
    axis.bar(labels, values, color=SHADES[0], width=0.65)
    for i, value in enumerate(values):
        axis.annotate(f"{value:.0f}", (i, value), ha="center", va="bottom", fontsize=12)
    axis.set_title(title)
    axis.set_ylabel(f"allocation + free ({unit})")
    axis.grid(visible=False, axis="x")
    axis.tick_params(axis="x", rotation=30)


def _throughput(axis: Axes, result: Result, labels: list[str]) -> None:
    rows = {row["label"]: row for row in result.rows if row["metric"] == "throughput"}
    values = [rows[label]["value"] for label in labels]
    axis.bar(
        labels,
        values,
        yerr=[rows[label].get("ci95", 0.0) for label in labels],
        color=SHADES[1],
        width=0.65,
        capsize=5,
        label="simulated, 95 % interval",
    )
    for i, value in enumerate(values):
        axis.annotate(f"{value:.1f}", (i, value / 2), ha="center", va="center", fontsize=12)
    published = [(i, rows[label]["published"]) for i, label in enumerate(labels) if "published" in rows[label]]
    if published:
        axis.plot(*zip(*published, strict=True), "D", color="black", markerfacecolor="white", label="published")
    axis.set_ylim(top=max(values) * 1.25)
    axis.legend(loc="upper right", fontsize=11)
    axis.set_title("All CPUs receive,\na page per packet")
    axis.set_ylabel("delivered (Gbit/s)")
    axis.grid(visible=False, axis="x")
    axis.tick_params(axis="x", rotation=30)


def _shares(axis: Axes, result: Result, labels: list[str]) -> None:
    bottoms = [0.0] * len(labels)
    for (name, activities), colour, hatch in zip(GROUPS.items(), SHADES, HATCHES, strict=True):
        heights = [_share(result, label, activities) for label in labels]
        axis.bar(labels, heights, bottom=bottoms, color=colour, hatch=hatch, edgecolor="white", width=0.65, label=name)
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    axis.set_title("Where the CPUs' cycles went")
    axis.set_ylabel("share of all CPU cycles (%)")
    axis.set_ylim(0, 100)
    axis.grid(visible=False)
    axis.tick_params(axis="x", rotation=30)
    handles, names = axis.get_legend_handles_labels()
    axis.legend(handles[::-1], names[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=11)


def _share(result: Result, label: str, activities: tuple[str, ...]) -> float:
    rows = [row for row in result.ledger if row["label"] == label]
    part = sum(row["cycles"] for row in rows if row["activity"] in activities)
    return float(100 * part / sum(row["cycles"] for row in rows))
