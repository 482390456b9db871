"""Run a table's scenario, join it with what was published, and judge each band."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import sqrt
from typing import Literal

from simalloc.results import Published, Row, read_published
from simalloc.runs import run
from simalloc.scenario import Scenario, build, load
from simalloc.scenario.load import with_settings
from simalloc.validation.table import Band, Limits, Table

Verdict = Literal["ok", "known miss", "LEFT ITS BAND"]


class NotJoined(Exception):  # noqa: N818
    """A published row has no simulated one, or a table none of its rows: the declaration is wrong."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A published figure beside the simulated one. `error`: in %, or in points where the unit is %."""

    label: str
    metric: str
    at: Row
    published: float
    simulated: float
    unit: str
    fitted: bool
    band: int

    @property
    def error(self) -> float:
        """Simulated less published: relative in %, of shares and changes (unit %) in points."""
        if self.unit == "%":
            return self.simulated - self.published
        return 100 * (self.simulated / self.published - 1)


@dataclass(frozen=True, slots=True)
class Judged:
    """A band's rows: how many, their errors (% or points), and what is made of them."""

    band: Band
    unit: str
    points: int
    rms: float
    worst: float
    verdict: Verdict


@dataclass(frozen=True)
class Outcome:
    """A table that was run."""

    table: Table
    preset: str
    sources: tuple[str, ...]
    rows: list[Joined] = field(default_factory=list)
    bands: list[Judged] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """The worst of its bands."""
        order: tuple[Verdict, ...] = ("ok", "known miss", "LEFT ITS BAND")
        return max((judged.verdict for judged in self.bands), key=order.index)


def scenario_of(table: Table) -> Scenario:
    """Return the scenario a table is simulated with."""
    if isinstance(table.scenario, str):
        return load(table.scenario, table.settings)
    return with_settings(table.scenario, table.settings) if table.settings else build(dict(table.scenario))


def validate(table: Table, *, jobs: int = 1, told: Callable[[str], None] | None = None) -> Outcome:
    """Simulate a table and judge it; the same outcome with any number of processes. Raises NotJoined."""
    scenario = scenario_of(table)
    published = read_published(table.published)
    result = run(scenario, jobs=jobs, progress=told)
    presets = dict.fromkeys(case.machine.preset for case in scenario.cases)
    rows = _joined(table, published, table.figures(result))
    return Outcome(table, ", ".join(presets), published.sources, rows, judge(table, rows))


def judge(table: Table, rows: Iterable[Joined]) -> list[Judged]:
    """Return what becomes of each band; rows fitted on and rows predicted are never in one. Raises NotJoined."""
    found = []
    everything = list(rows)
    for number, band in enumerate(table.bands):
        mine = [row for row in everything if row.band == number]
        if not mine:
            raise NotJoined(f"{table.name}: no published row is in the band {band.rows!r}")
        units = {"points" if row.unit == "%" else "%" for row in mine}
        if len(units) > 1:
            raise NotJoined(f"{table.name}: the band {band.rows!r} mixes relative errors with points")
        rms = sqrt(sum(row.error**2 for row in mine) / len(mine))
        worst = max((row.error for row in mine), key=abs)
        found.append(Judged(band, units.pop(), len(mine), rms, worst, _verdict(band, rms, abs(worst))))
    return found


def _verdict(band: Band, rms: float, worst: float) -> Verdict:
    def within(limits: Limits) -> bool:
        return rms <= limits.rms and worst <= limits.worst

    if not within(band.limits):
        return "LEFT ITS BAND"
    return "ok" if band.target is None or within(band.target) else "known miss"


def _joined(table: Table, published: Published, rows: Iterable[Row]) -> list[Joined]:
    found: list[Joined] = []
    left = dict(published.figures)
    for row in rows:
        key = (row["label"], row["metric"], *(str(row.get(name)) for name in published.parameters))
        value = left.pop(key, None)
        if value is None or _skipped(table, published, key):
            continue
        at = {name: row[name] for name in published.parameters}
        band = table.band_of(row)
        number = list(table.bands).index(band)
        label, metric, unit = row["label"], row["metric"], row["unit"]
        found.append(Joined(label, metric, at, value, float(row["value"]), unit, band.fitted, number))
    lost = [key for key in left if not _skipped(table, published, key)]
    if lost:
        raise NotJoined(f"{table.name}: nothing simulated stands beside {lost[0]}, and {len(lost) - 1} more rows")
    return found


def _skipped(table: Table, published: Published, key: tuple[str | None, ...]) -> bool:
    names = ("label", "metric", *published.parameters)
    row = dict(zip(names, key, strict=True))
    return table.skip is not None and all(row.get(name) in values for name, values in table.skip.items())
