"""memory-pressure: allocations fail, reclaim and drain; who is disturbed by a drain, by generation."""

from __future__ import annotations

from typing import Any

import pytest

from simalloc.machine import Cpu, Program, Sleep
from simalloc.measure import ledger
from simalloc.runs import build_model, run_workload
from simalloc.scenario import build
from tests.models import model


def pressed(allocator: str, *, lockstep: bool = False) -> tuple[dict[str, float], list[Any]]:
    """Figures and ledger of half a millisecond on five CPUs, the last of them isolated."""
    scenario = build(
        {
            "name": "pressed",
            "allocator": allocator,
            "machine": {"cpus": 5},
            "memory": {"zone": "512MiB"},
            "workload": {"kind": "memory-pressure", "milliseconds": 0.5},
            "lockstep": lockstep,
        }
    )
    case = scenario.cases[0]
    system = build_model(scenario, case)
    workload = run_workload(scenario, system, case.workload)
    figures = {figure.metric: figure.value for figure in workload.measured()}
    return figures, [row for row in ledger(system.machine) if row.cycles and row.step not in ("spin", "idle")]


@pytest.mark.parametrize("allocator", ["v4.10", "v4.17", "v5.14", "v6.1", "6.1-stable", "v6.2", "v6.12", "v6.19"])
def test_failing_allocations_drain_in_every_generation(allocator: str) -> None:
    figures, _ = pressed(allocator)
    assert figures["drains"] > 0
    assert figures["direct_reclaims"] > 0


@pytest.mark.parametrize(
    ("allocator", "disturbed"), [("v4.10", True), ("v4.17", True), ("v6.1", False), ("v6.2", False), ("v6.19", False)]
)
def test_a_drain_disturbs_an_isolated_cpu_by_ipi_and_by_worker_only(allocator: str, disturbed: bool) -> None:
    figures, _ = pressed(allocator)
    assert (figures["isolated_disturbed"] > 0) == disturbed


@pytest.mark.parametrize("allocator", ["v4.11", "v6.1", "v6.2", "v6.19"])
def test_it_is_the_same_in_lockstep(allocator: str) -> None:
    assert pressed(allocator) == pressed(allocator, lockstep=True)


def runs_of_drains(allocator: str) -> int:
    """How many drains four CPUs that want one at once make."""
    system = model(allocator, machine={"cpus": 4})
    system.allocator.expect_drains()

    def asks(cpu: Cpu) -> Program[None]:
        yield Sleep(1000)
        yield from system.allocator.drain_all_pages(cpu)

    system.machine.run([asks(cpu) for cpu in system.machine.cpus])
    return system.allocator.drains.runs


@pytest.mark.parametrize(("allocator", "runs"), [("v4.10", 4), ("v4.11", 1), ("v4.17", 1), ("v6.1", 1), ("v6.12", 1)])
def test_of_four_callers_three_go_on_at_once_since_there_is_a_mutex(allocator: str, runs: int) -> None:
    assert runs_of_drains(allocator) == runs


def test_the_vmstat_worker_lets_an_idle_high_decay_and_drains_the_rest() -> None:
    system = model({"name": "v6.7", "batch": 3}, memory={"zone": "64MiB", "vmstat_ms": 1})
    pcp = system.zone.pcps[0]
    highs: list[int] = []

    def program(cpu: Cpu) -> Program[None]:
        pages: list[int] = []
        yield from system.allocator.alloc_pages_each(cpu, 1500, pages)
        yield from system.allocator.free_pages_each(cpu, pages)
        for _ in range(3):
            highs.append(pcp.high)
            yield Sleep(system.machine.milliseconds(1))

    system.machine.run([program(system.machine.cpus[0])])
    assert pcp.count <= pcp.high == pcp.tuning.snapshot()[0] < highs[-1] < highs[0]
