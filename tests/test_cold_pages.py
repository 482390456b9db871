"""Struct pages that no prefetcher brings: what a free in random order costs, from sourced latencies alone."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from simalloc.hardware import Recency
from simalloc.memory import frame_runs
from simalloc.results import Result
from simalloc.runs import run
from simalloc.scenario import build

OFF = {"memory_latency": 0, "llc_latency": 0}


@cache
def bench(
    cpus: int = 1, pages: int = 4096, *, cold: bool = True, lockstep: bool = False, stands_for: int = 1290240
) -> Result:
    data: dict[str, Any] = {
        "name": "rand",
        "machine": {"preset": "ice-lake-5320", "cpus": cpus, "costs": {} if cold else OFF},
        "allocator": "v6.1",
        "memory": {"zone": "1GiB"},
        "workload": {"kind": "alloc-bench", "modes": ["bulk", "rand"], "pages": pages, "stands_for": stands_for},
        "replications": 1,
        "lockstep": lockstep,
    }
    return run(build(data))


def ratio(result: Result) -> float:
    (bulk,), (rand,) = result.select(metric="free"), result.select(metric="rand_free")
    return float(rand["value"] / bulk["value"])


def test_random_frees_cost_what_was_measured_within_a_quarter() -> None:
    assert ratio(bench(pages=16384)) == pytest.approx(2.7, rel=0.25)


def test_without_the_latencies_they_cost_as_frees_in_order_do() -> None:
    assert ratio(bench(pages=16384, cold=False)) == pytest.approx(1, abs=0.15)


def test_few_pages_stay_in_the_private_cache() -> None:
    assert ratio(bench(stands_for=1)) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("cpus", [1, 3])
def test_random_frees_are_the_same_in_lockstep(cpus: int) -> None:
    one, two = (bench(cpus, 600, lockstep=lockstep) for lockstep in (False, True))
    assert (one.rows, one.ledger) == (two.rows, two.ledger)


def used(*pfns: int) -> Recency:
    recency = Recency(half_point=100, llc_lines=1000)
    recency.touch_all(frame_runs(pfns))
    return recency


def test_neighbours_are_fetched_ahead() -> None:
    recency = used(*range(0, 640, 64))
    recency.stand_for(10**6)
    assert recency.sources(frame_runs([0, 64, 128, 127])) == (
        0,
        1,
    )  # the first is far from what came before, the rest near


@pytest.mark.parametrize(("between", "found"), [(50, (0, 0)), (500, (1, 0)), (5000, (0, 1))])
def test_where_a_struct_page_comes_from_hangs_on_what_was_used_since(between: int, found: tuple[int, int]) -> None:
    recency = used(7)
    recency.touch_all([(10_000, between, 1)] if between else [])
    assert recency.sources([(7, 1, 1)]) == found


def test_a_page_that_was_never_used_is_not_among_them() -> None:
    assert used(7).sources([(100_000, 1, 1)]) == (0, 0)


def test_standing_for_more_pages_makes_each_use_count_for_so_many() -> None:
    recency = used(7)
    recency.touch_all([(10_000, 50, 1)])
    recency.stand_for(100)
    assert recency.sources([(7, 1, 1)]) == (0, 1)
