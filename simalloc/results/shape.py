"""What a saved run must look like to be read: whole, of a version that is known, its rows with what figures need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class NotAResult(Exception):  # noqa: N818
    """The file is no saved run that this version can read; the text says why."""


NUMBER = (int, float)
COLUMNS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "cases": {"label": str, "allocator": str, "models": str, "batch": int, "high": int},
    "rows": {"label": str, "allocator": str, "metric": str, "value": NUMBER, "unit": str},
    "ledger": {"label": str, "step": str, "activity": str, "context": str, "count": int, "cycles": int},
    "locks": {"label": str, "lock": str, "acquisitions": int, "contentions": int},
    "latency": {"label": str, "kind": str},
    "prices": {"name": str, "value": NUMBER, "unit": str},
    "other_clocks": {"label": str, "preset": str, "unit": str, "ghz": NUMBER},
    "timeline": {"label": str, "kind": str},
    "details": {"label": str, "kind": str},
}
"""Columns that every row of a table has."""

FIELDS: dict[str, type] = {
    "scenario": str,
    "seed": int,
    "simalloc": str,
    "config": str,
    "clock": dict,
    "sources": list,
    "swept": list,
    "planned": int,
    "definition": dict,
    "partial": str,
    "broken": list,
    "plugins": list,
    "details": list,
    "build": str,
}
TABLES = ("cases", "rows", "ledger", "locks", "latency", "prices", "other_clocks")
REQUIRED = ("scenario", "seed", "simalloc", "config", "clock", "cases", "rows")
MAJOR = 0
"""The part of simalloc's version before the first point, under which files are read."""


def checked_shape(data: Any) -> dict[str, Any]:
    """Return the data of a saved run. Raises NotAResult."""
    if not isinstance(data, dict):
        raise NotAResult("result.json is no mapping")
    for name in REQUIRED:
        if name not in data:
            raise NotAResult(f"result.json has no {name!r}")
    for name, value in data.items():
        if name in TABLES:
            checked_rows(name, value)
        elif name not in FIELDS:
            raise NotAResult(f"result.json has {str(name)[:40]!r}, which this version does not know")
        elif not isinstance(value, FIELDS[name]) or isinstance(value, bool):
            raise NotAResult(f"{name} of result.json is no {FIELDS[name].__name__}")
    _check_version(data["simalloc"])
    if not all(_is_text(name) for name in [*data.get("swept", []), *data.get("sources", [])]):
        raise NotAResult("swept and sources of result.json are no lists of texts")
    clock = data["clock"]
    if not (isinstance(clock.get("ghz"), NUMBER) and clock["ghz"] > 0):
        raise NotAResult("clock of result.json has no ghz")
    if not all(_is_text(clock.get(name)) for name in ("preset", "unit")):
        raise NotAResult("clock of result.json has no preset and unit")
    if not all(own["ghz"] > 0 for own in data.get("other_clocks", [])):
        raise NotAResult("other_clocks of result.json has a clock without ghz")
    return data


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _check_version(version: str) -> None:
    major = version.partition(".")[0]
    if major.isdecimal() and int(major) > MAJOR:
        raise NotAResult(f"it is of simalloc {version[:20]}, which this version cannot read")


def checked_rows(name: str, rows: Any) -> list[dict[str, Any]]:
    """Return the rows of a table. Raises NotAResult."""
    columns = COLUMNS[name]
    if not isinstance(rows, list):
        raise NotAResult(f"{name} of result.json is no list")
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise NotAResult(f"{name}[{number}] of result.json is no mapping")
        for column, kind in columns.items():
            if not isinstance(row.get(column), kind):
                raise NotAResult(f"{name}[{number}] of result.json has no {column} that can be used")
    return rows


__all__ = ["NotAResult", "checked_rows", "checked_shape"]
