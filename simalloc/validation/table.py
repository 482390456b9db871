"""What a validation table is: published figures, the scenario that simulates them, and how far off it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simalloc.results import Result, Row

Selection = Mapping[str, Sequence[Any]]
"""Columns of a row, and the values of each that are meant; an empty one means every row."""

Figures = Callable[[Result], Iterable[Row]]
"""From a run's result: rows with label, metric, parameters, value and unit, named as in the published table."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of an error: its root mean square, and the worst. In %, or in points where a row's unit is %."""

    rms: float
    worst: float


@dataclass(frozen=True, slots=True)
class Band:
    """Rows of a table that are judged together: all fitted on, or all predicted.

    `limits` is the band: a run that leaves it is wrong, or the model has become worse. `why` says where it comes from.
    `target` is what a better model should reach, where today's does not; `missing` then says what the model lacks.
    """

    rows: str
    fitted: bool
    limits: Limits
    why: str
    where: Selection = field(default_factory=dict)
    target: Limits | None = None
    missing: str = ""

    def selects(self, row: Row) -> bool:
        """Whether it is this band's row."""
        return all(row.get(key) in values for key, values in self.where.items())


@dataclass(frozen=True, slots=True)
class Table:
    """Published figures and the scenario that simulates them.

    `published`: a CSV that comes with simalloc (`simalloc/data`); its rows are joined with those of `figures` by label,
    metric and the other columns. `scenario`: the name of a shipped one, or its keys; `settings` are set over it.
    `fitted_on`: which costs were fitted on which of these rows, or that none was. `spread`: how much the real
    measurements differ among themselves. `skip`: published rows that nothing simulated corresponds to, with the reason
    in `about`. A row belongs to the first of its `bands` that selects it. `quick`: takes less than a second.
    """

    name: str
    about: str
    published: str
    scenario: str | Mapping[str, Any]
    fitted_on: str
    spread: str
    bands: Sequence[Band]
    figures: Figures
    settings: Sequence[str] = ()
    skip: Selection | None = None
    quick: bool = False

    def band_of(self, row: Row) -> Band:
        """Return the band a row is judged in. Raises LookupError if there is none."""
        for band in self.bands:
            if band.selects(row):
                return band
        raise LookupError(f"{self.name}: no band for {row}")


@dataclass(frozen=True, slots=True)
class NotSimulated:
    """A published table that nothing here simulates, and why."""

    name: str
    about: str
    why: str
