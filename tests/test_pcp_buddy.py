"""pcp-buddy-rfc: CPUs own pageblocks; and the two loads that it is about."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simalloc.allocators.pcp_buddy import PcpBuddy
from simalloc.machine import Cpu, Program, Sleep, Sync
from simalloc.measure import ledger
from simalloc.memory import PAGEBLOCK_PAGES, MigrateType, Pcp, PcpSizes, Tuning
from simalloc.runs import Model, build_model, run_workload
from simalloc.scenario import build
from simalloc.testing import conformance
from tests.models import model

RFC = "pcp-buddy-rfc"
MOVABLE = MigrateType.MOVABLE


def roomy(cpus: int = 2) -> tuple[Model, PcpBuddy]:
    """A system whose pcp lists have room for pageblocks."""
    system = model({"name": RFC, "high": 2000}, machine={"cpus": cpus})
    allocator = system.allocator
    assert isinstance(allocator, PcpBuddy)
    return system, allocator


def test_it_keeps_every_rule_where_it_may_claim_pageblocks() -> None:
    conformance({"name": RFC, "high": 2000})


def test_a_refill_claims_a_pageblock_and_splits_it_on_the_pcp() -> None:
    system, allocator = roomy(1)

    def program(cpu: Cpu) -> Program[None]:
        yield from allocator.alloc_pages(cpu, mt=MOVABLE)

    system.machine.run([program(cpu) for cpu in system.machine.cpus])
    pcp = system.zone.pcps[0]
    on_lists = [len(pcp.lists[pcp.place(order, MOVABLE)]) for order in pcp.orders]
    assert (on_lists, list(allocator.blocks.values())) == ([1] * 9 + [0], [(pcp, MOVABLE)])


def test_a_page_goes_to_the_pcp_of_its_owner_whoever_frees_it() -> None:
    system, allocator = roomy()
    pages: list[int] = []

    def owner(cpu: Cpu) -> Program[None]:
        yield from allocator.alloc_pages_each(cpu, 40, pages, mt=MOVABLE)

    def other(cpu: Cpu) -> Program[None]:
        yield Sleep(1_000_000)
        yield Sync()
        yield from allocator.free_pages(cpu, pages.pop())
        yield from allocator.free_pages_bulk(cpu, pages)

    system.machine.run([make(cpu) for make, cpu in zip((owner, other), system.machine.cpus, strict=True)])
    assert [pcp.count for pcp in system.zone.pcps] == [PAGEBLOCK_PAGES, 0]


def test_a_pageblock_that_is_whole_goes_back_as_one_block_and_has_no_owner() -> None:
    system, allocator = roomy(1)
    steps: list[int] = []

    def program(cpu: Cpu) -> Program[None]:
        pages: list[int] = []
        yield from allocator.alloc_pages_each(cpu, 300, pages, mt=MOVABLE)
        yield from allocator.free_pages_each(cpu, pages)
        before = sum(tally[allocator.k.buddy_insert.index] for tally in cpu.tallies)
        yield from allocator.drain_pages(cpu, system.zone)
        steps.append(sum(tally[allocator.k.buddy_insert.index] for tally in cpu.tallies) - before)

    system.machine.run([program(cpu) for cpu in system.machine.cpus])
    assert (steps, allocator.blocks, system.zone.free_pages) == ([1], {}, system.zone.pages)


def test_what_a_drain_has_given_away_of_an_owned_pageblock_is_taken_back_first() -> None:
    system, allocator = roomy(1)
    owned: list[int] = []

    def program(cpu: Cpu) -> Program[None]:
        kept = yield from allocator.alloc_pages(cpu, mt=MOVABLE)
        assert kept is not None
        yield from allocator.drain_pages(cpu, system.zone)
        owned.extend(allocator.fragmented[system.zone.pcps[0]])
        yield from allocator.alloc_pages(cpu, mt=MOVABLE)
        assert kept // PAGEBLOCK_PAGES in owned

    system.machine.run([program(cpu) for cpu in system.machine.cpus])
    assert (len(allocator.blocks), system.zone.pcps[0].count) == (1, PAGEBLOCK_PAGES - 2)


def test_a_page_whose_owner_is_locked_goes_to_the_buddy_lists() -> None:
    system, allocator = roomy(1)

    def program(cpu: Cpu) -> Program[None]:
        page = yield from allocator.alloc_pages(cpu, mt=MOVABLE)
        assert page is not None
        lock = allocator.pcp_lock[system.zone.pcps[0]]
        lock.take_alone(cpu)
        yield from allocator.free_pages(cpu, page)
        lock.give_alone(cpu)

    system.machine.run([program(cpu) for cpu in system.machine.cpus])
    assert system.zone.free_pages == system.zone.pages - PAGEBLOCK_PAGES + 1


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(0, 63), min_size=1), st.integers(1, 64))
def test_merging_and_taking_the_largest_first_keep_every_page(pages: set[int], wanted: int) -> None:
    pcp = Pcp(Tuning(PcpSizes(1, 100)), range(7))
    for pfn in sorted(pages):
        pcp.push(pfn, pcp.place(0, MOVABLE))
    looked, merged = pcp.merge(lambda _: True)
    assert looked >= len(pages) - merged
    blocks = [(pcp.orders[place // 3], pfn) for place, pfns in enumerate(pcp.lists) for pfn in pfns]
    assert {pfn + i for order, pfn in blocks for i in range(1 << order)} == pages
    assert not any((order, pfn ^ 1 << order) in blocks for order, pfn in blocks if order < 6)
    orders = [order for order, _, pfns in pcp.take_largest_first(wanted) for _ in pfns]
    assert orders == sorted(orders, reverse=True)
    assert pcp.count == len(pages) - sum(1 << order for order in orders) <= max(len(pages) - wanted, 0)


def measured(allocator: str, workload: dict[str, Any], **more: Any) -> tuple[dict[str, float], list[Any]]:
    """Figures and ledger of a workload on four CPUs."""
    scenario = build(
        {
            "name": "t",
            "allocator": {"name": allocator, "high": 800},
            "machine": {"cpus": 4},
            "memory": {"zone": "256MiB"},
            "workload": workload,
            **more,
        }
    )
    system = build_model(scenario, scenario.cases[0])
    ran = run_workload(scenario, system, scenario.cases[0].workload)
    rows = [row for row in ledger(system.machine) if row.cycles]
    return {figure.metric: figure.value for figure in ran.measured()}, rows


LOADS: dict[str, dict[str, Any]] = {
    "purger": {"kind": "purger", "milliseconds": 0.2, "extent": 64},
    "exit": {"kind": "exit", "pages": 300, "threads": 2, "faulted_by": 3},
}


@pytest.mark.parametrize("allocator", ["v6.19", RFC])
@pytest.mark.parametrize("load", LOADS)
def test_local_clocks_do_what_lockstep_does(load: str, allocator: str) -> None:
    assert measured(allocator, LOADS[load]) == measured(allocator, LOADS[load], lockstep=True)


def test_purgers_take_the_zone_lock_less_often_where_pages_go_to_their_owner() -> None:
    load = {"kind": "purger", "milliseconds": 0.5}
    today, owned = (measured(name, load)[0]["zone_lock_taken"] for name in ("v6.19", RFC))
    assert owned < today / 1.5


def test_more_ending_processes_for_each_owner_find_its_lock_taken_more_often() -> None:
    load = {"kind": "exit", "pages": 600}
    missed = [measured(RFC, {**load, "faulted_by": owners})[0]["pcp_lock_missed"] for owners in (4, 1)]
    assert missed[0] < missed[1]


def test_every_page_of_an_exit_is_freed_once() -> None:
    figures, rows = measured("v4.10", {"kind": "exit", "pages": 100, "threads": 3, "faulted_by": 3})
    puts = sum(row.count for row in rows if row.step == "put_page")
    assert (puts, figures["free"] > 0) == (400, True)
