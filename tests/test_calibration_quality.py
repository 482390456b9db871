"""What a fit is worth is told: recovered parameters, what is not told apart, far from its source, where it is from."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML
from scipy.stats import t as student
from typer.testing import CliRunner

from simalloc.calibration import Calibration, Design, Point, fit_scenario, solve
from simalloc.calibration.fit import priors_of
from simalloc.calibration.provenance import data_hash, preset_text
from simalloc.calibration.quality import bootstrap, far_from_source, hold_out, not_determined, not_told_apart
from simalloc.cli.app import load_commands
from simalloc.hardware import preset, presets
from simalloc.scenario import ScenarioError, load

SETTINGS = ["workload.batches=[1,4,64,512]", "workload.samples=4", "calibration.predictions=[]"]
FITTED = ["alloc_call", "page_in", "buddy_insert"]


@cache
def small() -> Calibration:
    return fit_scenario(load("pagealloc-2017", [*SETTINGS, f"calibration.fit=[{', '.join(FITTED)}]"]))


def with_noise(seed: int, deviation: float = 0.02) -> Design:
    """The points as the preset's prices make them, with noise."""
    counted = small().counted
    exact = counted.matrix @ counted.start()
    noise = 1 + deviation * np.random.default_rng(seed).standard_normal(len(exact))
    values = (exact * noise - 0.5).tolist()
    points = [Point(p.label, p.metric, p.batch, v) for p, v in zip(counted.points, values, strict=True)]
    return replace(counted, points=points)


def test_true_values_are_inside_the_95_percent_interval_at_the_right_rate() -> None:
    inside = total = 0
    for seed in range(200):
        counted = with_noise(seed)
        fit = solve(counted, FITTED, {}, np.ones(len(counted.points), dtype=bool))
        quantile = float(student.ppf(0.975, len(counted.points) - len(FITTED)))
        for name in FITTED:
            inside += abs(fit.values[name] - counted.costs[name]) <= quantile * fit.standard_errors[name]
            total += 1
    assert 0.92 <= inside / total <= 0.98


def test_bootstrap_intervals_are_as_wide_as_standard_errors_say() -> None:
    found = small()
    intervals = bootstrap(found.counted, found.fit, 300)
    low, high = intervals["alloc_call"]
    assert high - low == pytest.approx(2 * 1.96 * found.fit.standard_errors["alloc_call"], rel=0.4)


def test_two_costs_that_are_always_paid_together_are_said_not_to_be_told_apart() -> None:
    found = fit_scenario(load("pagealloc-2017", [*SETTINGS, "calibration.fit=[alloc_call, page_in, event_counter]"]))
    assert any(
        "page_in and event_counter cannot be told apart" in each for each in not_told_apart(found.fit.correlations)
    )


def test_a_cost_with_a_wide_error_is_said_not_to_be_determined() -> None:
    assert not_determined({"a": 10.0, "b": 10.0}, {"a": 1.0, "b": 6.0}) == [
        "b is hardly determined by this data: 10 +- 6 (standard error); hold it"
    ]


def test_a_value_far_from_its_source_is_a_warning() -> None:
    costs = preset("seed-2017")
    told = far_from_source({"put_page": 40.0, "function_call": 6.1}, {"put_page": 0.5, "function_call": 0.1}, costs)
    assert [each.split()[0] for each in told] == ["put_page"]


def test_a_prior_holds_what_the_data_do_not_know() -> None:
    counted = small().counted
    names = ["alloc_call", "zone_counters"]
    everywhere = np.ones(len(counted.points), dtype=bool)
    fit = solve(counted, names, {}, everywhere, priors_of(counted.costs, names))
    assert fit.values["zone_counters"] == pytest.approx(18, abs=9)


def test_hold_out_predicts_points_that_were_not_fitted_on() -> None:
    found = small()
    rows = hold_out(found.counted, FITTED, "batch")
    assert [(row.value, row.points) for row in rows] == [("1", 6), ("4", 6), ("64", 6), ("512", 6)]


def test_hold_out_by_what_points_have_not_is_told() -> None:
    with pytest.raises(ScenarioError, match="--hold-out labl"):
        hold_out(small().counted, FITTED, "labl")


def raw(name: str) -> dict[str, Any]:
    text = (files("simalloc.hardware") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return found


CYCLES = [name for name in presets() if any(each.get("kind") == "fitted" for each in raw(name)["parameters"].values())]


@pytest.mark.parametrize("name", [name for name in CYCLES if not name.endswith("instructions")])
def test_presets_were_fitted_on_the_rows_they_say(name: str) -> None:
    said = raw(name)["fitted_to"]
    assert [data_hash(each["table"], each["rows"]) for each in said] == [each["sha256"] for each in said]


def test_the_hash_changes_with_a_value_and_not_with_the_order(tmp_path: Path) -> None:
    head, one, two = "label,metric,value,unit,source\n", "a,alloc,95,ns,me\n", "a,free,60,ns,me\n"
    hashes = []
    for text in (head + one + two, head + two + one, head + one + two.replace("60", "61")):
        (tmp_path / "t.csv").write_text(text, encoding="utf-8")
        hashes.append(data_hash("t.csv", {}, tmp_path))
    assert (hashes[0] == hashes[1], hashes[0] == hashes[2]) == (True, False)


def test_a_preset_that_is_written_can_be_read() -> None:
    text = preset_text("mine", preset("ice-lake-5320"), {"alloc_call": 41.6}, {"table": "t.csv"}, "a test: mine")
    found = YAML(typ="safe", pure=True).load(text)
    assert (found["base"], found["parameters"]["alloc_call"]["cycles"], found["topology"]["cores_per_llc"]) == (
        "ice-lake-5320",
        42,
        26,
    )


def test_the_command_writes_a_preset_with_the_hash_of_its_data(tmp_path: Path) -> None:
    sets = [word for each in SETTINGS for word in ("--set", each)]
    words = ["calibrate", "pagealloc-2017", *sets, "--write-preset", str(tmp_path / "mine.yaml"), "--format", "json"]
    done = CliRunner().invoke(load_commands(), [*words, "--hold-out", "label", "--bootstrap", "20"])
    (said,) = YAML(typ="safe", pure=True).load((tmp_path / "mine.yaml").read_text(encoding="utf-8"))["fitted_to"]
    assert said["sha256"] == data_hash(said["table"], said["rows"])
    assert {"hold_out", "bootstrap", "judgement", "correlations"} <= set(json.loads(done.stdout))
