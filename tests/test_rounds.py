"""Rounds that repeat are counted: the same figures, ledger, windows and lists as when each is run."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simalloc.allocators import VERSIONS
from simalloc.machine import Cpu, Program
from simalloc.measure import Latency, PageChecker, ledger
from simalloc.runs import build_model, run, run_workload
from simalloc.scenario import build
from tests.models import model, run_one

ALLOCATORS = sorted(VERSIONS)


def outcome(scenario: dict[str, Any], *, count: bool, lockstep: bool = False) -> tuple[Any, ...]:
    """Everything that a run leaves behind. Who watches every page has every round run."""
    built = build({"name": "rounds", "memory": {"zone": "64MiB"}, "lockstep": lockstep, **scenario})
    latency = Latency()
    system = build_model(built, built.cases[0], [latency, *([] if count else [PageChecker()])])
    workload = run_workload(built, system, built.cases[0].workload)
    lists = [pcp.lists for zone in system.zones for pcp in zone.pcps]
    recency = [each.touch(pfn) for each in system.allocator.recency for pcp in lists for pfns in pcp for pfn in pfns]
    return workload.measured(), ledger(system.machine), list(latency.rows()), lists, recency


def pagealloc(allocator: str, batch: int, rounds: int, **more: Any) -> dict[str, Any]:
    workload = {"kind": "pagealloc", "batches": [batch, 41], "rounds": rounds, "samples": 3, "dropped": 1}
    return {"allocator": allocator, "workload": workload | more.pop("workload", {}), **more}


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(ALLOCATORS),
    st.integers(1, 40),
    st.integers(1, 25),
    st.sampled_from(["task", "softirq", "hardirq"]),
    st.sampled_from([0, 2_000, 200_000]),
    st.booleans(),
    st.integers(1, 3),
)
def test_counted_rounds_are_those_that_would_have_run(
    allocator: str, batch: int, rounds: int, context: str, hz: int, neighbour: bool, cpus: int
) -> None:
    interrupts = [{"name": "tick", "arrivals": "poisson", "hz": hz, "handler_cycles": 300}] if hz else []
    workload = {"context": context, "neighbour": neighbour}
    scenario = pagealloc(
        allocator, batch, rounds, workload=workload, interrupts=interrupts, machine={"cpus": cpus}, seed=batch
    )
    assert outcome(scenario, count=True) == outcome(scenario, count=False)


def test_counted_rounds_are_those_of_lockstep() -> None:
    scenario = pagealloc("noirq-v2", 10, 40, workload={"api": "bulk"})
    assert outcome(scenario, count=True) == outcome(scenario, count=False, lockstep=True)


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_the_same_page_again_and_again_is_counted(allocator: str) -> None:
    workload = {"kind": "alloc-bench", "modes": ["repeat"], "repeats": 300, "pages": 100}
    scenario = {"allocator": allocator, "machine": {"cpus": 3}, "workload": workload}
    assert outcome(scenario, count=True) == outcome(scenario, count=False)


def bodies_run(times: int, pages: int, **scenario: Any) -> tuple[int, int]:
    """How many rounds were run, and how many results stand for."""
    system = model("v4.10", **scenario)
    ran = stood = 0

    def body(cpu: Cpu) -> Program[None]:
        nonlocal ran
        ran += 1
        held: list[int] = []
        yield from system.allocator.alloc_pages_each(cpu, pages, held)
        yield from system.allocator.free_pages_each(cpu, held)

    def program(cpu: Cpu) -> Program[None]:
        nonlocal stood
        results = yield from system.allocator.rounds.run(cpu, times, lambda: body(cpu))
        stood = sum(each for _, each in results)

    system.machine.run([program(cpu) for cpu in system.machine.cpus])
    return ran, stood


def test_of_ten_thousand_rounds_a_few_are_run() -> None:
    ran, stood = bodies_run(10_000, 6)
    assert ran <= 8
    assert stood == 10_000


def test_rounds_that_refill_and_drain_are_all_run() -> None:
    assert bodies_run(50, 100) == (50, 50)


def test_in_lockstep_all_are_run() -> None:
    assert bodies_run(50, 6, lockstep=True) == (50, 50)


def test_as_many_rounds_as_were_published_take_no_longer() -> None:
    workload = {"kind": "pagealloc", "batches": [1, 8, 128], "rounds": 10_000}
    scenario = build({"name": "published", "allocator": "v4.10", "workload": workload})
    short = build({"name": "short", "allocator": "v4.10", "workload": workload | {"rounds": 31}})
    assert [row["value"] for row in run(scenario).rows] == [row["value"] for row in run(short).rows]


def test_while_ksoftirqd_or_work_waits_for_the_cpu_all_are_run() -> None:
    system, ran = model("v4.10"), 0

    def body(cpu: Cpu) -> Program[None]:
        nonlocal ran
        ran += 1
        page = yield from system.allocator.alloc_pages(cpu)
        assert page is not None
        yield from system.allocator.free_pages(cpu, page)

    def program(cpu: Cpu) -> Program[None]:
        yield system.allocator.k.preempt_disable
        cpu.interrupts.queue_work(body)
        yield from system.allocator.rounds.run(cpu, 50, lambda: body(cpu))

    run_one(system, program)
    assert ran == 50
