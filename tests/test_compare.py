"""`simalloc compare`: what is said of two saved runs, and heads of columns longer than a column."""

from __future__ import annotations

import json
from dataclasses import replace
from math import hypot
from pathlib import Path
from typing import Any

import pytest

from simalloc.cli.commands.report import report
from simalloc.results import Result
from simalloc.results.columns import heads
from simalloc.results.run_comparison import NothingInCommon, SavedRun, differences, figures_side_by_side
from simalloc.results.run_comparison_text import differences_text, figures_text
from simalloc.runs import run
from simalloc.scenario import ScenarioError, build
from tests.test_cli import simalloc

SCENARIO: dict[str, Any] = {
    "name": "small",
    "memory": {"zone": "64MiB"},
    "allocator": "v4.10",
    "workload": {"kind": "pagealloc", "batches": [4], "samples": 3, "dropped": 1},
}


def saved(value: float, ci95: float | None, **more: Any) -> SavedRun:
    """Return a run with one figure, made by hand."""
    row = {"label": "a", "allocator": "v4.10", "metric": "alloc", "value": value, "unit": "ns"}
    case = {"label": "a", "allocator": "v4.10", "models": "", "batch": 1, "high": 1}
    clock = {"preset": "p", "unit": "cycles", "ghz": 1.0}
    rows = [row | ({} if ci95 is None else {"ci95": ci95})]
    plain = Result(scenario="s", seed=1, simalloc="0", config="", clock=clock, cases=[case], rows=rows)
    return SavedRun("run", replace(plain, **more))


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        ((100, 3.0), (104, 4.0), "within noise"),  # 5 % apart would be the edge: 3 and 4 add as squares
        ((100, 3.0), (106, 4.0), "differs"),
        ((100, 0.0), (100, 0.0), "same"),
        ((100, None), (101, 1.0), "no interval"),
        ((100, None), (100, None), "same"),
        ((0, 0.0), (1, 0.5), "differs"),
    ],
)
def test_a_change_is_said_to_be_noise_if_its_interval_contains_0(one: Any, other: Any, verdict: str) -> None:
    found = figures_side_by_side([saved(*one), saved(*other)])[1]
    assert found["verdict"] == verdict


def test_relative_errors_add_as_squares() -> None:
    found = figures_side_by_side([saved(100, 3.0), saved(200, 4.0)])[1]
    assert found["change"] == 100
    assert found["change_ci95"] == pytest.approx(200 * hypot(3 / 100, 4 / 200))


def test_runs_that_cannot_be_compared_say_what_they_have() -> None:
    instructions = {"preset": "p", "unit": "instructions", "ghz": 1.0}
    with pytest.raises(NothingInCommon, match="counts cycles, run instructions"):
        figures_side_by_side([saved(1, 1), saved(1, 1, clock=instructions)])
    with pytest.raises(NothingInCommon, match=r"has alloc \(ns\) of 'a'; run has no figures"):
        figures_side_by_side([saved(1, 1), saved(1, 1, rows=[])])


def test_what_differs_has_both_values_with_defaults() -> None:
    changed = SCENARIO | {"machine": {"costs": {"page_in": 99}}, "allocator": {"name": "v4.10", "batch": 8}}
    runs = [
        SavedRun(name, run(build(each)), build(each).model_dump(mode="json"))
        for name, each in (("one", SCENARIO), ("other", changed | {"seed": 2}))
    ]
    rows = differences(runs)
    found = {(row["what"], row["key"]): row["values"] for row in rows}
    prices = found.pop(("price", "page_in"))
    assert prices[1] == 99
    assert found == {
        ("scenario", "machine.costs.page_in"): ["-", 99],
        ("scenario", "allocator.batch"): ["-", 8],
        ("scenario", "seed"): [1, 2],
        ("program", "seed"): [1, 2],
    }
    text = differences_text(rows, ["one", "other"]) + figures_text(figures_side_by_side(runs), ["one", "other"])
    assert all(len(line) < 180 for line in text.splitlines())


def test_the_command_for_programs_and_its_error(tmp_path: Path) -> None:
    one, other, nothing = (str(tmp_path / name) for name in ("one", "other", "nothing"))
    run(build(SCENARIO)).save(Path(one))
    run(build(SCENARIO | {"allocator": "noirq-v2"})).save(Path(other))
    replace(run(build(SCENARIO)), rows=[], locks=[]).save(Path(nothing))
    data = json.loads(simalloc("compare", one, other, "--format", "json").stdout)
    lines = simalloc("compare", one, other, "--format", "csv").stdout.splitlines()
    assert len(lines) == len(data["figures"]) + 1 > 3
    page = tmp_path / "page.html"
    report(Path(other), out=page, against=[Path(one)])
    assert "Compared with one" in page.read_text()
    with pytest.raises(ScenarioError, match="--against: no figure is in two"):
        report(Path(nothing), out=page, against=[Path(one)])
    failed = simalloc("compare", one, nothing)
    assert (failed.returncode, "no figure is in two of these runs" in failed.stderr) == (2, True)


def test_long_heads_go_on_in_the_next_line_and_never_touch() -> None:
    lines = heads(["batch as computed too early", "short"], 16)
    assert lines == [f"{'batch as':>16}{'':>16}", f"{'computed too':>16}{'':>16}", f"{'early':>16}{'short':>16}"]
