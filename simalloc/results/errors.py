"""How far simulated figures lie from published ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from simalloc.results.result import Row


@dataclass(frozen=True, slots=True)
class Errors:
    """Relative errors against published figures: how many, root mean square, and the worst with its row."""

    points: int
    rms: float
    worst: float
    worst_row: Row


def relative_error(row: Row) -> float:
    """Return (simulated - published) / published of a row that has both."""
    return float(row["value"] / row["published"] - 1)


def errors(rows: Iterable[Row]) -> Errors | None:
    """Return the errors over those rows that have a published figure, None if none has."""
    compared = [row for row in rows if row.get("published") and row["unit"] != "%"]
    if not compared:
        return None
    worst = max(compared, key=lambda row: abs(relative_error(row)))
    rms = sqrt(sum(relative_error(row) ** 2 for row in compared) / len(compared))
    return Errors(len(compared), rms, relative_error(worst), worst)
