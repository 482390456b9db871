"""Cycles spent on locks count once, and to the very lock they were spent on."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simalloc.machine import Activity, Cpu, Effect, Instrument, LockClass, Machine, Program, Sleep, SpinLock, Uniform
from simalloc.measure import LockStat, LockTimes
from simalloc.runs import run
from simalloc.runs.explain import first_long_window, window_text
from simalloc.scenario import build
from simalloc.workloads.windows import Windows
from tests.conftest import Bench


class Parts(Instrument):
    """Of each window with interrupts off: CPU, length, cycles waiting, holding, and the rest."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int, int, int, int]] = []

    def irqs_window(self, cpu: Cpu, start: int, end: int, waited: int, held: int, times: int) -> None:  # noqa: ARG002
        length = end - start
        self.seen.append((cpu.index, length, waited, held, length - waited - held))


def test_a_lock_waited_for_inside_another_counts_once(two: Bench) -> None:
    """CPU 1 holds the inner lock to cycle 230; CPU 0, holding the outer one from 17 on, asks for it at 27."""
    parts = Parts()
    two.machine.hooks.register(parts)
    outer, inner = two.lock, two.new_lock("fifo")
    long = two.lasting(200)

    def nests() -> Program[None]:
        yield two.irq_off
        yield outer.acquire
        yield inner.acquire
        yield inner.release
        yield outer.release
        yield two.irq_on

    def holds() -> Program[None]:
        yield inner.acquire
        yield long
        yield inner.release

    two.run(nests, holds)
    assert parts.seen == [(0, 10 + 10 + 203 + 20 + 20 + 5, 203, 10 + 20 + 20, 10 + 5)]


def test_a_handler_holds_what_it_took_itself_only(bench: Bench) -> None:
    """It comes while its CPU's task holds a lock, and takes another one."""
    parts = Parts()
    bench.machine.hooks.register(parts)
    other = bench.new_lock("fifo")

    def handle(_cpu: Cpu) -> Program[None]:
        yield bench.work
        yield other.acquire
        yield other.release

    def holds() -> Program[None]:
        yield bench.lock.acquire
        yield bench.work
        yield bench.work
        yield bench.lock.release

    bench.machine.cpus[0].interrupts.attach("irq", [50], handle)
    bench.run(holds)
    assert parts.seen == [(0, 130, 0, 20, 110)]
    assert bench.machine.cpus[0].held_so_far() == 220 + 20


def random_machine(seed: int, *, lockstep: bool, instruments: list[Instrument]) -> Machine:
    """Three CPUs that nest three locks in one order, with interrupts on and off, and handlers that take two more."""
    machine = Machine(3, lockstep=lockstep, instruments=instruments, topology=Uniform(30))
    define = machine.steps.define
    take, give = define("take", Activity.LOCK, 10), define("give", Activity.LOCK, 20)
    off, on = define("off", Activity.MASK, 7, Effect.IRQ_OFF), define("on", Activity.MASK, 5, Effect.IRQ_ON)
    work = define("work", Activity.WORK, 1)
    outer = [SpinLock(machine, f"lock {i}", take, give, lines=i) for i in range(3)]
    of_irqs = [SpinLock(machine, f"irq lock {i}", take, give) for i in range(2)]

    def nested(random: Random, locks: list[SpinLock]) -> Program[None]:
        yield work * random.randrange(60)
        if locks and random.random() < 0.8:
            yield locks[0].acquire
            yield from nested(random, locks[1:])
            yield work * random.randrange(60)
            yield locks[0].release

    def program(cpu: Cpu) -> Program[None]:
        random = Random(seed * 10 + cpu.index)
        for _ in range(12):
            masked = random.random() < 0.5
            if masked:
                yield off
            yield from nested(random, outer)
            if masked:
                yield on
            yield Sleep(random.randrange(100))

    def handler_of(random: Random) -> Callable[[Cpu], Program[None]]:
        return lambda _cpu: nested(random, of_irqs)

    for cpu in machine.cpus:
        random = Random(seed * 100 + cpu.index)
        times = sorted(random.randrange(6000) for _ in range(15))
        cpu.interrupts.attach("irq", times, handler_of(random))
    machine.run([program(cpu) for cpu in machine.cpus])
    return machine


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_parts_of_windows_and_of_a_cpus_time_are_at_least_0_and_no_more_than_there_is(seed: int) -> None:
    found = []
    for lockstep in (False, True):
        parts, times = Parts(), LockTimes()
        machine = random_machine(seed, lockstep=lockstep, instruments=[parts, times])
        times.finish(machine)
        assert all(min(each) >= 0 for each in parts.seen)
        for cpu in machine.cpus:
            waited, held, moved = times.of(cpu)
            assert min(waited, held, moved) >= 0
            assert waited + held + moved <= cpu.clock - sum(cpu.tallies[0])
        found.append((sorted(parts.seen), sorted(times.waited.items()), sorted(times.held.items())))
    assert found[0] == found[1]


@given(st.integers(0, 1200), st.integers(0, 1200), st.integers(1, 400))
def test_what_is_spread_over_windows_is_all_there(start: int, length: int, window: int) -> None:
    windows = Windows(0, 3000, 3000 // window)
    windows.spread("it", start, start + length, length)
    inside = min(start + length, windows.length * windows.windows) - start
    assert abs(sum(windows.series("it")) - max(inside, 0)) < 1e-6
    assert max(windows.series("it")) <= windows.length + 1e-9


def test_only_holders_of_the_very_lock_are_named() -> None:
    """16 CPUs of one node wait for lru_lock and for zone->lock; each window for one of them."""
    data: dict[str, Any] = {
        "name": "two-locks",
        "machine": {"preset": "skylake-ep", "cpus": 16},
        "memory": {"zone": "4GiB"},
        "allocator": {"name": "v6.1", "batch": 63, "high": 126},
        "workload": {"kind": "page-fault", "milliseconds": 0.4, "mapping": 2048},
    }
    scenario = build(data)
    window = first_long_window(scenario, 0, 20_000)
    assert window is not None
    assert {hold.lock for hold in window.holds} == {"zone->lock (Normal 0.0)"}
    assert window.waited + window.held + window.rest == window.end - window.start
    assert "zone->lock (Normal 0.0) was held meanwhile by:" in window_text(window, 2.1)


def test_a_lock_of_another_node_is_another_lock() -> None:
    """48 CPUs on two nodes: whoever waits for a zone's lock is told of holders on its own node only."""
    data: dict[str, Any] = {
        "name": "nodes",
        "machine": {"preset": "skylake-ep", "cpus": 32},
        "memory": {"zone": "4GiB"},
        "allocator": "v4.17",
        "workload": {"kind": "alloc-bench", "modes": ["bulk"], "pages": 256},
    }
    window = first_long_window(build(data), 0, 15_000)
    assert window is not None
    assert len({hold.lock for hold in window.holds}) == 1


def test_own_time_is_at_least_0_where_locks_nest() -> None:
    """v6.1 with real pcp locks: zone->lock is waited for inside them."""
    data: dict[str, Any] = {
        "name": "nested",
        "machine": {"preset": "ice-lake-5320", "cpus": 8},
        "memory": {"zone": "2GiB", "drain_on_failure": True},
        "allocator": "v6.1",
        "workload": {"kind": "alloc-bench", "modes": ["bulk"], "pages": 512},
        "replications": 1,
    }
    result = run(build(data))
    figures = {row["metric"]: row["value"] for row in result.rows}
    assert min(figures.values()) >= 0
    parts = [figures[f"alloc_{part}"] for part in ("own", "wait", "hold", "transfer")]
    assert abs(sum(parts) - figures["alloc"]) < 1e-6
    assert all(row["max_rest"] >= 0 for row in result.latency)


def test_own_share_is_at_least_0_in_runs_shorter_than_a_wait() -> None:
    for milliseconds in (0.002, 0.01, 0.05):
        data: dict[str, Any] = {
            "name": "short",
            "machine": {"cpus": 8},
            "allocator": "v4.10",
            "workload": {
                "kind": "lock-loop",
                "milliseconds": milliseconds,
                "think": {"constant": "1ns"},
                "hold": {"constant": "3us"},
            },
            "replications": 1,
        }
        figures = {row["metric"]: row["value"] for row in run(build(data)).rows}
        shares = [figures[f"{part}_share"] for part in ("own", "wait", "hold", "transfer")]
        assert min(shares) >= 0
        assert abs(sum(shares) - 100) < 1e-6


def test_two_classes_of_one_name_stay_two(two: Bench) -> None:
    stat = LockStat()
    two.machine.hooks.register(stat)
    locks = [SpinLock(two.machine, LockClass("lock"), two.work, two.work) for _ in range(2)]

    def program(lock: SpinLock) -> Program[None]:
        yield lock.acquire
        yield lock.release

    two.run(*(lambda lock=lock: program(lock) for lock in locks))
    assert [entry.lock for entry in stat.classes.values()] == ["lock", "lock#2"]
