"""Kinds of locks: order, hand-over, fairness, and the closed forms."""

from __future__ import annotations

from random import Random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simalloc import theory
from simalloc.hardware import Distances, Shape, Topology
from simalloc.machine import LOCK_KINDS, Activity, Cpu, Instrument, Machine, Program, SpinLock, Sync
from simalloc.runs import run
from simalloc.scenario import build
from simalloc.workloads.windows import half_interval
from tests.conftest import Bench
from tests.interrupting import attach

FIFO = ["fifo", "ticket", "mcs", "qspinlock"]


def waiting_in_turn(bench: Bench, lock: SpinLock, hold: int = 1000) -> list[int]:
    """CPU 0 holds; the others queue in order of their number; who gets it when."""
    inside = bench.lasting(hold)
    before = [bench.lasting(1 + 20 * cpu.index) for cpu in bench.machine.cpus]
    order: list[int] = []

    def program(cpu: int) -> Program[None]:
        yield before[cpu]
        yield lock.acquire
        order.append(cpu)
        yield inside
        yield lock.release

    bench.machine.run([program(cpu.index) for cpu in bench.machine.cpus])
    return order


@pytest.mark.parametrize("kind", FIFO)
def test_queue_locks_grant_in_order_of_arrival(kind: str) -> None:
    bench = Bench(6)
    assert waiting_in_turn(bench, bench.new_lock(kind)) == [0, 1, 2, 3, 4, 5]


def test_test_and_set_grants_in_any_order_by_its_seed() -> None:
    orders = set()
    for seed in range(10):
        bench = Bench(6)
        orders.add(tuple(waiting_in_turn(bench, bench.new_lock("tas", seed=seed))))
    assert len(orders) > 3


def test_cna_serves_the_node_of_the_holder_first() -> None:
    topology = Topology(Shape(sockets=2, cores_per_llc=3), Distances(5, 30, 30, 90))
    bench = Bench(6, topology=topology)
    lock = bench.new_lock("cna")
    inside = bench.lasting(1000)
    before = [bench.lasting(1 + 20 * place) for place in range(6)]
    order: list[int] = []

    def program(place: int, cpu: int) -> Program[None]:
        yield before[place]
        yield lock.acquire
        order.append(cpu)
        yield inside
        yield lock.release

    arrivals = [0, 3, 1, 4, 2, 5]
    bench.machine.run([program(arrivals.index(cpu), cpu) for cpu in range(6)])
    assert order == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("kind", "waiters", "cycles"),
    [("fifo", 3, 0), ("mcs", 3, 30), ("qspinlock", 1, 30), ("qspinlock", 3, 30), ("ticket", 1, 15), ("ticket", 3, 45),
     ("ttas", 1, 45), ("ttas", 3, 75)],
)  # fmt: skip
def test_the_first_hand_over_costs_what_its_kind_says(kind: str, waiters: int, cycles: int) -> None:
    bench = Bench(1 + waiters)
    lock = bench.new_lock(kind)
    first: list[int] = []

    class Watch(Instrument):
        def lock_acquired(self, cpu: Cpu, lock: SpinLock, waited: int, contended: bool) -> None:  # noqa: ARG002
            if contended:
                first.append(cpu.clock)

    bench.machine.hooks.register(Watch())
    waiting_in_turn(bench, lock)
    assert first[0] == 1 + 10 + 1000 + 20 + cycles


def test_a_short_section_shows_the_promotion_of_the_next_in_a_qspinlock() -> None:
    assert LOCK_KINDS["qspinlock"].handover(_queued(two=True), *_ends(), 10) == 30 + 20


def test_with_one_waiter_there_is_no_promotion() -> None:
    assert LOCK_KINDS["qspinlock"].handover(_queued(two=False), *_ends(), 10) == 30


_BENCH = Bench(3)


def _queued(*, two: bool) -> SpinLock:
    lock = _BENCH.new_lock("qspinlock")
    if two:
        lock.waiters.append((_BENCH.machine.cpus[2], None))  # type: ignore[arg-type]
    return lock


def _ends() -> tuple[Cpu, Cpu]:
    return _BENCH.machine.cpus[0], _BENCH.machine.cpus[1]


def test_a_free_lock_is_had_by_trying(bench: Bench) -> None:
    def program() -> Program[None]:
        bench.note(0, str((yield bench.lock.trylock)))
        yield bench.lock.release

    assert bench.run(program)[0] == (10, "True")


def test_a_try_that_fails_costs_the_line_and_goes_on(two: Bench) -> None:
    long, short = two.lasting(500), two.lasting(50)

    def holder() -> Program[None]:
        yield two.lock.acquire
        yield long
        yield two.lock.release

    def other() -> Program[None]:
        yield short
        two.note(1, str((yield two.lock.trylock)))

    two.machine.run([holder(), other()])
    assert two.log == [(50 + 10 + 30, "False")]


@pytest.mark.parametrize(("same", "cycles"), [("core", 5), ("llc", 30), ("socket", 60), ("remote", 90)])
def test_distance_is_by_what_two_cpus_share(same: str, cycles: int) -> None:
    shape = Shape(sockets=2, llcs_per_node=2, cores_per_llc=2, threads_per_core=2)
    topology = Topology(shape, Distances(5, 30, 60, 90))
    other = {"core": 8, "llc": 1, "socket": 2, "remote": 4}[same]
    assert topology.transfer(0, other) == topology.transfer(other, 0) == cycles


def test_siblings_are_numbered_as_linux_does() -> None:
    topology = Topology(Shape(sockets=2, cores_per_llc=2, threads_per_core=2), Distances(1, 2, 3, 4))
    assert [topology.siblings(cpu) for cpu in range(8)] == [[4], [5], [6], [7], [0], [1], [2], [3]]


def test_cpus_are_numbered_cores_first_then_siblings() -> None:
    topology = Topology(Shape(sockets=2, cores_per_llc=2, threads_per_core=2), Distances(1, 2, 3, 4))
    assert [topology.node(cpu) for cpu in range(8)] == [0, 0, 1, 1, 0, 0, 1, 1]


# Properties of random programs


class OneHolder(Instrument):
    """No lock has two holders; notes who got it in which order, and how often it was given up."""

    def __init__(self) -> None:
        self.holders: dict[SpinLock, Cpu] = {}
        self.taken = 0

    def lock_acquired(self, cpu: Cpu, lock: SpinLock, waited: int, contended: bool) -> None:  # noqa: ARG002
        assert lock not in self.holders
        self.holders[lock] = cpu
        self.taken += 1

    def lock_released(self, cpu: Cpu, lock: SpinLock, held: int) -> None:  # noqa: ARG002
        assert self.holders.pop(lock) is cpu


def random_locking(seed: int, cpus: int, kind: str, *, lockstep: bool) -> tuple[object, ...]:
    """Lock, unlock, trylock, mask and unmask at random on every CPU; interrupts come all the while."""
    bench = Bench(
        cpus, lockstep=lockstep, topology=Topology(Shape(sockets=2, cores_per_llc=4), Distances(3, 30, 30, 80))
    )
    watch = OneHolder()
    bench.machine.hooks.register(watch)
    locks = [bench.new_lock(kind, lines=1, seed=seed + i) for i in range(2)]
    steps = [bench.machine.steps.define(f"{n}", Activity.WORK, n) for n in (0, 1, 13, 90, 400)]
    asked = 0

    def program(cpu: Cpu) -> Program[None]:
        nonlocal asked
        random = Random(seed * 100 + cpu.index)
        for _ in range(40):
            lock, masked = random.choice(locks), random.random() < 0.5
            if masked:
                yield bench.irq_off
            if random.random() < 0.3:
                got = yield lock.trylock
                asked += got
            else:
                yield lock.acquire
                got = True
                asked += 1
            yield random.choice(steps)
            if got:
                yield lock.release
            if masked:
                yield bench.irq_on
            yield random.choice(steps)
        bench.note(cpu.index, "ended")

    def handler(_cpu: Cpu) -> Program[None]:
        yield steps[2]

    for cpu in bench.machine.cpus:
        cpu.interrupts.attach("irq", range(cpu.index, 10**9, 997), handler)
    end = bench.machine.run([program(cpu) for cpu in bench.machine.cpus])
    assert (watch.taken, watch.holders) == (asked, {})
    return end, sorted(bench.log), [lock.holder for lock in locks]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8), st.sampled_from(sorted(LOCK_KINDS)))
def test_one_holder_at_a_time_and_nobody_is_forgotten(seed: int, cpus: int, kind: str) -> None:
    ended = random_locking(seed, cpus, kind, lockstep=False)[1]
    assert isinstance(ended, list)
    assert len(ended) == cpus


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from(sorted(LOCK_KINDS)))
def test_local_clocks_and_lockstep_agree_on_every_kind(seed: int, cpus: int, kind: str) -> None:
    assert random_locking(seed, cpus, kind, lockstep=False) == random_locking(seed, cpus, kind, lockstep=True)


# Closed forms


def lock_loop(
    kind: str, cpus: int, *, think: str = "20000 cycles", ms: float = 3.0, replications: int = 5
) -> list[float]:
    """Throughput of each replication, operations per 1000 cycles, with a section of 400 and transfers of 120 cycles."""
    costs = {"spin_lock": 0, "spin_unlock": 0, "line_transfer": 120}
    scenario = build(
        {
            "name": "t",
            "machine": {"cpus": cpus, "lock": kind, "costs": costs},
            "allocator": "v4.10",
            "memory": {"zone": "1GiB"},
            "latency": False,
            "workload": {
                "kind": "lock-loop",
                "think": {"exponential": think},
                "hold": "400 cycles",
                "milliseconds": ms,
            },
        }
    )
    values = []
    for seed in range(replications):
        result = run(scenario.model_copy(update={"seed": seed, "replications": 1}))
        values += [row["value"] / 4 for row in result.rows if row["metric"] == "throughput"]
    return values


FORMS = {
    "fifo": (theory.none, 0),
    "mcs": (theory.mcs(120), 120),
    "qspinlock": (theory.qspinlock(120, 400), 120),
    "ticket": (theory.ticket(120), 120),
}


@pytest.mark.parametrize("cpus", [2, 8, 24, 48])
@pytest.mark.parametrize("kind", sorted(FORMS))
def test_throughput_is_the_closed_form_within_its_99_9_percent_interval(kind: str, cpus: int) -> None:
    values = lock_loop(kind, cpus)
    handover, fetch = FORMS[kind]
    exact = 1000 * theory.spinlock(cpus, 20000, 400, handover, fetch).throughput
    assert abs(mean(values) - exact) <= half_interval(values, 0.999) + 1e-3 * exact


def test_constant_think_is_the_deterministic_repairman() -> None:
    machine = Machine(8)
    nothing = machine.steps.define("nothing", Activity.LOCK, 0)
    lock = SpinLock(machine, "lock", nothing, nothing, kind=LOCK_KINDS["fifo"])
    think, hold = (machine.steps.define(name, Activity.WORK, n) for name, n in (("think", 2000), ("hold", 500)))

    def program() -> Program[None]:
        for _ in range(50):
            yield think
            yield lock.acquire
            yield hold
            yield lock.release

    end = machine.run([program() for _ in range(8)])
    assert end == 2000 + 400 / theory.constant(8, 2000, 500).throughput


def test_shares_of_a_fifo_lock_are_even() -> None:
    scenario = build(
        {
            "name": "t",
            "machine": {"cpus": 8, "lock": "qspinlock"},
            "allocator": "v4.10",
            "workload": {"kind": "lock-loop", "think": "100 cycles", "hold": "400 cycles", "milliseconds": 1.0},
            "replications": 1,
        }
    )
    assert run(scenario).select(metric="fairness")[0]["value"] > 0.9999


@pytest.mark.parametrize("lockstep", [False, True])
def test_an_interrupt_in_the_cycle_of_a_release_by_a_later_cpu_comes_first(lockstep: bool) -> None:
    bench = Bench(2, lockstep=lockstep)
    lock, inside, first = bench.new_lock("fifo"), bench.lasting(25), bench.lasting(15)
    attach(bench, [80])

    def waiter() -> Program[None]:
        yield first
        yield lock.acquire
        bench.note(0, "has it")
        yield lock.release

    def holder() -> Program[None]:
        yield lock.acquire
        yield inside
        yield Sync()
        yield inside
        yield lock.release

    assert bench.run(waiter, holder) == [(80, "irq"), (90, "has it")]
