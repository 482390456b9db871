"""What was published of generations, beside them: directions and magnitudes. Guides print the figures, with errors."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import Any

import pytest

from simalloc.machine import Cpu, Instrument, SpinLock
from simalloc.results import read_published
from simalloc.runs import build_model, run, run_workload
from simalloc.scenario import build


def figures(scenario: dict[str, Any]) -> dict[tuple[str, str], float]:
    """Figures by label and metric."""
    result = run(build({"name": "t", "replications": 1, "latency": False, **scenario}), jobs=1)
    return {(row["label"], row["metric"]): row["value"] for row in result.rows}


# J. D. Brouer, page_bench04_bulk on the series of v5.13 and v5.14 (2021): of alloc and free one by one


@cache
def bulk() -> dict[tuple[str, str], float]:
    cases = [
        {"label": f"{version} {label}", "allocator": version, "workload": {"api": api}}
        for version in ("v5.13", "v5.14")
        for label, api in (("single", "single"), ("array", "bulk"), ("list", "bulk-list"))
    ]
    workload = {"kind": "pagealloc", "batches": [64], "freed": "one by one", "samples": 2, "dropped": 1}
    return figures({"workload": workload, "compare": cases, "machine": {"preset": "broadwell-ep", "cpus": 1}})


@pytest.mark.parametrize("version", ["v5.13", "v5.14"])
@pytest.mark.parametrize("api", ["array", "list"])
def test_bulk_costs_the_share_of_single_calls_that_was_published(version: str, api: str) -> None:
    published = read_published("bulk-2021.csv")

    def of(label: str, batch: int) -> float:
        value = published.get(f"{version} {label}", "total", {"order": 0, "batch": batch})
        assert value is not None
        return value

    simulated = bulk()[f"{version} {api}", "total"] / bulk()[f"{version} single", "total"]
    assert simulated == pytest.approx(of(api, 64) / of("single", 128), rel=0.1)


def test_counters_outside_the_loop_make_bulk_an_eighth_cheaper() -> None:
    """110 -> 98 cycles with arrays, 134 -> 115 with lists."""
    gains = [bulk()[f"v5.14 {api}", "total"] / bulk()[f"v5.13 {api}", "total"] for api in ("array", "list")]
    assert gains == pytest.approx([98 / 110, 115 / 134], abs=0.04)


def test_a_page_pool_gains_by_bulk_and_more_by_arrays() -> None:
    """XDP on one queue, 3.77 million packets a second page by page: +4.5 % with lists, +12.7 % with arrays."""
    workload = {"kind": "nic-rx", "queues": 1, "queue_mpps": 10, "packet_bytes": 64, "packet_cycles": 730}
    cases = [{"label": api, "workload": {"api": api}} for api in ("single", "bulk-list", "bulk")]
    found = figures(
        {
            "machine": {"preset": "nic-2017", "cpus": 1},
            "allocator": "v5.13",
            "workload": {**workload, "milliseconds": 0.5, "warmup_ms": 0.1},
            "compare": cases,
        }
    )
    by_list, by_array = (found[api, "throughput"] / found["single", "throughput"] for api in ("bulk-list", "bulk"))
    assert 1.03 < by_list < by_array < 1.14


# Huang Ying, 52166607ecc9: sections of zone->lock in page_fault1 on an Ice Lake server, us, by batch


class Holds(Instrument):
    """How long zone->lock is held, by function."""

    every_page = False

    def __init__(self) -> None:
        self.of: defaultdict[str, list[int]] = defaultdict(list)

    def lock_released(self, cpu: Cpu, lock: SpinLock, held: int) -> None:  # noqa: ARG002
        if lock.name == "zone->lock":
            self.of[lock.taken_in].append(held)


def mean_holds(allocator: dict[str, Any], milliseconds: float = 1.0, **scenario: Any) -> dict[str, float]:
    """Return the mean hold of each function, in us."""
    workload = {"kind": "page-fault", "milliseconds": milliseconds, "mapping": 4096}
    built = build({"name": "t", "allocator": allocator, "memory": {"zone": "4GiB"}, "workload": workload, **scenario})
    holds = Holds()
    system = build_model(built, built.cases[0], [holds])
    run_workload(built, system, built.cases[0].workload)
    return {site: sum(held) / len(held) / system.machine.ghz / 1000 for site, held in holds.of.items()}


@pytest.mark.parametrize(("batch", "free", "alloc"), [(63, 2.21, 2.02), (255, 7.70, 6.17)])
def test_refills_and_drains_hold_the_lock_about_as_long_as_on_a_server(batch: int, free: float, alloc: float) -> None:
    found = mean_holds(
        {"name": "v6.2", "batch": batch, "high": 2 * batch}, machine={"preset": "ice-lake-5320", "cpus": 8}
    )
    assert found["free_pcppages_bulk"] / free == pytest.approx(1.35, abs=0.2)
    assert found["rmqueue_bulk"] / alloc == pytest.approx(1.0, abs=0.2)


def test_refills_of_v6_7_hold_the_lock_many_times_longer_than_without_doubling() -> None:
    """Ten processes on EPYC: 450 us on average against about 12 us, 37 times."""
    machine = {"preset": "epyc-milan", "cpus": 2}
    refills = [
        mean_holds({"name": "v6.7"} | scale, 8.0, machine=machine)["rmqueue_bulk"]
        for scale in ({}, {"batch_scale_max": 0})
    ]
    assert refills[0] > 8 * refills[1]


# LLFree (ATC 2023), linux-alloc-bench with blocks on 8 CPUs, Linux 6.0: ns an allocation, ns a free


@pytest.mark.parametrize(("order", "alloc", "free"), [(1, 987, 2733), (3, 1372, 2650), (4, 2847, 2378)])
def test_blocks_cost_what_was_published_within_a_factor_of_two(order: int, alloc: float, free: float) -> None:
    lines = {"zone": False, "free_area": True, "struct_pages": True, "counters": True}
    batch = 1024 if order == 1 else 256
    workload = {"kind": "pagealloc", "batches": [batch], "order": order, "samples": 2, "dropped": 1, "rounds": 1}
    found = figures(
        {
            "machine": {"preset": "ice-lake-5320", "cpus": 8, "shared_lines": lines},
            "allocator": "v6.1",
            "memory": {"zone": "8GiB"},
            "workload": {**workload, "neighbour": False},
        }
    )
    ratios = [found["v6.1", what] / 2.2 / ns for what, ns in (("alloc", alloc), ("free", free))]
    assert all(0.5 < ratio < 2 for ratio in ratios), ratios


# Huang Ying's series of v6.7: a kernel build on 224 CPUs waits 13.5 % of its time for zone->lock before, 0.9 % after


def test_lists_that_grow_take_the_zone_lock_out_of_fork_and_exit() -> None:
    workload = {"kind": "exit", "pages": 1500, "iterations": 5, "dropped": 3, "touch": "100ns"}
    found = figures(
        {
            "machine": {"preset": "ice-lake-5320", "cpus": 8},
            "memory": {"zone": "4GiB", "transparent_hugepages": False},
            "workload": workload,
            "compare": [{"label": name, "allocator": name} for name in ("v6.2", "v6.7")],
        }
    )
    waits = [sum(found[name, f"{half}_wait"] for half in ("alloc", "free")) for name in ("v6.2", "v6.7")]
    assert waits[1] < waits[0] / 10
