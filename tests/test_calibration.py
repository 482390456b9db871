"""The fit finds what is there, and the published campaign is met as closely as we say."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from simalloc.calibration import Calibration, fit_scenario
from simalloc.runs import run
from simalloc.scenario import ScenarioError, build, load

SMALL = {
    "name": "small",
    "compare": [{"label": "a", "allocator": "v4.10"}, {"label": "b", "allocator": "noirq-v2"}],
    "workload": {"kind": "pagealloc", "batches": [1, 4, 64, 512, 2048], "samples": 4},
    "published": "made.csv",
    "calibration": {"fit": ["alloc_call", "page_in", "buddy_insert"]},
}


@cache
def campaign() -> Calibration:
    return fit_scenario(load("pagealloc-2017"))


def test_a_fit_to_simulated_figures_finds_the_prices_they_were_simulated_with(tmp_path: Path) -> None:
    prices = {"alloc_call": 80.0, "page_in": 21.0, "buddy_insert": 60.0}
    result = run(build({key: SMALL[key] for key in SMALL if key != "published"} | {"machine": {"costs": prices}}))
    lines = ["label,metric,batch,value,unit,source"] + [
        f"{row['label']},{row['metric']},{row['batch']},{row['value']},cycles,made"
        for row in result.rows
        if row["metric"] in ("alloc", "free")
    ]
    (tmp_path / "made.csv").write_text("\n".join(lines))
    found = fit_scenario(build(SMALL), tmp_path).whole.values
    assert {name: pytest.approx(value, abs=1) for name, value in prices.items()} == found


def test_at_most_ten_parameters_are_fitted() -> None:
    assert len(campaign().fit.values) == 10


def test_the_90_points_are_met_within_2_5_percent_rms_and_8_at_worst() -> None:
    whole = campaign().whole
    assert (len(whole.points), whole.rms() <= 0.025, max(abs(whole.residuals())) <= 0.08) == (90, True, True)


def test_the_preset_is_the_fit() -> None:
    assert campaign().whole.values == campaign().preset_values


def test_vanilla_two_bulk_points_and_a_sourced_irq_cost_predict_the_other_13() -> None:
    (prediction,) = campaign().predictions
    assert (len(prediction.points), prediction.rms <= 0.04) == (13, True)


def test_no_fitted_price_is_negative_or_unknown_by_more_than_itself() -> None:
    fit = campaign().fit
    assert all(0 < fit.standard_errors[name] < value for name, value in fit.values.items())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("predict={labl: [bulk]}", "points have no 'labl'; did you mean \"label\""),
        ("predict={label: [gulf]}", "selects no point that was not fitted on"),
        ("held={irq_sav: 1}", "no point pays 'irq_sav'"),
        ("stages=[{fit: [page_out, bulk_call], on: {batch: [3]}}]", "selects 0 points, too few to fit 2 parameters"),
    ],
)
def test_a_prediction_that_cannot_be_made_is_told(override: str, message: str) -> None:
    scenario = load("pagealloc-2017", ["workload.batches=[1,128,512,2048]", f"calibration.predictions.0.{override}"])
    with pytest.raises(ScenarioError, match=message):
        fit_scenario(scenario)


def test_a_parameter_that_nothing_pays_cannot_be_fitted() -> None:
    with pytest.raises(ScenarioError, match="no point pays 'line_transfer'"):
        fit_scenario(load("pagealloc-2017", ["calibration.fit=[line_transfer]", "workload.batches=[1]"]))
