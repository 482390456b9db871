"""What figures are drawn from, as plain data: curves and bars that can be stored, compared and tabulated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simalloc.results import Result, Row

Series = list[dict[str, Any]]
"""One entry a curve, bar or panel, with its name and its numbers in the figure's units."""


def point_of(result: Result, row: Row) -> tuple[Any, ...]:
    """Return the point of the sweep that a row is of."""
    return tuple(row.get(name) for name in result.swept)


def points_of(result: Result, rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    """Return the points of the sweep that these rows have, in order."""
    return list(dict.fromkeys(point_of(result, row) for row in rows))


def point_name(result: Result, point: tuple[Any, ...]) -> str:
    """Return a point as people read it: `cpus = 8, batch = 31`; empty without a sweep."""
    return ", ".join(f"{name} = {value}" for name, value in zip(result.swept, point, strict=True))


def by_batch(rows: list[Row], unit: str) -> dict[str, Any]:
    """Return a curve against batch (pages): values under the name of their unit, half intervals, published points."""
    compared = [row for row in rows if "published" in row]
    return {
        "batch": [row["batch"] for row in rows],
        unit: [row["value"] for row in rows],
        "ci95": [row.get("ci95", 0.0) for row in rows],
        "published_batch": [row["batch"] for row in compared],
        "published": [row["published"] for row in compared],
    }


def thinned(items: list[Any], most: int) -> list[Any]:
    """Return at most so many of the items, evenly chosen, the first and the last among them."""
    if len(items) <= most:
        return items
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]
