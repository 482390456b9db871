"""What a result hangs on: closed forms where figures are linear in costs, and the command."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from simalloc.cli.app import load_commands
from simalloc.plots import tornado
from simalloc.scenario import ScenarioError, build
from simalloc.studies import (
    Found,
    Question,
    Sensitivity,
    chosen,
    costs_of,
    main_figures,
    questions,
    range_of,
    sensitivity,
    sobol,
    speed_ups,
)
from simalloc.studies.report import case_data, text
from simalloc.workloads.windows import half_interval

PAIR: dict[str, Any] = {
    "name": "pair",
    "machine": {"preset": "seed-2017", "cpus": 1},
    "memory": {"zone": "256MiB"},
    "allocator": "v4.10",
    "workload": {"kind": "alloc-bench", "modes": ["repeat"], "repeats": 2, "pages": 64, "start_within_us": 0},
}
CYCLES = 222.0
"""Of an allocation and a free in v4.10 with the prices of seed-2017."""

LOCKS: dict[str, Any] = {
    "name": "locks",
    "machine": {"preset": "seed-2017", "cpus": 4},
    "memory": {"zone": "256MiB"},
    "allocator": "v4.10",
    "workload": {
        "kind": "lock-loop",
        "think": {"exponential": "2000 cycles"},
        "hold": "400 cycles",
        "milliseconds": 0.1,
    },
    "replications": 3,
}


def question(data: dict[str, Any] = PAIR) -> Question:
    return questions(build(data))[0]


@cache
def base(name: str = "pair") -> Found:
    return question(PAIR if name == "pair" else LOCKS).simulate([{}], {})[0]


def study(*names: str) -> Sensitivity:
    asked = question()
    return sensitivity(asked, base(), main_figures(asked, base()), chosen(asked, names))


def test_an_elasticity_is_the_share_of_the_cost_where_a_figure_is_a_sum() -> None:
    found = study("irq_restore")
    (effect,) = found.effects[found.figures[0]]
    assert effect.elasticity == pytest.approx(2 * 26 / CYCLES)


def test_costs_that_nobody_pays_have_no_effect() -> None:
    assert study("irq_restore", "bulk_call", "line_transfer").without_effect == ["bulk_call", "line_transfer"]


def test_whole_costs_are_turned_by_whole_cycles() -> None:
    lever = next(each for each in costs_of(question()) if each.name == "event_counter")
    assert lever.around(0.1) == (1, 3)


def test_random_numbers_are_common_so_that_doing_nothing_changes_nothing() -> None:
    asked = question(LOCKS)
    one, two = asked.simulate([{}, {"machine.costs": {"pool_op": 9}}], {"machine.costs": {}})
    assert one.figures == two.figures


def test_the_interval_is_that_of_paired_differences() -> None:
    asked = question(LOCKS)
    found = base("locks")
    figure = main_figures(asked, found)
    lever = chosen(asked, ["line_transfer"])[0]
    (effect,) = sensitivity(asked, found, figure, [lever]).effects[figure[0]]
    ends = [{"machine.costs": {lever.name: value}} for value in lever.around(0.1)]
    low, high = (each.figures[figure[0]] for each in asked.simulate(ends, {"machine.costs": {}}))
    width = 16 / 84
    each = [(h - lo) / b / width for b, lo, h in zip(found.figures[figure[0]], low, high, strict=True)]
    assert effect.ci95 == pytest.approx(half_interval(each))


def test_a_virtual_speed_up_on_one_cpu_is_the_share_of_the_step() -> None:
    asked = question()
    figure = main_figures(asked, base())[0]
    found = {row.step: row for row in speed_ups(asked, base(), figure, cheaper=50)}
    assert found["alloc_call"].change == pytest.approx(-100 * (55 - round(55 / 2)) / CYCLES)


def test_sobol_indices_of_a_sum_are_shares_of_its_variance() -> None:
    asked = question()
    one, two = chosen(asked, ["alloc_call", "put_page"])
    figure = main_figures(asked, base())
    found = sobol(asked, figure, {one: (45, 65), two: (9, 29)}, samples=32)[figure[0]]
    assert {row.lever.name: pytest.approx(row.first, abs=0.1) for row in found} == {"alloc_call": 0.5, "put_page": 0.5}


@pytest.mark.parametrize(("kind", "low"), [("sourced", 0.95), ("derived", 0.85), ("estimated", 0.5)])
def test_ranges_are_as_wide_as_the_kind_of_source(kind: str, low: float) -> None:
    lever = next(each for each in costs_of(question()) if each.kind == kind)
    assert range_of(lever)[0] == pytest.approx(low * lever.value)


def test_the_text_and_the_bars_have_the_same_numbers() -> None:
    data = case_data(study("irq_restore", "alloc_call"), {}, {})
    bars = tornado.series(data["figures"][0])
    told = text({"cases": [data], "step": 0.1, "cheaper": 0})
    assert all(f"{bar['high']:+.2f}%" in told for bar in bars)


def test_the_figure_draws_a_bar_a_lever() -> None:
    data = case_data(study("irq_restore", "alloc_call"), {}, {})
    axis = tornado.draw("case", data["figures"][0], 0.1).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["alloc_call", "irq_restore"]


def run(*words: str) -> Any:
    return CliRunner().invoke(load_commands(), ["sensitivity", *words])


def test_the_command_saves_what_it_prints(tmp_path: Path) -> None:
    (tmp_path / "pair.yaml").write_text(json.dumps(PAIR), encoding="utf-8")
    words = [str(tmp_path / "pair.yaml"), "--vary", "irq_restore", "--cheaper", "0", "--jobs", "1", "--format", "json"]
    done = run(*words, "--out", str(tmp_path / "out"))
    assert json.loads(done.stdout) == json.loads((tmp_path / "out" / "sensitivity.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--vary", "irq_rest"], "did you mean"),
        (["--vary", "memory.zone"], "only a number"),
        (["--figure", "speed"], "this workload has"),
        (["--sobol", "6"], "powers of 2"),
        (["--sobol", "8", "--range", "alloc_call=9"], "NAME=LOW,HIGH"),
        (["--set", "machine.cheaper.nothing=20"], "no step 'nothing'"),
    ],
)
def test_wrong_input_is_told(tmp_path: Path, words: list[str], told: str) -> None:
    (tmp_path / "pair.yaml").write_text(json.dumps(PAIR), encoding="utf-8")
    error = run(str(tmp_path / "pair.yaml"), "--cheaper", "0", "--jobs", "1", *words).exception
    assert isinstance(error, ScenarioError)
    assert told in str(error)
