"""Spinlocks: hand-over, order, waits, bounces."""

from __future__ import annotations

import pytest

from simalloc.machine import Activity, Instrument, Machine, Program, RuleBroken, SpinLock, Uniform
from simalloc.measure import LockStat, ledger
from tests.conftest import Bench


def holder(bench: Bench, cpu: int, before: int, hold: int) -> Program[None]:
    """Work `before` cycles, then hold the lock for `hold`; note when it was had and when it was given up."""
    first, inside = bench.lasting(before), bench.lasting(hold)

    def program() -> Program[None]:
        yield first
        yield bench.lock.acquire
        bench.note(cpu, f"cpu {cpu} has it")
        yield inside
        yield bench.lock.release
        bench.note(cpu, f"cpu {cpu} gave it up")

    return program()


def test_a_free_lock_costs_its_steps(bench: Bench) -> None:
    bench.machine.run([holder(bench, 0, 0, 50)])
    assert bench.log == [(10, "cpu 0 has it"), (80, "cpu 0 gave it up")]


def test_a_waiter_gets_it_at_release_plus_a_transfer(two: Bench) -> None:
    two.machine.run([holder(two, 0, 0, 50), holder(two, 1, 5, 50)])
    assert two.log == [
        (10, "cpu 0 has it"),
        (80, "cpu 0 gave it up"),
        (110, "cpu 1 has it"),
        (180, "cpu 1 gave it up"),
    ]


def test_waiting_is_spinning_in_the_ledger(two: Bench) -> None:
    two.machine.run([holder(two, 0, 0, 50), holder(two, 1, 5, 50)])
    assert [row.cycles for row in ledger(two.machine) if row.activity == "spin"] == [80 - 15]


def test_a_free_lock_that_another_cpu_had_costs_a_transfer(two: Bench) -> None:
    two.machine.run([holder(two, 0, 0, 50), holder(two, 1, 500, 50)])
    assert two.log[2:] == [(540, "cpu 1 has it"), (610, "cpu 1 gave it up")]


def test_grants_are_in_order_of_arrival(three: Bench) -> None:
    three.machine.run([holder(three, 0, 0, 300), holder(three, 1, 60, 50), holder(three, 2, 30, 50)])
    assert [what for _, what in three.log if "has" in what] == ["cpu 0 has it", "cpu 2 has it", "cpu 1 has it"]


def test_of_two_that_ask_in_one_cycle_the_lower_cpu_is_first(two: Bench) -> None:
    two.machine.run([holder(two, 0, 40, 50), holder(two, 1, 40, 50)])
    assert two.log[0] == (50, "cpu 0 has it")


def test_shuffled_ties_let_either_be_first() -> None:
    first = set()
    for seed in range(20):
        bench = Bench(cpus=2, shuffle_ties=seed)
        bench.machine.run([holder(bench, 0, 40, 50), holder(bench, 1, 40, 50)])
        first.add(bench.log[0][1])
    assert first == {"cpu 0 has it", "cpu 1 has it"}


def test_releasing_a_lock_that_is_not_held_breaks_a_rule(bench: Bench) -> None:
    def program() -> Program[None]:
        yield bench.lock.release

    with pytest.raises(RuleBroken, match="which it does not hold"):
        bench.run(program)


def test_lock_stat_has_the_columns_of_proc_lock_stat() -> None:
    stat = LockStat()
    machine = Machine(2, instruments=[stat], topology=Uniform(10))
    take, give = (machine.steps.define(name, Activity.LOCK, 10) for name in ("take", "give"))
    lock = SpinLock(machine, "zone->lock", take, give)
    inside = machine.steps.define("inside", Activity.WORK, 100)

    def program() -> Program[None]:
        yield lock.acquire
        yield inside
        yield lock.release

    machine.run([program(), program()])
    entry = stat.of("zone->lock")
    assert (entry.acquisitions, entry.contentions, entry.con_bounces, entry.acq_bounces) == (2, 1, 1, 1)
    assert (entry.wait.total, entry.wait.max) == (120, 120)
    assert (entry.hold.total, entry.hold.max) == (110 + 110, 110)


def test_only_the_hooks_that_an_instrument_overrides_are_called() -> None:
    machine = Machine(1, instruments=[LockStat(), Instrument()])
    hooks = machine.hooks
    assert (len(hooks.lock_acquired), len(hooks.lock_released), len(hooks.step), len(hooks.irqs_window)) == (1, 1, 0, 0)


@pytest.mark.parametrize("cpus", [2, 3, 5, 8])
def test_saturated_throughput_is_one_section_and_transfer_after_the_other(cpus: int) -> None:
    # D/D/1//N with no think time: after the first, a grant every take-free hold + release + transfer cycles.
    bench = Bench(cpus)
    rounds = 20

    def program() -> Program[None]:
        for _ in range(rounds):
            yield bench.lock.acquire
            yield bench.work
            yield bench.lock.release

    end = bench.machine.run([program() for _ in range(cpus)])
    assert end == 10 + cpus * rounds * (100 + 20) + (cpus * rounds - 1) * 30
