"""Searching batch and high: the best of those that keep the limits, the frontier, and the command."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from simalloc.cli.app import load_commands
from simalloc.plots import frontier as plot
from simalloc.scenario import ScenarioError, build
from simalloc.studies import Found, Question, questions
from simalloc.studies.tune import Candidate, Goal, Tuned, frontier, goal_of, limit_of, tune
from simalloc.studies.tune_report import as_data, text

MINE: dict[str, Any] = {
    "name": "to-tune",
    "machine": {"preset": "nic-2017", "cpus": 2},
    "memory": {"zone": "256MiB"},
    "allocator": "v4.10",
    "workload": {"kind": "producer-consumer", "milliseconds": 0.05},
    "replications": 2,
    "profile": True,
}
MOST = Goal(("throughput", ()), "Mops/s", most=True)


@cache
def asked() -> tuple[Question, Found]:
    question = questions(build(MINE))[0]
    return question, question.simulate([{}], {})[0]


@cache
def tuned(most_us: float = 1.0, budget: int = 30) -> Tuned:
    question, found = asked()
    goal = goal_of(question, found, "throughput", None)
    return tune(question, goal, [limit_of("irq_off", most_us, found)], (15, 17), (20, 22), budget=budget)


def test_few_sizes_are_all_simulated() -> None:
    sizes = {each.sizes for each in tuned().candidates}
    assert sizes >= {(batch, high) for batch in (15, 16, 17) for high in (20, 21, 22)}


def test_the_best_is_the_best_of_those_that_keep_the_limits() -> None:
    found = tuned()
    kept = [each for each in found.candidates if each.irq_off <= 1.0]
    assert found.best == max(kept, key=lambda each: each.value)


def test_limits_that_nothing_keeps_leave_no_best() -> None:
    found = as_data(tuned(0.001))
    assert (found["best"], "no sizes in these ranges keep all limits" in text(found)) == (None, True)


def evolved() -> Tuned:
    question, found = asked()
    return tune(question, goal_of(question, found, "throughput", None), [], (1, 64), (4, 512), budget=16)


@cache
def evolved_once() -> Tuned:
    return evolved()


def test_many_sizes_are_searched_within_the_budget() -> None:
    searched = evolved_once()
    assert (searched.exhaustive, len(searched.candidates) <= 2 * 16 + 1) == (False, True)


def test_the_same_search_twice_is_the_same() -> None:
    assert as_data(evolved()) == as_data(evolved_once())


candidates = st.lists(
    st.builds(
        Candidate,
        st.tuples(st.integers(1, 99), st.integers(1, 99)),
        st.tuples(st.floats(0, 9)),
        st.floats(0, 9),
        st.floats(0, 9),
        st.just({}),
    ),
    min_size=1,
    max_size=12,
)


@given(candidates)
@settings(max_examples=40)
def test_nothing_beats_what_is_on_the_frontier(found: list[Candidate]) -> None:
    for kept in frontier(MOST, found):
        for each in found:
            as_good = each.value >= kept.value and each.irq_off <= kept.irq_off and each.parked <= kept.parked
            better = (each.value, -each.irq_off, -each.parked) != (kept.value, -kept.irq_off, -kept.parked)
            assert not (as_good and better)


def test_times_are_to_be_small_and_rates_large() -> None:
    question, found = asked()
    assert [goal_of(question, found, name, None).most for name in ("time_per_op", "throughput")] == [False, True]


def test_the_figure_shows_the_frontier() -> None:
    found = as_data(tuned())
    assert len(plot.series(found)["frontier"]) == len(found["frontier"])
    assert plot.draw(found).axes[0].get_ylabel() == "throughput (Mops/s)"


def run(tmp_path: Path, *words: str) -> Any:
    (tmp_path / "mine.yaml").write_text(json.dumps(MINE), encoding="utf-8")
    return CliRunner().invoke(load_commands(), ["tune", str(tmp_path / "mine.yaml"), "--jobs", "1", *words])


def test_the_command_saves_what_it_prints(tmp_path: Path) -> None:
    words = [
        "--batch",
        "15,16",
        "--high",
        "20",
        "--limit",
        "irq_off=20us",
        "--format",
        "json",
        "--out",
        str(tmp_path / "o"),
    ]
    done = run(tmp_path, *words)
    assert json.loads(done.stdout) == json.loads((tmp_path / "o" / "tune.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--goal", "beauty"], "this workload has"),
        (["--limit", "irq_off"], "NAME=VALUE"),
        (["--limit", "irq_off=20 parsecs"], "--limit irq_off=20 parsecs"),
        (["--limit", "beauty=2"], "known are irq_off"),
        (["--limit", "beauty=2us"], "known are irq_off"),
        (["--limit", "parked=many"], "'many' is no number"),
        (["--batch", "a"], "LOW,HIGH"),
        (["--batch", "9,8"], "LOW <= HIGH"),
        (["--batch", "100,100", "--high", "4,50"], "no high there"),
    ],
)
def test_wrong_input_is_told(tmp_path: Path, words: list[str], told: str) -> None:
    error = run(tmp_path, *words).exception
    assert isinstance(error, ScenarioError)
    assert told in str(error)
