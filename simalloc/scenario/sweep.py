"""What a sweep asks for: a grid of keys and values, keys that change together, or a list of points."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from simalloc.scenario.errors import Path, Problem, shortened

Grid = dict[str, Annotated[list[Any], Field(min_length=1)]]
Listed = Annotated[list[Annotated[dict[str, Any], Field(min_length=1)]], Field(min_length=1)]
Sweep = Annotated[
    Annotated[Grid, Tag("grid")] | Annotated[Listed, Tag("points")],
    Discriminator(lambda value: "points" if isinstance(value, list) else "grid"),
]

NOT_A_PARAMETER = ("name", "about", "published", "calibration", "replications", "sweep", "compare", "plots")
RESERVED = frozenset(
    {
        *("label", "metric", "value", "unit", "ci95", "change", "change_ci95", "published", "replications"),
        *("replication", "seed", "config", "simalloc", "status", "error"),
        *("cpu", "context", "activity", "step", "count", "cycles", "kind", "site", "mean", "max", "histogram"),
        *("lock", "acquisitions", "contentions", "name", "number", "start", "end"),
    }
)
"""Columns of tables that have a meaning of their own: of figures, the journal, the ledger, latencies and locks."""

MOST_POINTS = 100_000
"""Points of a sweep: each is validated before any is run."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a sweep: keys of the scenario with their values, and where each value stands in the file."""

    settings: Mapping[str, Any]
    where: Mapping[str, Path]

    def __str__(self) -> str:
        return ", ".join(f"{key} {plain(value)}" for key, value in self.settings.items())


def points_of(sweep: Grid | Listed) -> list[Point]:
    """Return the points, in order: of a grid with the last key changing fastest. Raises Problem."""
    points = _of_list(sweep) if isinstance(sweep, list) else _of_grid(sweep)
    for key, where in points[0].where.items():
        _check_key(key, where)
    return points


def _of_grid(grid: Grid) -> list[Point]:
    number = prod(len(values) for values in grid.values())
    if number > MOST_POINTS:
        raise Problem(("sweep",), f"{number:.3g} points are more than {MOST_POINTS}; sweep fewer values")
    axes = [list(_axis(written, rows)) for written, rows in grid.items()]
    seen: set[str] = set()
    for written, axis in zip(grid, axes, strict=True):
        for key in axis[0].settings:
            if key in seen:
                raise Problem(("sweep", written), f"{key} is swept twice; give its values in one place")
            seen.add(key)
        _check_different(axis, [("sweep", written, i) for i in range(len(axis))])
    return [_together(parts) for parts in product(*axes)]


def _axis(written: str, values: Sequence[Any]) -> Iterator[Point]:
    """Give what one entry of a grid sets, value by value; `a, b` are keys that change together."""
    keys = [key.strip() for key in written.split(",")]
    for i, value in enumerate(values):
        place: Path = ("sweep", written, i)
        if len(keys) == 1:
            yield Point({written: value}, {written: place})
            continue
        if not isinstance(value, list) or len(value) != len(keys):
            wanted = f"a list of {len(keys)}: a value each for {', '.join(keys)}"
            raise Problem(place, f"{shortened(plain(value))} is wrong: it should be {wanted}")
        yield Point(dict(zip(keys, value, strict=True)), {key: (*place, j) for j, key in enumerate(keys)})


def _together(parts: Sequence[Point]) -> Point:
    settings: dict[str, Any] = {}
    where: dict[str, Path] = {}
    for part in parts:
        settings |= part.settings
        where |= part.where
    return Point(settings, where)


def _of_list(listed: Listed) -> list[Point]:
    for i, settings in enumerate(listed):
        missing = [key for key in listed[0] if key not in settings]
        if missing:
            raise Problem(("sweep", i), f"{missing[0]} is missing; every point sets the same keys")
        added = [key for key in settings if key not in listed[0]]
        if added:
            raise Problem(("sweep", i, added[0]), "the first point does not set it; every point sets the same keys")
    points = [Point(settings, {key: ("sweep", i, key) for key in settings}) for i, settings in enumerate(listed)]
    _check_different(points, [("sweep", i) for i in range(len(points))])
    return points


def _check_different(points: Sequence[Point], where: Sequence[Path]) -> None:
    seen: set[str] = set()
    for point, place in zip(points, where, strict=True):
        values = json.dumps([point.settings[key] for key in points[0].settings], default=str)
        if values in seen:
            raise Problem(place, f"{', '.join(str(plain(v)) for v in point.settings.values())} is there twice")
        seen.add(values)


def _check_key(key: str, where: Path) -> None:
    first, *rest = key.split(".")
    if first == "seed":
        raise Problem(where[:2], "seed cannot be swept; `replications` runs every point with other random numbers")
    if first in NOT_A_PARAMETER and not (first == "compare" and rest[1:] and rest[1] != "label"):
        raise Problem(where[:2], f"{key} cannot be swept; it says nothing of one run")


def columns(keys: Sequence[str], taken: Sequence[str]) -> dict[str, str]:
    """Return what tables call each key: its last part, or all of it where that is taken or two would be alike."""
    last = {key: key.rsplit(".", 1)[-1] for key in keys}
    names = list(last.values())
    return {k: k if name in RESERVED or name in taken or names.count(name) > 1 else name for k, name in last.items()}


def plain(value: Any) -> Any:
    """Return a value as a table shows it: a workload as its kind, other mappings and lists as JSON text."""
    if isinstance(value, dict) and isinstance(value.get("kind"), str):
        return value["kind"]
    return json.dumps(value) if isinstance(value, list | dict) else value


def changed(data: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a scenario's data with these dotted keys set; what does not change is shared. Raises Problem."""
    result = dict(data)
    for key, value in settings.items():
        result = _with(result, key.split("."), value, key)
    return result


def _with(node: Any, parts: list[str], value: Any, key: str) -> Any:
    part, *below = parts
    if isinstance(node, list):
        if not part.isdecimal() or int(part) >= len(node):
            raise Problem((key,), f"{part} is no entry; there are {len(node)}, from 0")
        entries = list(node)
        entries[int(part)] = _with(entries[int(part)], below, value, key) if below else value
        return entries
    if node is not None and not isinstance(node, Mapping):
        raise Problem((key,), f"there are no keys below {plain(node)}, where {part} would be")
    inner = dict(node or {})
    if below and below[0].isdecimal() and part not in inner:
        raise Problem((key,), f"{part} has no entries")
    inner[part] = _with(inner.get(part), below, value, key) if below else value
    return inner
