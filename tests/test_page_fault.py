"""page-fault: what can be switched on does what it says, and only that."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from simalloc.cli.telling import tell_of_estimates
from simalloc.machine import Cpu, Instrument, SpinLock
from simalloc.runs import build_model, run, run_workload
from simalloc.scenario import build


class LruHolds(Instrument):
    """How long lru_lock is held, by function, in cycles; how often zone->lock is."""

    every_page = False

    def __init__(self) -> None:
        self.of: defaultdict[str, list[int]] = defaultdict(list)
        self.zone = 0

    def lock_released(self, cpu: Cpu, lock: SpinLock, held: int) -> None:  # noqa: ARG002
        if lock.name == "lru_lock":
            self.of[lock.taken_in].append(held)
        else:
            self.zone += 1


def scenario(cpus: int = 1, **workload: Any) -> dict[str, Any]:
    return {
        "name": "faults",
        "machine": {"preset": "haswell-desktop", "cpus": cpus, "costs": {"lru_page": 1000}},
        "memory": {"zone": "4GiB"},
        "allocator": "v4.17",
        "workload": {"kind": "page-fault", "milliseconds": 4, "mapping": 4096, **workload},
    }


def watch(cpus: int = 1, **workload: Any) -> LruHolds:
    built, holds = build(scenario(cpus, **workload)), LruHolds()
    system = build_model(built, built.cases[0], [holds])
    run_workload(built, system, built.cases[0].workload)
    return holds


def lru_holds(cpus: int = 1, **workload: Any) -> dict[str, list[int]]:
    return watch(cpus, **workload).of


def extra_work(cpus: int, **workload: Any) -> float:
    """Return what others add to own work, as a share of it, where nobody waits."""
    data = scenario(cpus, unmapping=0, **workload)
    data["machine"]["costs"] = {"page_fault": 10_000, "lru_page": 0}
    result = run(build(data), jobs=1)
    spent: defaultdict[str, int] = defaultdict(int)
    for row in result.ledger:
        spent[str(row["step"])] += int(row["cycles"])
    alone = run(build(scenario(cpus, unmapping=0) | {"machine": data["machine"]}), jobs=1)
    phase = sum(int(row["cycles"]) for row in alone.ledger if row["step"] == "work")
    return (spent["work"] - phase) / spent["page_fault"]


@pytest.mark.parametrize(("gather", "pages"), [(False, 15), (True, 32)])
def test_unmapping_takes_so_many_pages_off_the_lru_list_in_a_hold(gather: bool, pages: int) -> None:
    assert max(lru_holds(unmapping=1, gather=gather)["release_pages"]) // 1000 == pages


def test_what_is_gathered_is_freed_array_by_array() -> None:
    """510 pages are 15 holds of 32 and one of 30; only the last array of a gather can be shorter."""
    holds = lru_holds(unmapping=1, gather=True, mapping=32768)["release_pages"]
    assert [held // 1000 for held in holds[:16]] == [32] * 15 + [30]


def test_holds_vary_about_the_same_mean() -> None:
    holds = lru_holds(unmapping=0, hold_variation=0.4, milliseconds=40)["pagevec_lru_add"]
    mean = sum(holds) / len(holds)
    deviation = (sum((held - mean) ** 2 for held in holds) / len(holds)) ** 0.5
    assert [mean / 15_000, deviation / mean] == pytest.approx([1, 0.4], abs=0.1)


@pytest.mark.parametrize(
    ("cpus", "workload", "extra"),
    [
        (8, {}, 0),
        (4, {"smt_slowdown": 1.85}, 0),
        (8, {"smt_slowdown": 1.85}, 0.85),
        (8, {"memory_load": 1}, 1),
        (4, {"memory_load": 1}, 0.5),
        (8, {"smt_slowdown": 1.5, "memory_load": 1}, 2),
    ],
)
def test_busy_cpus_slow_each_other(cpus: int, workload: dict[str, float], extra: float) -> None:
    """Four cores with two threads: a sibling runs from the fifth CPU on; half of the CPUs load memory half as much."""
    assert extra_work(cpus, **workload) == pytest.approx(extra, abs=0.02 + 0.02 * extra)


def test_a_hold_is_longer_unless_the_sibling_waits() -> None:
    """Eight CPUs of four cores nearly always wait for lru_lock: some holders' siblings do, others' have just got it."""
    holds = set(lru_holds(8, smt_slowdown=1.6)["pagevec_lru_add"])
    assert {round(held / 1000) for held in holds} == {15, 24}


def test_siblings_and_steps_are_seen_alike_on_local_clocks_and_in_lockstep() -> None:
    """A CPU that is ahead of others must not be seen to wait before it does."""
    keys = {"smt_slowdown": 1.85, "starts_within_ms": 0.4, "time_lapse": 4, "gather": True, "milliseconds": 2}
    built = build(scenario(8, **keys) | {"latency": False})
    fast, slow = (run(built.model_copy(update={"lockstep": lockstep}), jobs=1) for lockstep in (False, True))
    assert (fast.rows, fast.locks) == (slow.rows, slow.locks)


def test_processes_in_step_touch_together_and_unmap_together() -> None:
    """While 2000 pages are touched by all, nobody unmaps; begun anywhere, four in ten do at once."""
    assert [
        "release_pages" in lru_holds(8, mapping=2000, starts_within_ms=within, milliseconds=3) for within in (0, None)
    ] == [False, True]


def test_a_life_that_passes_faster_needs_the_zone_lock_as_often() -> None:
    """A life needs zone->lock for all its pages but those that the pcp lists keep from phase to phase."""
    keys = {"mapping": 16384, "gather": True, "starts_within_ms": 0}

    def zone_holds_a_page(time_lapse: int) -> float:
        watched = watch(milliseconds=400 / time_lapse, time_lapse=time_lapse, **keys)
        return watched.zone / sum(sum(held // 1000 for held in holds) for holds in watched.of.values())

    assert zone_holds_a_page(8) == pytest.approx(zone_holds_a_page(1), rel=0.03)


@pytest.mark.parametrize(
    ("preset", "costs", "told"),
    [
        ("skylake-ep", {}, ""),
        ("epyc-milan", {}, "epyc-milan has only an estimate of page_fault and lru_page"),
        ("ice-lake-5320", {"page_fault": 3000}, "ice-lake-5320 has only an estimate of lru_page"),
    ],
)
def test_a_preset_without_costs_of_a_fault_says_so(
    preset: str, costs: dict[str, int], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_of_estimates(build(scenario() | {"machine": {"preset": preset, "cpus": 1, "costs": costs}}))
    assert capsys.readouterr().err.removeprefix("page-fault: ").partition(". ")[0] == told
