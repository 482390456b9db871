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
    local = beside / name if beside else Path(name)
    if local.is_file():
        try:
            text = local.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise PublishedError(f"{local} cannot be read as text in UTF-8") from None
    else:
        resource = files("simalloc.data") / name
        if not resource.is_file():
            known = sorted(entry.name for entry in files("simalloc.data").iterdir() if entry.name.endswith(".csv"))
            raise PublishedError(f"no file {local}, and simalloc comes with no {name!r}; known are {', '.join(known)}")
        text = resource.read_text(encoding="utf-8")
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
            raise PublishedError(f"{name}:{number}: value {row['value']!r} is not a finite number") from None
        figures[row["label"], row["metric"], *(row[p] for p in parameters)] = value
        sources[row["source"]] = None
    return Published(figures, parameters, tuple(sources))
