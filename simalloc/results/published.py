"""Published figures to stand beside simulated ones: flat CSV, joined on label, metric and parameters."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simalloc.results.raw_tables import ANY_LABEL, NANOSECONDS, converted, plain_rows, read_raw

if TYPE_CHECKING:
    from simalloc.results.result import Result

FIXED_COLUMNS = ("label", "metric", "value", "unit", "source")

MOST_BYTES = 16 << 20


class PublishedError(Exception):
    """The table cannot be used; the text says why."""


Key = tuple[Any, ...]
"""Label, metric, and the values of the parameters as text."""

TIMES = (*NANOSECONDS, "cycles", "cycles(tsc)")


@dataclass(frozen=True)
class Published:
    """A table of published figures. `units` and `lines` are those of each figure; `notes`: what was taken for what."""

    figures: Mapping[Key, float]
    parameters: tuple[str, ...]
    sources: tuple[str, ...]
    name: str = ""
    units: Mapping[Key, str] = field(default_factory=dict)
    lines: Mapping[Key, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def key(self, label: str, metric: str, parameters: Mapping[str, Any]) -> Key | None:
        """Return what a figure at this point is known by, None if there is none. A table may have one for any label."""
        point = tuple(str(parameters.get(name)) for name in self.parameters)
        keys: tuple[Key, ...] = (label, metric, *point), (ANY_LABEL, metric, *point)
        return next((key for key in keys if key in self.figures), None)

    def get(
        self, label: str, metric: str, parameters: Mapping[str, Any], unit: str | None = None, ghz: float = 1.0
    ) -> float | None:
        """Return the published value at this point, None if there is none, or none that can be had in `unit`."""
        key = self.key(label, metric, parameters)
        if key is None:
            return None
        if unit is None or not self.units.get(key):
            return self.figures[key]
        return converted(self.figures[key], self.units[key], unit, ghz)

    def labels(self) -> dict[str, int]:
        """Return every label with the line where it stands first."""
        found: dict[str, int] = {}
        for key in self.figures:
            found.setdefault(key[0], self.lines.get(key, 0))
        return found

    def left_over(self, result: Result) -> list[str]:
        """Return a line for each label, metric and unit that stands beside nothing in a result, and for conversions."""
        metrics: dict[str, dict[str, str]] = {}
        for row in result.rows:
            metrics.setdefault(row["label"], {})[row["metric"]] = row["unit"]
        told: dict[str, int] = {}
        for key, line in self.lines.items():
            label, metric = key[:2]
            there = {m: u for name, each in metrics.items() if label in (name, ANY_LABEL) for m, u in each.items()}
            if why := self._fault(label, metric, self.units[key], there, list(metrics), result.clock["ghz"]):
                told.setdefault(why, line)
        return [f"{self.name}:{line}: {why}" for why, line in told.items()]

    @staticmethod
    def _fault(label: str, metric: str, unit: str, there: Mapping[str, str], labels: list[str], ghz: float) -> str:
        if not there:
            return f"label {label!r} stands beside nothing; this run has {', '.join(labels)}"
        if metric not in there:
            return f"metric {metric!r} stands beside nothing; {label or 'this run'} has {', '.join(there)}"
        wanted = there[metric]
        if converted(1.0, unit, wanted, ghz) is None:
            return f"{metric} in {unit!r} cannot stand beside {wanted}; it is left out"
        if unit not in (wanted, "cycles(tsc)"):
            return f"{metric} is converted from {unit} to {wanted}" + (
                f" at {ghz:g} GHz" if "cycles" in unit + wanted else ""
            )
        return ""


def read_published(name: str, beside: Path | None = None) -> Published:
    """Read the table `name`: a file beside the scenario, or one that comes with simalloc. Raises PublishedError."""
    text = _text(name, beside)
    try:
        return _read(name, text)
    except csv.Error as error:
        raise PublishedError(f"{name}: not a table of commas and lines: {error}") from None


def _text(name: str, beside: Path | None) -> str:
    """Return what the table's file says. Raises PublishedError for a name that leads out of the scenario's folder."""
    if Path(name).is_absolute() or ".." in Path(name).parts or not name.isprintable():
        raise PublishedError(f"{name[:80]!r} is no name of a file beside the scenario; a table stands in its folder")
    local = beside / name if beside else Path(name)
    try:
        if local.exists():
            if beside and not local.resolve().is_relative_to(beside.resolve()):
                raise PublishedError(f"{local} leads out of the folder of the scenario")
            if not local.is_file() or local.stat().st_size > MOST_BYTES:
                raise PublishedError(f"{local} is no file of at most {MOST_BYTES >> 20} MiB")
            return local.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError):
        raise PublishedError(f"{str(local)[:200]} cannot be read as text in UTF-8") from None
    resource = files("simalloc.data") / name
    if not resource.is_file():
        known = sorted(entry.name for entry in files("simalloc.data").iterdir() if entry.name.endswith(".csv"))
        raise PublishedError(f"no file {local}, and simalloc comes with no {name!r}; known are {', '.join(known)}")
    return resource.read_text(encoding="utf-8")


def _read(name: str, text: str) -> Published:
    raw = read_raw(name, text)
    if raw is not None:
        return _table(name, raw.columns, raw.rows, (raw.note,))
    reader = csv.DictReader(text.splitlines())
    columns = reader.fieldnames or []
    missing = [column for column in FIXED_COLUMNS if column not in columns]
    if missing:
        raise PublishedError(f"{name} has no column {missing[0]!r}; it needs {', '.join(FIXED_COLUMNS)}")
    return _table(name, columns, plain_rows(reader), ())


def _table(
    name: str, columns: Sequence[str], rows: Iterable[tuple[int, Mapping[str, str]]], notes: tuple[str, ...]
) -> Published:
    parameters = tuple(column for column in columns if column not in FIXED_COLUMNS)
    figures: dict[Key, float] = {}
    units: dict[Key, str] = {}
    lines: dict[Key, int] = {}
    sources: dict[str, None] = {}
    for number, row in rows:
        if any(row.get(column) is None for column in columns) or None in row:
            raise PublishedError(f"{name}:{number}: has not the {len(columns)} columns of the first line")
        key = row["label"], row["metric"], *(row[p] for p in parameters)
        if key in figures:
            raise PublishedError(f"{name}:{number}: is for the same point as line {lines[key]}; give one value")
        figures[key] = _value(name, number, row)
        units[key], lines[key] = row["unit"], number
        sources[row["source"]] = None
    return Published(figures, parameters, tuple(sources), name, units, lines, notes)


def _value(name: str, number: int, row: Mapping[str, str]) -> float:
    try:
        value = float(row["value"])
        if not isfinite(value):
            raise ValueError(value)
    except (TypeError, ValueError):
        raise PublishedError(f"{name}:{number}: value {str(row['value'])[:40]!r} is not a finite number") from None
    if value <= 0 and row["unit"] in TIMES:
        raise PublishedError(f"{name}:{number}: {row['metric']} is {row['value']} {row['unit']}; a time is more than 0")
    return value
