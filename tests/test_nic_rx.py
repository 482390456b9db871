"""Receiving packets: the ring, NAPI, the page pool, and history repeating itself."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simalloc.machine import Context, Cpu, Machine, Mailbox, Program
from simalloc.results import Result
from simalloc.runs import run
from simalloc.scenario import build, load
from simalloc.workloads.arrivals import arrivals, bursty, periodic, poisson, stream
from simalloc.workloads.page_pool import PagePool
from simalloc.workloads.rx_ring import Ring
from tests.conftest import Bench
from tests.models import model, run_one
from tests.test_stored import stored_result


def nic(allocator: str = "v4.10", **changes: Any) -> Result:
    """Two queues at 10 Gbit/s for 2 ms, unless said otherwise."""
    top = {key: changes.pop(key) for key in ("seed", "lockstep", "check", "tie_order") if key in changes}
    cpus = changes.pop("cpus", 2)
    workload = {"kind": "nic-rx", "queues": 2, "milliseconds": 2.0, "warmup_ms": 0.5} | changes
    if not workload.keys() & {"gbits", "queue_gbits", "queue_mpps", "times_us"}:
        workload["gbits"] = 10.0
    machine = {"preset": "nic-2017", "cpus": cpus}
    return run(build({"name": "t", "allocator": allocator, "machine": machine, "workload": workload} | top))


def value(result: Result, metric: str, label: str | None = None) -> float:
    (row,) = [r for r in result.rows if r["metric"] == metric and label in (None, r["label"])]
    return float(row["value"])


# Arrivals


def test_periodic_arrivals_keep_their_gap() -> None:
    times = [t for t, _ in zip(periodic(100.0, stream(1)), range(50), strict=False)]
    assert set(np.diff(times)) == {100}


@pytest.mark.parametrize("pattern", ["periodic", "poisson", "bursty"])
def test_every_pattern_has_the_rate_it_is_given(pattern: Any) -> None:
    times = [t for t, _ in zip(arrivals(pattern, 50.0, stream(3), 2000, 3000), range(40_000), strict=False)]
    assert times[-1] / len(times) == pytest.approx(50, rel=0.05)


def test_bursts_are_denser_than_their_mean() -> None:
    times = [t for t, _ in zip(bursty(50.0, stream(3), 2000, 8000), range(5000), strict=False)]
    assert np.median(np.diff(times)) < 15


def test_streams_of_one_cpu_do_not_depend_on_the_others() -> None:
    first = [next(poisson(100.0, stream(7, 1, cpu))) for cpu in range(2)]
    more = [next(poisson(100.0, stream(7, 1, cpu))) for cpu in range(8)]
    assert first == more[:2]
    assert len(set(more)) > 4


# The ring


def test_a_full_ring_drops() -> None:
    ring = Ring(iter(range(0, 1 << 40, 10)), size=4)
    ring.advance(95)
    assert (list(ring.waiting), ring.dropped) == ([0, 10, 20, 30], [40, 50, 60, 70, 80, 90])


def test_looking_ahead_takes_nothing() -> None:
    ring = Ring(iter(range(0, 1 << 40, 10)), size=64)
    assert [ring.when(5), ring.when(3), ring.when(9)] == [40, 20, 80]
    assert ring.take(35, 64) == 4


@given(st.lists(st.integers(1, 500), min_size=1, max_size=60), st.integers(0, 1000))
@settings(deadline=None)
def test_littles_law_holds_on_the_ring_to_the_cycle(polls: list[int], seed: int) -> None:
    # L = lambda W as areas: the integral of the number waiting is the sum of the waits, once the ring is empty.
    ring = Ring(poisson(40.0, stream(seed)), size=16)
    now = 0
    for gap in polls:
        now += gap
        ring.take(now, 5)
    while ring.waiting:
        ring.take(now, 64)
    assert ring.area == ring.waited


def test_littles_law_holds_on_a_loaded_nic() -> None:
    # L = lambda W: the number waiting is integrated over time, waits are summed packet by packet.
    result = nic(gbits=14.0, milliseconds=4.0)
    taken_per_us = value(result, "throughput") * 1e3 / (8 * 1500)
    assert value(result, "ring_waiting") == pytest.approx(taken_per_us * value(result, "ring_wait"), rel=0.06)


# Delivery


def test_what_is_offered_is_delivered_below_saturation() -> None:
    result = nic(arrivals="periodic")
    assert value(result, "throughput") == pytest.approx(10, rel=0.01)
    assert value(result, "dropped") == 0


def test_what_cannot_be_handled_is_dropped() -> None:
    result = nic(gbits=100.0, arrivals="periodic", milliseconds=6.0, ring=64)
    assert value(result, "throughput") + value(result, "dropped") == pytest.approx(100, rel=0.02)
    assert value(result, "idle_share") < 5


def test_moderation_means_fewer_interrupts() -> None:
    def interrupts(us: float) -> int:
        rows = nic(moderation_us=us).latency
        return next(int(r["count"]) for r in rows if (r["kind"], r["cpu"], r["site"]) == ("irq_latency", "all", "all"))

    assert interrupts(50.0) < interrupts(5.0) / 2


@pytest.mark.parametrize("allocator", ["v4.10", "noirq-v2", "v4.11-rc", "bh-disable", "v4.11", "v4.17", "v6.1"])
@pytest.mark.parametrize("freed_by", ["softirq", "task"])
def test_no_page_is_lost_whoever_frees_it(allocator: str, freed_by: str) -> None:
    nic(allocator, freed_by=freed_by, cpus=4, check=True, milliseconds=0.5)


@pytest.mark.parametrize("recycle", [False, True])
@pytest.mark.parametrize("freed_by", ["softirq", "task"])
def test_no_page_is_lost_in_a_pool(recycle: bool, freed_by: str) -> None:
    nic("noirq-v2", api="bulk", recycle=recycle, freed_by=freed_by, cpus=4, check=True, milliseconds=0.5)


def test_recycling_keeps_pages_from_the_allocator() -> None:
    def lock_taken(recycle: bool) -> int:
        result = nic("noirq-v2", api="bulk", recycle=recycle)
        return sum(int(row["acquisitions"]) for row in result.locks if row["lock"] == "zone->lock")

    assert lock_taken(True) < lock_taken(False) / 4


def test_pages_freed_on_another_cpu_come_through_the_zone_lock() -> None:
    def acquisitions(freed_by: str) -> int:
        result = nic("v4.10", freed_by=freed_by, cpus=4)
        return sum(int(row["acquisitions"]) for row in result.locks if row["lock"] == "zone->lock")

    assert acquisitions("task") > 2 * acquisitions("softirq")


def test_local_clocks_are_lockstep_on_a_nic() -> None:
    def without(result: Result) -> tuple[Any, ...]:
        timed = [row for row in result.ledger if row["cycles"]]
        return result.rows, timed, result.locks, result.latency

    for allocator in ("v4.11-rc", "bh-disable"):
        fast = nic(allocator, freed_by="task", cpus=4, milliseconds=0.5)
        slow = nic(allocator, freed_by="task", cpus=4, milliseconds=0.5, lockstep=True)
        assert without(fast) == without(slow)


def test_every_cpus_ledger_sums_to_the_duration() -> None:
    result = nic("v4.11-rc", gbits=60.0)
    for cpu in range(2):
        assert sum(row["cycles"] for row in result.ledger if row["cpu"] == cpu) == round(2.5e-3 * 3.6e9)


@pytest.mark.parametrize("load", [{"gbits": 12.0}, {"queue_gbits": 6.0}, {"queue_mpps": 0.5}])
def test_load_is_given_in_any_of_three_ways(load: dict[str, Any]) -> None:
    result = nic(arrivals="periodic", **load)
    assert value(result, "offered") == 12.0
    assert value(result, "throughput") == pytest.approx(12, rel=0.01)


def test_recorded_packets_arrive_when_they_did() -> None:
    times = [1000.0 + 2 * n for n in range(300)]
    result = nic(arrivals="recorded", times_us=times)
    packets = value(result, "throughput") * 1e9 / (8 * 1500) * 2e-3
    assert packets == pytest.approx(2 * 300)


def test_an_application_that_is_too_slow_drops_at_its_socket() -> None:
    result = nic(freed_by="task", cpus=4, task_cycles=20_000, socket=64, arrivals="periodic", check=True)
    most = 2 * 3.6e9 / (20_000 + 43) * 8 * 1500 / 1e9
    assert value(result, "throughput") <= most
    assert value(result, "throughput") + value(result, "dropped") == pytest.approx(10, rel=0.1)


def test_checking_a_saturated_run_finds_nothing_lost() -> None:
    nic("v4.11-rc", gbits=30.0, check=True, milliseconds=1.0)


# The pool and the mailbox


def test_a_pool_is_filled_64_at_a_time() -> None:
    system = model("noirq-v2")
    pool = PagePool(system.allocator, system.steps, recycle=False)
    got: list[int] = []

    def program(cpu: Cpu) -> Program[None]:
        yield from pool.get(cpu, 10, got)

    run_one(system, program)
    assert (len(got), len(pool.cache)) == (10, 54)


def test_a_pool_keeps_at_most_128_pages() -> None:
    system = model("noirq-v2", memory={"zone": "512MiB"})
    pool = PagePool(system.allocator, system.steps, recycle=True)

    def program(cpu: Cpu) -> Program[None]:
        pages: list[int] = []
        yield from pool.get(cpu, 300, pages)
        for page in pages:
            yield from pool.put(cpu, page)

    run_one(system, program, Context.SOFTIRQ)
    assert len(pool.cache) == 128


def test_a_reader_sleeps_until_something_is_posted(two: Bench) -> None:
    box = Mailbox("box", 8)

    def writer() -> Program[None]:
        yield two.work
        yield box.post("hello")

    def reader() -> Program[None]:
        item = yield box.receive
        two.note(1, item)

    assert two.run(writer, reader) == [(100, "hello")]


def test_items_come_in_order(two: Bench) -> None:
    box = Mailbox("box", 8)

    def writer() -> Program[None]:
        for item in "abc":
            yield box.post(item)

    def reader() -> Program[None]:
        for _ in range(3):
            two.note(1, (yield box.receive))

    assert [item for _, item in two.run(writer, reader)] == ["a", "b", "c"]


# History, as test_stored.py finds it to the byte


@cache
def history() -> Result:
    return stored_result("nic-rx-2017")


def test_the_series_loses_15_to_40_percent_of_the_throughput() -> None:
    loss = 1 - value(history(), "throughput", "v4.11-rc") / value(history(), "throughput", "v4.10")
    assert 0.15 <= loss <= 0.40


def test_it_spends_25_to_70_percent_of_all_cycles_spinning() -> None:
    assert 25 <= value(history(), "spin_share", "v4.11-rc") <= 70


@pytest.mark.parametrize(("label", "within"), [("v4.11", 0.02), ("bh-disable", 0.03)])
def test_the_revert_and_the_bh_variant_get_it_back(label: str, within: float) -> None:
    assert value(history(), "throughput", label) == pytest.approx(value(history(), "throughput", "v4.10"), rel=within)


def test_on_one_cpu_without_interrupts_the_series_is_cheaper() -> None:
    assert value(history(), "one_cpu_total", "v4.11-rc") < 0.8 * value(history(), "one_cpu_total", "v4.10")


def test_shuffled_ties_move_the_throughput_less_than_its_interval() -> None:
    two = "compare=[{label: v4.10, allocator: v4.10}, {label: v4.11-rc, allocator: v4.11-rc}]"
    changes = [two, "workload.milliseconds=5", "workload.warmup_ms=1"]
    fixed = run(load("nic-rx-2017", changes), jobs=2)
    shuffled = run(load("nic-rx-2017", [*changes, "tie_order=shuffled"]), jobs=2)
    for label in ("v4.10", "v4.11-rc"):
        (row,) = fixed.select(label=label, metric="throughput")
        assert abs(row["value"] - value(shuffled, "throughput", label)) < max(row["ci95"], 1e-9)


def test_two_allocators_meet_the_same_packets() -> None:
    a, b = nic("v4.10"), nic("bh-disable")
    assert value(a, "throughput") == value(b, "throughput")


def test_a_machine_has_milliseconds() -> None:
    assert Machine(ghz=3.6).milliseconds(0.5) == 1_800_000
