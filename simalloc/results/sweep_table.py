"""The table of a sweep: a block per metric, a line per point, a column per label."""

from __future__ import annotations

from collections.abc import Iterable

from simalloc.results.columns import heads
from simalloc.results.errors import relative_error
from simalloc.results.metric_table import TITLES
from simalloc.results.result import Result, Row, parameters

CELL = 27


def sweep_table(result: Result) -> str:
    """Return the metrics that have a title, with intervals, published figures and errors; labels side by side."""
    labels = [case["label"] for case in result.cases]
    names = [*result.swept, *_varying(result)]
    blocks: dict[tuple[str, str], dict[tuple[object, ...], dict[str, Row]]] = {}
    for row in result.rows:
        if row["metric"] in TITLES:
            point = tuple(row.get(name, "") for name in names)
            blocks.setdefault((row["metric"], row["unit"]), {}).setdefault(point, {})[row["label"]] = row
    order = sorted(blocks, key=lambda block: list(TITLES).index(block[0]))
    return "\n\n".join(_block(names, labels, metric, blocks[metric, unit]) for metric, unit in order)


def _varying(result: Result) -> list[str]:
    """Return the parameters of figures (pagealloc's batch) that differ from row to row."""
    values: dict[str, set[object]] = {}
    for row in result.rows:
        for name in parameters(row).keys() - set(result.swept):
            values.setdefault(name, set()).add(row[name])
    return sorted(name for name, found in values.items() if len(found) > 1)


def _widths(names: list[str], points: Iterable[tuple[object, ...]]) -> list[int]:
    """Return how wide a column each parameter needs."""
    values = [[str(value) for value in column] for column in zip(*points, strict=True)]
    return [max(9, 2 + len(name), *(2 + len(v) for v in column)) for name, column in zip(names, values, strict=True)]


def _block(names: list[str], labels: list[str], metric: str, points: dict[tuple[object, ...], dict[str, Row]]) -> str:
    rows = [row for cells in points.values() for row in cells.values()]
    published = any("published" in row for row in rows)
    widths = _widths(names, points)
    head = "".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))
    beside = f"{'published':>11}{'error':>8}" if published else ""
    *above, last = [_spread(line, len(beside)) for line in heads(labels, CELL)]
    columns = "".join(last[i : i + CELL] + beside for i in range(0, len(last), CELL + len(beside)))
    lines = [f"{TITLES[metric]} ({rows[0]['unit']}, +- 95 %)"]
    lines += [" " * len(head) + line for line in above]
    lines.append(head + columns)
    for point, cells in points.items():
        start = "".join(f"{value!s:>{width}}" for value, width in zip(point, widths, strict=True))
        lines.append((start + "".join(_cell(cells.get(label), published=published) for label in labels)).rstrip())
    return "\n".join(lines)


def _spread(line: str, beside: int) -> str:
    """Return a line of heads with room for so many signs after each."""
    return "".join(line[i : i + CELL] + " " * beside for i in range(0, len(line), CELL))


def _cell(row: Row | None, *, published: bool) -> str:
    if row is None:
        return " " * (CELL + (19 if published else 0))
    text = _number(row["value"], 2)
    if row.get("ci95"):
        text += f" +-{row['ci95']:.2g}" if row["ci95"] < 100 else f" +-{_number(row['ci95'], 0)}"
    text = text.rjust(CELL)
    if published and row.get("published") is not None:
        error = f"{relative_error(row):+.1%}" if row["unit"] != "%" else f"{row['value'] - row['published']:+.1f}"
        known = row["published"] or row["unit"] == "%"
        text += f"{_number(row['published'], 2):>11}{error if known else '':>8}"
    elif published:
        text += " " * 19
    return text


def _number(value: float, digits: int) -> str:
    """Return a number with so many digits after the point, and from 1000 on with none."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}f}"
