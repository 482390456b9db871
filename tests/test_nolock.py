"""Allocations and frees that wait for no lock (v6.15): in an NMI, with both locks held below them."""

from __future__ import annotations

from typing import Any

import pytest

from simalloc.allocators import Linux
from simalloc.machine import NMI, Cpu, Program
from simalloc.measure import ledger
from simalloc.memory import MigrateType
from simalloc.runs import Model, build_model, run_workload
from simalloc.scenario import ScenarioError, build
from tests.models import model, run_one

MOVABLE = MigrateType.MOVABLE


def linux(allocator: str = "v6.15") -> tuple[Model, Linux]:
    system = model(allocator)
    assert isinstance(system.allocator, Linux)
    return system, system.allocator


def test_an_nmi_may_allocate_and_free_without_waiting() -> None:
    system, allocator = linux()
    got: list[int | None] = []

    def program(cpu: Cpu) -> Program[None]:
        page = yield from allocator.alloc_pages_nolock(cpu)
        assert page is not None
        yield from allocator.free_pages_nolock(cpu, page)
        got.append(page)

    run_one(system, program, NMI)
    assert system.zone.pcps[0].count + system.zone.free_pages == system.zone.pages


def test_with_both_locks_taken_an_allocation_fails_and_a_free_is_left_for_the_next_who_frees_a_block() -> None:
    system, allocator = linux()
    zone, left = system.zone, []

    def program(cpu: Cpu) -> Program[None]:
        page = yield from allocator.alloc_pages(cpu)
        large = yield from allocator.alloc_pages(cpu, 5)
        assert page is not None
        assert large is not None
        locks = allocator.pcp_lock[zone.pcps[0]], allocator.zone_lock[zone]
        for lock in locks:
            lock.take_alone(cpu)
        assert (yield from allocator.alloc_pages_nolock(cpu)) is None
        yield from allocator.free_pages_nolock(cpu, page)
        for lock in reversed(locks):
            lock.give_alone(cpu)
        left.append(allocator.kept_pages(zone))
        yield from allocator.free_pages(cpu, large, 5)
        left.append(allocator.kept_pages(zone))

    run_one(system, program)
    assert (left, zone.free_pages + zone.parked_pages()) == ([1, 0], zone.pages)


def test_a_free_without_waiting_never_drains() -> None:
    system, allocator = linux()
    pcp = system.zone.pcps[0]

    def program(cpu: Cpu) -> Program[None]:
        pages: list[int] = []
        yield from allocator.alloc_pages_each(cpu, 3000, pages)
        for page in pages:
            yield from allocator.free_pages_nolock(cpu, page)

    run_one(system, program)
    assert (pcp.drained, pcp.count > pcp.high) == (0, True)


def interrupted(*, lockstep: bool) -> tuple[list[Any], int]:
    """The ledger of a load under NMIs that allocate, and how many of their allocations failed."""
    scenario = build(
        {
            "name": "t",
            "allocator": "v6.19",
            "machine": {"cpus": 2},
            "memory": {"zone": "64MiB"},
            "workload": {"kind": "producer-consumer", "milliseconds": 0.1},
            "interrupts": [{"name": "bpf", "nmi": True, "hz": 400_000, "nolock_pages": 2, "handler_cycles": 100}],
            "lockstep": lockstep,
        }
    )
    system = build_model(scenario, scenario.cases[0])
    run_workload(scenario, system, scenario.cases[0].workload)
    assert system.allocator.nolock is not None
    return [row for row in ledger(system.machine) if row.cycles], system.allocator.nolock.failed


def test_local_clocks_do_what_lockstep_does_under_nmis_that_allocate() -> None:
    assert interrupted(lockstep=False) == interrupted(lockstep=True)


def test_a_kernel_that_cannot_says_so() -> None:
    source = {"name": "bpf", "nolock_pages": 1}
    scenario = {"name": "t", "allocator": "v6.12", "workload": {"kind": "mixed"}, "interrupts": [source]}
    with pytest.raises(ScenarioError, match=r"interrupts\[0\].nolock_pages: v6.12 has no allocation"):
        _ = build(scenario).cases
