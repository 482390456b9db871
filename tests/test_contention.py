"""Workloads on many CPUs, topology and zones, shared lines, sweeps and replications: what they give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simalloc.allocators.shared_lines import stat_threshold
from simalloc.machine import Cpu, Mailbox, Program
from simalloc.measure import mser5
from simalloc.results import Result
from simalloc.runs import build_model, run
from simalloc.runs.assembly import _paired
from simalloc.scenario import ScenarioError, build, load
from simalloc.workloads.windows import half_interval


def small(**over: Any) -> dict[str, Any]:
    return {
        "name": "t",
        "machine": {"preset": "ice-lake-5320", "cpus": 4},
        "allocator": "v6.1",
        "memory": {"zone": "4GiB"},
        "latency": False,
        "workload": {"kind": "alloc-bench", "pages": 2000, "repeats": 50},
        "replications": 2,
    } | over


def value(result: Result, metric: str, **where: Any) -> float:
    return float(result.select(metric=metric, **where)[0]["value"])


def test_repeat_is_flat_and_bulk_is_not() -> None:
    result = run(build(small(sweep={"machine.cpus": [1, 8]})))
    times = {(m, n): value(result, m, cpus=n) for m in ("alloc", "repeat") for n in (1, 8)}
    assert (times["repeat", 8] / times["repeat", 1], times["alloc", 8] > 1.5 * times["alloc", 1]) == (1.0, True)


def test_a_pcps_own_lock_is_own_work_so_that_the_time_in_locks_bounds_that_of_an_allocation() -> None:
    result = run(build(small(sweep={"machine.cpus": [8, 16]})))
    in_locks = value(result, "alloc_hold", cpus=16) + value(result, "alloc_transfer", cpus=16)
    assert 16 * in_locks <= value(result, "alloc", cpus=16)


def test_parts_of_a_call_add_up_to_its_time() -> None:
    result = run(build(small()))
    parts = sum(value(result, f"alloc_{part}") for part in ("own", "wait", "hold", "transfer"))
    assert parts == pytest.approx(value(result, "alloc"))


def test_results_do_not_depend_on_the_number_of_processes() -> None:
    scenario = build(small(sweep={"machine.cpus": [2, 4]}, replications={"at_least": 2, "at_most": 4, "within": 0.01}))
    assert run(scenario, jobs=1).to_json() == run(scenario, jobs=2).to_json()


def test_replications_go_on_until_the_interval_is_small_enough() -> None:
    scenario = build(small(replications={"at_least": 2, "at_most": 6, "within": 1e-9}))
    assert run(scenario).rows[0]["replications"] == 6


def test_every_figure_of_several_cpus_has_an_interval() -> None:
    result = run(build(small(replications="auto")))
    assert all("ci95" in row for row in result.rows)


def test_two_labels_are_compared_as_paired_differences() -> None:
    compare = [{"label": "a"}, {"label": "same"}]
    rows = run(build(small(compare=compare))).select(label="same", metric="alloc")
    assert (rows[0]["change"], rows[0]["change_ci95"]) == (0.0, 0.0)


def test_a_change_is_that_of_the_means_where_a_baseline_is_near_nothing_once() -> None:
    found = _paired([2.0, 4.0, 6.0], [0.001, 3.999, 8.0])
    assert (found["change"], found["change_ci95"]) == pytest.approx(
        (0.0, 100 * half_interval([2.0, 0.0, -2.0]) / 4), abs=0.1
    )


def test_a_swept_value_that_is_wrong_is_told_at_the_sweep() -> None:
    with pytest.raises(ScenarioError, match=r"sweep.*machine.cpus.*less than or equal to 1024"):
        build(small(sweep={"machine.cpus": [1, 2000]}))


def test_a_machine_has_only_so_many_cpus() -> None:
    with pytest.raises(ScenarioError, match="ice-lake-5320 has 52 CPUs, 53 are asked for"):
        build(small(machine={"preset": "ice-lake-5320", "cpus": 53}))


def test_too_many_cpus_in_a_sweep_are_told_there() -> None:
    with pytest.raises(ScenarioError, match=r"^sweep.machine.cpus\[1\]: ice-lake-5320 has 52 CPUs, 53"):
        build(small(sweep={"machine.cpus": [1, 53]}))


def test_a_time_without_a_unit_is_told_what_to_write() -> None:
    with pytest.raises(ScenarioError, match=r"workload.think: 5 is not a time; write it with a unit, such as 2us"):
        build(small(workload={"kind": "mixed", "think": 5}))


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"replications": {"at_least": 9, "at_most": 3}}, "replications: at_least 9 is more than at_most 3"),
        ({"workload": {"kind": "alloc-bench", "dropped": 2}}, "2 of 2 iterations dropped leaves none"),
        ({"workload": {"kind": "alloc-bench", "modes": ["bulk", "bulk"]}}, "modes names one twice"),
        ({"machine": {"lock": "mutex"}}, "machine.lock: there is no lock 'mutex'"),
        ({"machine": {"shared_lines": {"zones": True}}}, 'shared_lines.zones: unknown key; did you mean "zone"'),
        ({"compare": [{"label": "a", "machine": {"cpus": 500}}]}, r"compare\[0\].machine.cpus: .* has 52 CPUs, 500"),
    ],
)
def test_wrong_input_is_told_where_it_stands(over: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        build(small(**over))


def test_prices_of_every_label_are_part_of_the_configuration() -> None:
    def digest(lines: float) -> str:
        machine = {"preset": "skylake-ep", "costs": {"zone_lines": lines}}
        return build(small(compare=[{"label": "a"}, {"label": "b", "machine": machine}])).digest()

    assert digest(1) != digest(2)


def test_a_bulk_call_takes_from_its_own_node() -> None:
    machine = {"preset": "skylake-ep", "cpus": 30}
    scenario = build(small(machine=machine, memory={"zone": "1GiB"}))
    system = build_model(scenario, scenario.cases[0])
    pages: list[int] = []

    def program(cpu: Cpu) -> Program[None]:
        if cpu.index == 29:
            yield from system.allocator.alloc_pages_bulk(cpu, 8, pages)

    system.machine.run([program(cpu) for cpu in system.machine.cpus])
    assert all(pfn in system.zones[1] for pfn in pages)
    assert len(pages) == 8


@pytest.mark.parametrize("allocator", ["v4.10", "v4.17", "v6.1"])
def test_a_page_from_another_cpu_brings_its_struct_page_when_freed_in_a_list(allocator: str) -> None:
    machine = {"preset": "ice-lake-5320", "cpus": 2, "shared_lines": {"zone": False, "struct_pages": True}}
    scenario = build(small(machine=machine, allocator=allocator))
    system = build_model(scenario, scenario.cases[0])
    box = Mailbox("pages", 1)

    def give(cpu: Cpu) -> Program[None]:
        pages: list[int] = []
        yield from system.allocator.alloc_pages_each(cpu, 10, pages)
        yield box.post(pages)

    def take(cpu: Cpu) -> Program[None]:
        pages = yield box.receive
        yield from system.allocator.free_pages_bulk(cpu, pages)

    first, second = system.machine.cpus
    system.machine.run([give(first), take(second)])
    assert second.cycles_of(system.machine.transfer_step) == pytest.approx(10 * 112 * 0.08, abs=5)


def test_each_node_in_use_has_its_zones_and_cpus_prefer_their_own() -> None:
    scenario = build(small(machine={"preset": "skylake-ep", "cpus": 56}, memory={"zone": "1GiB", "zones_per_node": 2}))
    system = build_model(scenario, scenario.cases[0])
    assert [zone.node for zone in system.allocator.zonelists[30]] == [1, 1, 0, 0]


def test_a_page_goes_home_to_its_zone() -> None:
    scenario = build(small(machine={"preset": "skylake-ep", "cpus": 30}, memory={"zone": "1GiB"}))
    system = build_model(scenario, scenario.cases[0])
    assert system.allocator.zone_of(system.zones[1].start).node == 1


@pytest.mark.parametrize("line", ["zone", "free_area", "struct_pages", "counters"])
def test_each_kind_of_shared_line_costs_something_alone(line: str) -> None:
    off = {"zone": False}
    workload = {"kind": "alloc-bench", "modes": ["bulk"], "pages": 3000}

    def moved(lines: dict[str, bool]) -> float:
        machine = {"preset": "ice-lake-5320", "cpus": 4, "shared_lines": lines}
        result = run(build(small(machine=machine, workload=workload, allocator="v4.10", replications=1)))
        return value(result, "alloc_transfer") + value(result, "free_transfer")

    assert moved(off | {line: True}) > moved(off)


def test_the_counter_threshold_is_the_kernels() -> None:
    gib = 1 << 18
    assert [stat_threshold(8, 4 * gib), stat_threshold(64, 4 * gib), stat_threshold(1024, 16 * gib)] == [56, 98, 125]


@pytest.mark.parametrize(
    "workload",
    [
        {"kind": "producer-consumer", "milliseconds": 0.5},
        {"kind": "mixed", "milliseconds": 0.5, "think": {"empirical": ["100ns", "1us"]}},
        {"kind": "page-fault", "milliseconds": 1.0, "mapping": 2000},
        {
            "kind": "page-fault",
            "milliseconds": 1.0,
            "mapping": 2000,
            "gather": True,
            "hold_variation": 0.3,
            "smt_slowdown": 1.85,
            "memory_load": 1,
        },
        {"kind": "alloc-bench", "modes": ["bulk", "repeat", "rand"], "pages": 500, "repeats": 20},
    ],
)
def test_local_clocks_and_lockstep_give_the_same_bytes_and_lose_no_page(workload: dict[str, Any]) -> None:
    machine = {"preset": "ice-lake-5320", "cpus": 4, "shared_lines": {"free_area": True, "struct_pages": True}}
    scenario = build(small(workload=workload, machine=machine, replications=1, check=workload["kind"] != "page-fault"))
    fast = run(scenario)
    slow = run(scenario.model_copy(update={"lockstep": True}))
    assert (fast.rows, fast.locks) == (slow.rows, slow.locks)


def test_mser5_cuts_the_rise_and_keeps_the_level() -> None:
    noise = np.random.default_rng(1).normal(0, 1, 200)
    series = np.concatenate([np.linspace(0, 100, 30), np.full(170, 100.0)]) + noise
    assert 25 <= mser5(series.tolist()) <= 40


def test_a_desktop_hardly_waits_for_the_zone_lock() -> None:
    settings = ["sweep={allocator.batch: [31]}", "workload.milliseconds=2", "replications=1"]
    result = run(
        load("page-fault-2018", [*settings, "compare=[{label: d, machine: {preset: haswell-desktop, cpus: 8}}]"])
    )
    assert value(result, "zone_lock_share") < 3


def test_the_lru_lock_takes_the_zone_locks_place() -> None:
    settings = ["sweep={allocator.batch: [31, 511]}", "workload.milliseconds=4", "replications=1"]
    result = run(load("page-fault-2018", [*settings, "compare=[{label: s}]"]))
    zone, lru = ([value(result, f"{lock}_lock_share", batch=b) for b in (31, 511)] for lock in ("zone", "lru"))
    assert (zone[0] > lru[0], zone[1] < lru[1]) == (True, True)


def test_ice_lake_is_predicted_beyond_what_it_was_fitted_on() -> None:
    settings = ["sweep={machine.cpus: [5, 6]}", "replications=1", "workload.pages=40000", "workload.modes=[bulk]"]
    rows = run(load("linux-alloc-bench-2023", settings)).rows
    errors = [abs(row["value"] / row["published"] - 1) for row in rows if "published" in row]
    assert len(errors) == 4
    assert np.mean(errors) < 0.08


@pytest.mark.parametrize(
    ("changes", "replications"),
    [
        ({"workload": {"kind": "lock-loop", "milliseconds": 0.01}}, 5),
        ({"workload": {"kind": "alloc-bench", "modes": ["rand"], "pages": 60}}, 5),
        ({"workload": {"kind": "pagealloc", "batches": [1], "samples": 3}}, 1),
        ({"workload": {"kind": "pagealloc", "batches": [1], "samples": 3}, "interrupts": [{"name": "tick"}]}, 5),
    ],
)
def test_one_cpu_has_an_interval_where_another_seed_gives_other_figures(
    changes: dict[str, object], replications: int
) -> None:
    scenario = {"name": "alone", "allocator": "v4.10", "memory": {"zone": "64MiB"}, **changes}
    assert run(build(scenario)).rows[0].get("replications", 1) == replications
