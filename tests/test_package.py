"""What `import simalloc` gives, and `result.plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import simalloc


@pytest.fixture(scope="module")
def result() -> simalloc.Result:
    return simalloc.run(simalloc.load("pagealloc-2017", ["workload.batches=[1, 4]", "workload.samples=3"]))


def test_every_public_name_is_there() -> None:
    assert all(getattr(simalloc, name) for name in simalloc.__all__)


def test_a_name_that_is_not_there_is_told() -> None:
    with pytest.raises(AttributeError, match="no attribute 'walk'"):
        _ = simalloc.walk


def test_a_result_draws_what_applies_to_it(result: simalloc.Result) -> None:
    assert "cost_by_batch" in dir(result.plot)


def test_a_figure_is_drawn(result: simalloc.Result) -> None:
    assert result.plot.cost_by_batch().get_axes()


def test_a_figure_that_does_not_apply_says_which_do(result: simalloc.Result) -> None:
    with pytest.raises(AttributeError, match="it has allocators, cost_by_batch, cycles"):
        result.plot.contention()


def test_a_figure_that_does_not_exist_says_which_do(result: simalloc.Result) -> None:
    with pytest.raises(AttributeError, match="there are allocators, cost_by_batch"):
        result.plot.pie()


def test_a_scenario_may_be_run_by_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nallocator: v4.10\nworkload: {kind: pagealloc, batches: [1], samples: 3}\n")
    assert simalloc.run(str(file)).scenario == "mine"


@pytest.mark.parametrize(
    ("wrong", "told"), [({"jobs": -1}, "jobs: -1 is no number of processes"), ({"over": 3}, "over: 3 is no grid")]
)
def test_what_is_wrong_with_a_sweep_is_told(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(simalloc.ScenarioError, match=told):
        simalloc.sweep("locks", **wrong)
