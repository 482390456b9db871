"""The benchmark's arithmetic, and that its shape comes from the mechanism."""

from __future__ import annotations

from typing import Any

import pytest

from simalloc.results import Result
from simalloc.runs import run
from simalloc.scenario import build
from simalloc.workloads import PageAllocSpec
from tests.models import model


def simulate(allocator: Any = "v4.10", **workload: Any) -> Result:
    """One case on 4 GiB; rounds and samples as given."""
    return run(build({"name": "t", "allocator": allocator, "workload": {"kind": "pagealloc", **workload}}))


def value(result: Result, metric: str, batch: int) -> float:
    (row,) = result.select(metric=metric, batch=batch)
    return float(row["value"])


def steady(batches: list[int], api: str = "single", **sizes: int) -> Result:
    """noirq-v2 over a whole period of pcp phases: every sample has 31 rounds."""
    return simulate({"name": "noirq-v2", **sizes}, batches=batches, api=api, rounds=31, samples=4)


def test_a_round_runs_one_page_more_than_it_divides_by() -> None:
    spec = PageAllocSpec(kind="pagealloc")
    assert spec.blocks_of(64) == 65


def test_the_bulk_variant_does_not() -> None:
    assert PageAllocSpec(kind="pagealloc", api="bulk").blocks_of(64) == 64


@pytest.mark.parametrize("batch", [1, 2, 8, 128])
def test_a_hit_is_reported_as_the_published_script_reports_it(batch: int) -> None:
    # (b + 1) hits of 148 cycles and the clock's 7, integer-divided by b.
    assert value(simulate(batches=[batch], rounds=4), "alloc", batch) == ((batch + 1) * 148 + 7) // batch


def test_up_to_batch_128_no_page_enters_or_leaves_the_pcp() -> None:
    result = simulate(batches=[1, 2, 4, 8, 16, 32, 64, 128], samples=4)
    moved = [row["value"] for metric in ("refilled", "drained") for row in result.select(metric=metric)]
    assert moved == [0.0] * 16


@pytest.mark.parametrize(("pages", "refilled"), [(256, 101), (512, 357), (1025, 870), (2000, 1845)])
def test_a_round_of_n_pages_refills_n_less_high_less_batch(pages: int, refilled: int) -> None:
    result = steady([pages], api="bulk")
    assert value(result, "drained", pages) == refilled
    # The neighbour's own frees drain one batch in 62 rounds, which rounds then refill.
    assert value(result, "refilled", pages) == refilled + 31 / 62


def test_the_knee_is_where_high_says() -> None:
    result = steady([512, 900, 1100], api="bulk", high=1000, batch=31)
    assert [value(result, "refilled", pages) for pages in (512, 900, 1100)] == [0.0, 0.0, 1100 - 969 + 31 / 62]


def test_without_a_neighbour_the_pcp_stays_in_one_phase() -> None:
    result = simulate({"name": "noirq-v2"}, batches=[512], api="bulk", rounds=31, samples=4, neighbour=False)
    assert value(result, "refilled", 512) % 31 == 0


def test_more_rounds_change_nothing_in_steady_state() -> None:
    few = steady([64, 512])
    many = simulate("noirq-v2", batches=[64, 512], rounds=310, samples=4)
    differences = [abs(value(few, "total", b) - value(many, "total", b)) for b in (64, 512)]
    assert max(differences) <= 1.0  # one cycle is what integer division makes of nothing


def test_in_softirq_context_noirq_pays_the_lock_for_every_page() -> None:
    result = simulate("noirq-v2", batches=[64], context="softirq", samples=3)
    task = simulate("noirq-v2", batches=[64], samples=3)
    assert value(result, "total", 64) > 1.5 * value(task, "total", 64)


def test_higher_orders_are_reported_under_their_order() -> None:
    result = simulate(batches=[4], order=2, samples=3)
    assert {row["order"] for row in result.rows} == {2}


def test_zones_are_fragmented_each_in_its_own_way() -> None:
    system = model(memory={"zone": "64MiB", "initial": "fragmented", "span": "32MiB", "zones_per_node": 2})
    first, second = ({pfn - zone.start for _, pfn, _ in zone.buddy.blocks()} for zone in system.allocator.zones)
    assert first != second


def test_fragmented_memory_splits_and_merges_nothing() -> None:
    data = {
        "name": "t",
        "allocator": "v4.10",
        "memory": {"zone": "4GiB", "initial": "fragmented"},
        "workload": {"kind": "pagealloc", "batches": [512], "samples": 3},
    }
    steps = {row["step"] for row in run(build(data)).ledger}
    assert not steps & {"buddy_split", "buddy_merge", "buddy_fallback"}
