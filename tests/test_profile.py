"""Figures that all workloads have, and the scenario that takes every generation through four of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simalloc.allocators import VERSIONS
from simalloc.plots import FIGURES
from simalloc.plots.profile import series
from simalloc.results import Result
from simalloc.results.profile_table import PROFILE, profile_points, profile_table
from simalloc.runs import run
from simalloc.scenario import build, load

WORKLOADS: list[dict[str, Any]] = [
    {"kind": "pagealloc", "batches": [64], "samples": 2, "dropped": 0, "rounds": 1},
    {"kind": "nic-rx", "queues": 1, "queue_mpps": 0.5, "milliseconds": 0.2, "warmup_ms": 0.1},
    {"kind": "page-fault", "milliseconds": 0.2, "mapping": 64},
    {"kind": "producer-consumer", "milliseconds": 0.1},
    {"kind": "alloc-bench", "pages": 100, "repeats": 10},
    {"kind": "memory-pressure", "milliseconds": 0.1, "isolated": 0},
    {"kind": "mixed", "milliseconds": 0.1},
]


@pytest.fixture(scope="module")
def result() -> Result:
    return run(
        build(
            {
                "name": "profile",
                "machine": {"cpus": 2},
                "memory": {"zone": "512MiB"},
                "workload": WORKLOADS[0],
                "sweep": {"workload": WORKLOADS, "allocator": ["v4.10", "v6.2"]},
                "profile": True,
                "replications": 1,
            }
        )
    )


def test_every_workload_has_the_four_figures(result: Result) -> None:
    points = profile_points(result)
    assert {point: sorted(cells) for point, cells in points.items()} == {
        (workload["kind"], name, name): sorted(PROFILE) for workload in WORKLOADS for name in ("v4.10", "v6.2")
    }


def test_a_hit_costs_the_pair_of_the_ledger(result: Result) -> None:
    # v4.10, one page allocated and freed: 148 + 73 cycles; two CPUs, whose first refills are among two samples.
    cycles = profile_points(result)["pagealloc", "v4.10", "v4.10"]["cycles_per_op"]["value"]
    assert cycles > 148 + 73


def test_a_panel_is_logarithmic_only_where_values_span_a_decade(result: Result) -> None:
    for axis in FIGURES["profile"].draw(result).axes:
        values = [float(value) for line in axis.get_lines() for value in np.asarray(line.get_ydata())]
        spans = min(values) > 0 and max(values) >= 10 * min(values) and "%" not in axis.get_title()
        assert axis.get_yscale() == ("log" if spans else "linear")
        assert axis.get_title().endswith("log scale") == spans
        assert spans or axis.get_ylim()[0] == 0


def test_the_table_has_a_line_a_point(result: Result) -> None:
    lines = profile_table(result).splitlines()
    assert len(lines) == 2 + 2 * len(WORKLOADS)
    assert "label" not in lines[1]


def test_the_figure_has_a_curve_per_workload_in_each_panel(result: Result) -> None:
    figure = FIGURES["profile"].draw(result)
    assert [len(axis.lines) for axis in figure.axes] == [len(WORKLOADS)] * 4


def test_seven_years_has_every_generation() -> None:
    scenario = load("seven-years")
    assert {case.version.name for case in scenario.cases} == set(VERSIONS)


def test_cpus_that_follow_from_the_workload_do_not_part_its_points() -> None:
    sweep = {"workload, machine.cpus": [[WORKLOADS[0], 1], [WORKLOADS[3], 2]], "allocator": ["v4.10", "v6.2"]}
    scenario = {"name": "t", "workload": WORKLOADS[0], "sweep": sweep, "profile": True, "replications": 1}
    curves = series(run(build({**scenario, "memory": {"zone": "512MiB"}})))
    assert {tuple(curve["at"]) for curve in curves} == {("v4.10", "v6.2")}
