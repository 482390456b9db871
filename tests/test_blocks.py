"""What grows with the pages of a block: every struct page is checked when it is allocated and when it is freed."""

from __future__ import annotations

from typing import Any

import pytest

from simalloc.machine import Context, Cpu, Program
from simalloc.measure import LockStat, Recorder
from simalloc.memory import MigrateType
from simalloc.runs import run
from simalloc.scenario import build
from tests.models import model, run_one


def checked(allocator: str, order: int) -> tuple[list[int], list[int]]:
    """How many struct pages beyond each block's first are checked in an allocation and in a free."""
    recorder = Recorder()
    system = model(allocator, [recorder], memory={"zone": "1GiB"})
    found: list[list[int]] = []

    def program(cpu: Cpu) -> Program[None]:
        block = yield from system.allocator.alloc_pages(cpu, order)
        assert block is not None
        found.append([each.times for each in recorder.take() if each.step.name == "page_check"])
        yield from system.allocator.free_pages(cpu, block, order)
        found.append([each.times for each in recorder.take() if each.step.name == "page_check"])

    run_one(system, program)
    return found[0], found[1]


@pytest.mark.parametrize("allocator", ["v4.10", "noirq-v2", "v4.17", "v5.18", "v6.1", "v6.12"])
@pytest.mark.parametrize("order", [4, 5, 8, 10])
def test_a_block_from_the_buddy_lists_is_checked_page_by_page(allocator: str, order: int) -> None:
    assert checked(allocator, order) == ([(1 << order) - 1], [(1 << order) - 1])


@pytest.mark.parametrize(("order", "blocks"), [(1, 31), (2, 15), (3, 7), (9, 2)])
def test_a_refill_checks_all_its_blocks(order: int, blocks: int) -> None:
    assert checked("v6.1", order) == ([blocks * ((1 << order) - 1)], [(1 << order) - 1])


def held(allocator: str) -> int:
    """Cycles that zone->lock is held for a block of order 4."""
    lock_stat = LockStat()
    system = model(allocator, [lock_stat], machine={"costs": {"page_check": 1000}})
    run_one(system, lambda cpu: system.allocator.alloc_pages(cpu, 4))
    return lock_stat.of("zone->lock").hold.total


@pytest.mark.parametrize(
    ("allocator", "under_lock"), [("v4.10", True), ("v5.13", True), ("v5.14", False), ("v6.2", False)]
)
def test_up_to_v5_13_the_check_is_under_the_lock(allocator: str, under_lock: bool) -> None:
    assert (held(allocator) > 15_000) == under_lock


def test_no_page_of_order_0_is_checked_twice() -> None:
    assert checked("v6.1", 0) == ([], [])


@pytest.mark.parametrize(
    "workload",
    [
        {"kind": "alloc-bench", "pages": 64, "repeats": 20, "modes": ["bulk", "repeat", "rand"]},
        {"kind": "producer-consumer", "milliseconds": 0.1},
    ],
)
@pytest.mark.parametrize("order", [4, 5])
def test_blocks_in_alloc_bench_and_producer_consumer_cost_more_than_pages(workload: dict[str, Any], order: int) -> None:
    def time(asked: int) -> float:
        scenario = build(
            {
                "name": "blocks",
                "allocator": "v6.1",
                "machine": {"cpus": 2},
                "workload": {**workload, "order": asked},
                "check": True,
                "replications": 1,
            }
        )
        metric = "alloc" if workload["kind"] == "alloc-bench" else "time_per_op"
        return float(run(scenario).select(metric=metric)[0]["value"])

    assert time(order) > time(0)


@pytest.mark.parametrize(
    ("allocator", "context", "scarce", "refills"),
    [
        ("v6.19", Context.SOFTIRQ, True, True),
        ("v7.1", Context.SOFTIRQ, False, True),
        ("v7.1", Context.SOFTIRQ, True, False),
        ("v7.3", Context.SOFTIRQ, False, False),
        ("v7.3", Context.HARDIRQ, False, False),
        ("v7.3", Context.TASK, False, True),
    ],
)
def test_an_interrupt_takes_one_block_and_no_refill(
    allocator: str, context: Context, scarce: bool, refills: bool
) -> None:
    system = model(allocator)
    zone = system.zone
    if scarce:
        zone.take(zone.free_pages - zone.watermarks.low, 0, MigrateType.MOVABLE)
        system.allocator.views[zone][0].refresh()

    def program(cpu: Cpu) -> Program[None]:
        assert (yield from system.allocator.alloc_pages(cpu, 1, MigrateType.MOVABLE)) is not None

    run_one(system, program, context)
    assert (zone.pcps[0].refilled > 0) == refills
