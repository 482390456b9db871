"""Results side by side, each with a name: a run's cases, or what was recorded on a real kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simalloc.results.lock_stat import lock_stat_rows, read_lock_stat
from simalloc.results.result import Result, Row, load_result

LONGEST_NAME = 28


@dataclass(frozen=True, slots=True)
class Compared:
    """One column of a comparison: its name, and its lock statistics (times in microseconds), a row a class."""

    name: str
    locks: Sequence[Row]


def compared(path: Path) -> list[Compared]:
    """Return the columns that a path stands for: a case each of a saved run, or one of a lock_stat file.

    Raises LockStatError and what `load_result` does.
    """
    if path.is_dir():
        return of_result(load_result(path), path.name)
    return [Compared(path.name, read_lock_stat(path))]


def of_result(result: Result, name: str) -> list[Compared]:
    """Return a column for each case of a run."""
    found: dict[str, list[Row]] = {}
    for row in lock_stat_rows(result):
        parts = [str(row["label"]), *(f"{key} {row.get(key)}" for key in result.swept)]
        found.setdefault(", ".join(parts), []).append(row)
    return [Compared(f"{name}: {case}", rows) for case, rows in found.items()]


FIGURES = {
    "acquisitions": "acquisitions",
    "contended, %": "contentions",
    "bounced, %": "acq_bounces",
    "wait avg, us": "waittime_avg",
    "wait max, us": "waittime_max",
    "hold avg, us": "holdtime_avg",
    "hold max, us": "holdtime_max",
}
"""What stands side by side. Shares are of the acquisitions, so that how long was measured does not matter."""


def locks_side_by_side(columns: Sequence[Compared]) -> list[Row]:
    """Return a row for each lock class that several columns have and figure: `lock`, `figure`, and a value a column.

    Values are None where a column has no such class, or the file no such figure. Of classes with readers only those who
    write are compared.
    """
    by_class = [{row["lock"]: row for row in reversed(each.locks) if row.get("mode") != "R"} for each in columns]
    names = list(dict.fromkeys(name for locks in by_class for name in locks))
    shared = [name for name in names if sum(name in locks for locks in by_class) > 1]
    return [
        {"lock": name, "figure": figure, "values": [_figure(locks.get(name), column, figure) for locks in by_class]}
        for name in shared
        for figure, column in FIGURES.items()
    ]


def _figure(row: Row | None, column: str, figure: str) -> float | None:
    if row is None or column not in row:
        return None
    if figure.endswith("%"):
        return 100 * row[column] / row["acquisitions"] if row["acquisitions"] else 0.0
    return float(row[column])


def comparison_text(columns: Sequence[Compared]) -> str:
    """Return lock statistics side by side as text; says so if no class is in two columns."""
    rows = locks_side_by_side(columns)
    if not rows:
        return "no lock class is in two of these; what they have: " + "; ".join(
            f"{each.name}: {', '.join(str(row['lock']) for row in each.locks) or 'none'}" for each in columns
        )
    names = [each.name if len(each.name) <= LONGEST_NAME else each.name[: LONGEST_NAME - 1] + "…" for each in columns]
    width = max(14, *map(len, names))
    lines = []
    for row in rows:
        if row["figure"] == next(iter(FIGURES)):
            lines += ["", f"{row['lock']:<20}" + "".join(f"{name:>{width + 2}}" for name in names)]
        cells = "".join(f"{_cell(value, row['figure']):>{width + 2}}" for value in row["values"])
        lines.append(f"  {row['figure']:<18}{cells}")
    return "\n".join(lines[1:])


def _cell(value: float | None, figure: str) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if figure == "acquisitions" else f"{value:.2f}"
