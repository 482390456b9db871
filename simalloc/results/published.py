"""Published figures to stand beside simulated ones: flat CSV, joined on label, metric and parameters."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import Any

FIXED_COLUMNS = ("label", "metric", "value", "unit", "source")

MOST_BYTES = 16 << 20


class PublishedError(Exception):
    """The table cannot be used; the text says why."""


@dataclass(frozen=True)
class Published:
    """A table of published figures."""

    figures: Mapping[tuple[Any, ...], float]
    parameters: tuple[str, ...]
    sources: tuple[str, ...]

    def get(self, label: str, metric: str, parameters: Mapping[str, Any]) -> float | None:
        """Return the published value at this point, None if there is none."""
        point = tuple(str(parameters.get(name)) for name in self.parameters)
        return self.figures.get((label, metric, *point))


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
    reader = csv.DictReader(text.splitlines())
    columns = reader.fieldnames or []
    missing = [column for column in FIXED_COLUMNS if column not in columns]
    if missing:
        raise PublishedError(f"{name} has no column {missing[0]!r}; it needs {', '.join(FIXED_COLUMNS)}")
    parameters = tuple(column for column in columns if column not in FIXED_COLUMNS)
    figures: dict[tuple[str | None, ...], float] = {}
    sources: dict[str, None] = {}
    for number, row in enumerate(reader, start=2):
        try:
            value = float(row["value"])
            if not isfinite(value):
                raise ValueError(value)
        except (TypeError, ValueError):
            raise PublishedError(f"{name}:{number}: value {str(row['value'])[:40]!r} is not a finite number") from None
        figures[row["label"], row["metric"], *(row[p] for p in parameters)] = value
        sources[row["source"]] = None
    return Published(figures, parameters, tuple(sources))
