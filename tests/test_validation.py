"""The published record: what is stored is what runs give, and a band that is left is told."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest
from typer.testing import CliRunner

from simalloc.cli.app import load_commands
from simalloc.cli.commands import validate as command
from simalloc.scenario import ScenarioError
from simalloc.validation import TABLES, Band, Limits, NotJoined, Table, judge, scenario_of, validate
from simalloc.validation.judge import Joined
from simalloc.validation.report import as_data
from simalloc_docs import validation_page

STORED: dict[str, Any] = {
    table["name"]: table for table in json.loads(validation_page.STORED.read_text(encoding="utf-8"))["tables"]
}
QUICK = [name for name, table in TABLES.items() if table.quick]
STRICT = Band("all", fitted=False, limits=Limits(1, 2), why="a test")


def row(simulated: float, unit: str = "ns", band: int = 0) -> Joined:
    return Joined("a", "alloc", {}, 100.0, simulated, unit, fitted=False, band=band)


def table_with(*bands: Band) -> Table:
    return replace(TABLES["page-bench"], bands=bands)


@pytest.mark.parametrize("name", QUICK)
def test_quick_tables_give_what_is_stored(name: str) -> None:
    assert as_data([validate(TABLES[name])])["tables"] == [STORED[name]]


def test_the_page_shows_what_is_stored() -> None:
    assert validation_page.PAGE.read_text(encoding="utf-8") == validation_page.page()


def test_every_table_is_stored_with_its_bands() -> None:
    declared = {name: [(band.rows, band.limits.rms) for band in table.bands] for name, table in TABLES.items()}
    assert {n: [(b["rows"], b["band"]["rms"]) for b in t["bands"]] for n, t in STORED.items()} == declared


@pytest.mark.parametrize("name", TABLES)
def test_every_published_row_is_compared_or_skipped(name: str) -> None:
    text = (files("simalloc.data") / TABLES[name].published).read_text(encoding="utf-8")
    skip = TABLES[name].skip
    rows = [
        row
        for row in csv.DictReader(text.splitlines())
        if skip is None or not all(row[key] in map(str, values) for key, values in skip.items())
    ]
    assert len(STORED[name]["rows"]) == len(rows)


@pytest.mark.parametrize("name", TABLES)
def test_scenarios_of_tables_are_whole(name: str) -> None:
    assert scenario_of(TABLES[name]).cases


def test_rows_fitted_and_rows_predicted_are_in_different_bands() -> None:
    kinds = {(n, r["band"], r["kind"]) for n, table in STORED.items() for r in table["rows"]}
    assert len({(name, band) for name, band, _ in kinds}) == len(kinds)


@pytest.mark.parametrize(("simulated", "verdict"), [(100.5, "ok"), (101.5, "LEFT ITS BAND"), (103.0, "LEFT ITS BAND")])
def test_a_band_is_left_by_its_rms_or_by_its_worst(simulated: float, verdict: str) -> None:
    assert judge(table_with(STRICT), [row(simulated)])[0].verdict == verdict


def test_a_target_missed_inside_the_band_is_a_known_miss() -> None:
    band = replace(STRICT, limits=Limits(5, 5), target=Limits(1, 2), missing="something")
    assert judge(table_with(band), [row(104.0)])[0].verdict == "known miss"


def test_shares_differ_in_points() -> None:
    assert row(104.0, unit="%").error == pytest.approx(4.0)


def test_a_band_does_not_mix_units() -> None:
    with pytest.raises(NotJoined, match="mixes"):
        judge(table_with(STRICT), [row(100.0), row(100.0, unit="%")])


def test_a_published_row_that_nothing_stands_beside_is_told() -> None:
    table = replace(TABLES["pcp-sizes"], figures=lambda _: [])
    with pytest.raises(NotJoined, match="nothing simulated"):
        validate(table)


def test_the_command_fails_where_a_band_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    strict = replace(TABLES["page-bench-bulk-2017"], bands=(replace(STRICT, limits=Limits(0, 0)),))
    monkeypatch.setitem(TABLES, strict.name, strict)
    done = CliRunner().invoke(load_commands(), ["validate", strict.name])
    assert (done.exit_code, "LEFT THEIR BAND: page-bench-bulk-2017" in done.output) == (1, True)


def test_a_table_that_is_not_there_is_told() -> None:
    with pytest.raises(ScenarioError, match="page-bench"):
        command.validate(["page-bensh"])
