"""The table of a sweep: a block per metric, a line per point, a column per label."""

from __future__ import annotations

from simalloc.results.errors import relative_error
from simalloc.results.metric_table import TITLES
from simalloc.results.result import Result, Row

CELL = 27


def sweep_table(result: Result) -> str:
    """Return the metrics that have a title, with intervals, published figures and errors; labels side by side."""
    labels = [case["label"] for case in result.cases]
    blocks: dict[str, dict[tuple[object, ...], dict[str, Row]]] = {}
    for row in result.rows:
        if row["metric"] in TITLES:
            point = tuple(row[name] for name in result.swept)
            blocks.setdefault(row["metric"], {}).setdefault(point, {})[row["label"]] = row
    order = [metric for metric in TITLES if metric in blocks]
    return "\n\n".join(_block(result.swept, labels, metric, blocks[metric]) for metric in order)


def _block(swept: list[str], labels: list[str], metric: str, points: dict[tuple[object, ...], dict[str, Row]]) -> str:
    rows = [row for cells in points.values() for row in cells.values()]
    published = any("published" in row for row in rows)
    head = "".join(f"{name:>9}" for name in swept)
    columns = "".join(f"{label:>{CELL}}" + (f"{'published':>11}{'error':>8}" if published else "") for label in labels)
    lines = [f"{TITLES[metric]} ({rows[0]['unit']}, +- 95 %)", head + columns]
    for point, cells in points.items():
        start = "".join(f"{value!s:>9}" for value in point)
        lines.append((start + "".join(_cell(cells.get(label), published=published) for label in labels)).rstrip())
    return "\n".join(lines)


def _cell(row: Row | None, *, published: bool) -> str:
    if row is None:
        return " " * (CELL + (19 if published else 0))
    text = f"{row['value']:.4g}" if abs(row["value"]) >= 1000 else f"{row['value']:.2f}"
    if row.get("ci95"):
        text += f" +-{row['ci95']:.2g}" if row["ci95"] < 1000 else f" +-{row['ci95']:.1e}"
    text = text.rjust(CELL)
    if published and row.get("published") is not None:
        error = f"{relative_error(row):+.1%}" if row["unit"] != "%" else f"{row['value'] - row['published']:+.1f}"
        text += f"{row['published']:>11.4g}" + (error if row["published"] or row["unit"] == "%" else "").rjust(8)
    elif published:
        text += " " * 19
    return text
