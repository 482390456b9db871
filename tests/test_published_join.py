"""Published tables are joined with care, and read as the tools write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from simalloc.calibration import fit_by_simulation
from simalloc.cli.app import load_commands
from simalloc.results import PublishedError, read_published
from simalloc.results.raw_tables import converted
from simalloc.scenario import ScenarioError, build, load

HEAD = "label,metric,value,unit,source\n"

MINE: dict[str, Any] = {
    "name": "mine",
    "machine": {"preset": "ice-lake-5320", "cpus": 1},
    "memory": {"zone": "128MiB"},
    "allocator": "v6.1",
    "workload": {"kind": "alloc-bench", "modes": ["bulk"], "pages": 64},
    "published": "mine.csv",
    "replications": 1,
}

RAW = """order,x,iteration,allocs,get_min,get_avg,get_max,put_min,put_avg,put_max
0,1,0,1000,94,95,96,90,90,91
0,1,1,1000,94,97,96,90,92,91
0,2,0,1000,104,105,106,96,97,98
"""

MMTESTS = """                                 4.10.0-rc2            4.10.0-rc2
                                    vanilla                  bulk
Amean    alloc-odr0-1       302.85 (  0.00%)      106.62 ( 64.80%)
Amean    free-odr0-16384    134.54 (  0.00%)       97.46 ( 27.56%)
"""

PAGE_BENCH = """[ 1.0] time_bench: Type:single_page Per elem: 199 cycles(tsc) 55.3 ns (step:0) - (measurement)
[ 2.0] time_bench: Type:alloc_pages_bulk_array Per elem: 110 cycles(tsc) 30.6 ns (step:64) - (measurement)
"""


def scenario(folder: Path, table: str) -> Path:
    (folder / "mine.csv").write_text(table, encoding="utf-8")
    (folder / "mine.yaml").write_text(json.dumps(MINE), encoding="utf-8")
    return folder / "mine.yaml"


def table(folder: Path, text: str) -> dict[Any, float]:
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return dict(read_published("t.csv", folder).figures)


def test_the_benchmark_module_s_own_csv_is_read_with_means_over_iterations(tmp_path: Path) -> None:
    found = table(tmp_path, RAW)
    assert found == {("", "alloc", "1"): 96, ("", "free", "1"): 91, ("", "alloc", "2"): 105, ("", "free", "2"): 97}


def test_mmtests_own_comparison_is_read(tmp_path: Path) -> None:
    assert table(tmp_path, MMTESTS) == {
        ("vanilla", "alloc", "0", "1"): 302.85,
        ("bulk", "alloc", "0", "1"): 106.62,
        ("vanilla", "free", "0", "16384"): 134.54,
        ("bulk", "free", "0", "16384"): 97.46,
    }


def test_page_bench_s_log_is_read(tmp_path: Path) -> None:
    assert table(tmp_path, PAGE_BENCH) == {
        ("single_page", "total", "0", "1"): 199,
        ("alloc_pages_bulk_array", "total", "0", "64"): 110,
    }


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("v6.1,alloc,95,ns,me\nv6.1,alloc,96,ns,me\n", "t.csv:3: is for the same point as line 2"),
        ("v6.1,alloc,-95,ns,me\n", "t.csv:2: alloc is -95 ns; a time is more than 0"),
        ("v6.1,alloc,nan,ns,me\n", "t.csv:2: value 'nan' is not a finite number"),
        ("v6.1,alloc,95\n", "t.csv:2: has not the 5 columns"),
        ("v6.1,alloc,95,ns,me,more\n", "t.csv:2: has not the 5 columns"),
    ],
)
def test_a_row_that_cannot_be_is_told_with_its_line(tmp_path: Path, rows: str, told: str) -> None:
    with pytest.raises(PublishedError, match="^" + told.replace("(", r"\(")):
        table(tmp_path, HEAD + rows)


def test_a_raw_file_with_a_value_that_is_no_number_is_told(tmp_path: Path) -> None:
    with pytest.raises(PublishedError, match="not a finite number"):
        table(tmp_path, RAW.replace(",95,", ",?,"))


def test_a_label_that_is_misspelt_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"mine.csv:2: there is no label 'V6.1'; did you mean 'v6.1'"):
        load(str(scenario(tmp_path, HEAD + "V6.1,alloc,95,ns,me\n")))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("v6.1,frees,95,ns,me", "mine.csv:2: metric 'frees' stands beside nothing; v6.1 has alloc, free"),
        ("v9,free,95,ns,me", "mine.csv:2: label 'v9' stands beside nothing; this run has v6.1"),
        ("v6.1,free,95,parsec,me", "mine.csv:2: free in 'parsec' cannot stand beside ns; it is left out"),
        ("v6.1,free,0.095,us,me", "mine.csv:2: free is converted from us to ns"),
    ],
)
def test_what_stands_beside_nothing_or_is_converted_is_told(tmp_path: Path, row: str, told: str) -> None:
    file = scenario(tmp_path, HEAD + row + "\n")
    done = CliRunner().invoke(load_commands(), ["run", str(file), "--jobs", "1", "--out", str(tmp_path / "out")])
    assert (done.exit_code, told in done.stderr) == (0, True)


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "found"),
    [(1.5, "us", "ns", 1500), (220, "cycles", "ns", 100), (100, "ns", "cycles", 220), (1500, "Mbit/s", "Gbit/s", 1.5)],
)
def test_units_are_converted(value: float, unit: str, wanted: str, found: float) -> None:
    assert converted(value, unit, wanted, 2.2) == pytest.approx(found)


def test_what_is_no_time_is_not_converted_to_one() -> None:
    assert converted(1, "Gbit/s", "ns", 2.2) is None


def test_a_fit_with_nothing_to_fit_to_is_told(tmp_path: Path) -> None:
    scenario(tmp_path, HEAD + "v6.1,alloc,95,ns,me\n")
    mine = build(MINE | {"calibration": {"fit": ["alloc_call"], "on": {"label": ["v9"]}}})
    with pytest.raises(ScenarioError, match="selects 0 published rows, too few to fit 1 parameters"):
        fit_by_simulation(mine, tmp_path)
