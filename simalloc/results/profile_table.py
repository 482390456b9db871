"""The table of a scenario with `profile`: four figures that all workloads have, a line per point and label."""

from __future__ import annotations

from simalloc.results.result import Result, Row

PROFILE = {
    "cycles_per_op": "cycles/op",
    "irqsoff_longest": "IRQs off, us",
    "zone_lock_wait": "zone lock, %",
    "parked": "parked/CPU",
}
"""The metrics, and what the table calls them."""

CELL = 14


def profile_points(result: Result) -> dict[tuple[str, ...], dict[str, Row]]:
    """Return the figures by point of the sweep and label, in order; empty for a scenario without `profile`."""
    points: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in result.rows:
        if row["metric"] in PROFILE:
            point = (*(str(row[name]) for name in result.swept), row["label"])
            points.setdefault(point, {})[row["metric"]] = row
    return points


def profile_table(result: Result) -> str:
    """Return the table as text."""
    points = profile_points(result)
    names = [*result.swept, "label"] if has_labels(result) else list(result.swept)
    width = [max(len(name), *(len(point[i]) for point in points)) + 2 for i, name in enumerate(names)]
    lines = [
        "cycles per operation, longest window with interrupts off, share of CPU time waiting for zone->lock, pages on "
        "pcp lists at the end",
        "".join(f"{name:<{w}}" for name, w in zip(names, width, strict=True))
        + "".join(f"{title:>{CELL}}" for title in PROFILE.values()),
    ]
    for point, cells in points.items():
        start = "".join(f"{part:<{w}}" for part, w in zip(point, width, strict=False))
        lines.append(start + "".join(_cell(cells.get(metric)) for metric in PROFILE))
    return "\n".join(lines)


def has_labels(result: Result) -> bool:
    """Whether labels tell points apart, beside the keys that are swept: one case is named after its allocator."""
    return not all(point[-1] in point[:-1] for point in profile_points(result)) or not result.swept


def _cell(row: Row | None) -> str:
    if row is None:
        return " " * CELL
    value = row["value"]
    return f"{f'{value:,.0f}' if abs(value) >= 1000 else f'{value:.2f}':>{CELL}}"
