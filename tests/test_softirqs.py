"""Softirqs, ksoftirqd and work items: when they run, and how they share a CPU with its task."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simalloc.machine import (
    Activity,
    Cpu,
    Effect,
    Program,
    Sleep,
    Stuck,
)
from simalloc.measure import LedgerRow, ledger
from tests.conftest import Bench
from tests.interrupting import RX, TX, handler, raising, share, working


def test_a_softirq_runs_when_the_hardirq_returns(bench: Bench) -> None:
    bench.machine.cpus[0].interrupts.attach("irq", [30], raising(bench))
    assert bench.run(working(bench)) == [(30, "irq"), (40, "softirq"), (150, "step")]


def test_a_hardirq_interrupts_a_softirq_and_its_softirq_does_not_nest(bench: Bench) -> None:
    bench.machine.cpus[0].interrupts.attach("irq", [30, 50], raising(bench))
    assert bench.run(working(bench)) == [(30, "irq"), (40, "softirq"), (50, "irq"), (90, "softirq"), (200, "step")]


def test_softirqs_run_in_order_of_number(bench: Bench) -> None:
    interrupts = bench.machine.cpus[0].interrupts
    interrupts.register_softirq(RX, handler(bench, "rx", 5))
    interrupts.register_softirq(TX, handler(bench, "tx", 5))

    def handle(cpu: Cpu) -> Program[None]:
        cpu.interrupts.raise_softirq(RX)
        cpu.interrupts.raise_softirq(TX)
        yield bench.nothing

    interrupts.attach("irq", [30], handle)
    assert bench.run(working(bench))[:2] == [(30, "tx"), (35, "rx")]


def test_bottom_halves_off_keep_softirqs_until_they_are_on(bench: Bench) -> None:
    define = bench.machine.steps.define
    bh_off, bh_on = define("bh off", Activity.MASK, 8, Effect.BH_OFF), define("bh on", Activity.MASK, 11, Effect.BH_ON)
    bench.machine.cpus[0].interrupts.attach("irq", [30], raising(bench))

    def program() -> Program[None]:
        yield bh_off
        yield bench.work
        yield bh_on
        bench.note(0, "bh on")

    assert bench.run(program) == [(30, "irq"), (129, "softirq"), (169, "bh on")]


def flooded(task: Callable[[Bench], Program[None]]) -> tuple[Bench, list[LedgerRow]]:
    """A softirq of 1000 cycles that raises itself for ever, beside a task; 20 ms at 1 GHz."""
    bench = Bench()
    interrupts = bench.machine.cpus[0].interrupts

    def again(cpu: Cpu) -> Program[None]:
        yield bench.work * 10
        cpu.interrupts.raise_softirq(RX)

    def start(cpu: Cpu) -> Program[None]:
        cpu.interrupts.raise_softirq(RX)
        yield bench.nothing

    interrupts.register_softirq(RX, again)
    interrupts.attach("tick", range(1000, 20_000_000, 1_000_000), start)
    bench.machine.run([task(bench)], until=20_000_000)
    return bench, ledger(bench.machine)


def busy(bench: Bench, asleep: int = 0) -> Program[None]:
    """Sleep, then work for longer than any run here."""
    yield Sleep(asleep)
    for _ in range(1_000_000):
        yield bench.work


def test_a_softirq_that_never_ends_is_left_to_ksoftirqd_which_shares_the_cpu() -> None:
    bench, rows = flooded(busy)
    assert bench.machine.cpus[0].interrupts.ksoftirqd_runs > 1
    assert 0.3 < share(rows, "task") < 0.7


def test_a_hardirq_over_a_softirq_still_counts_as_in_softirq(bench: Bench) -> None:
    cpu = bench.machine.cpus[0]
    seen = []

    def look(_cpu: Cpu) -> Program[None]:
        seen.append((cpu.in_irq(), cpu.in_softirq()))
        yield bench.nothing

    cpu.interrupts.attach("raise", [30], raising(bench, softirq_cycles=100))
    cpu.interrupts.attach("look", [60], look)
    bench.run(working(bench))
    assert seen == [(True, True)]


def test_a_task_that_wakes_gets_its_turn_with_ksoftirqd() -> None:
    _, rows = flooded(lambda bench: busy(bench, asleep=1_000_000))
    assert 0.3 < share(rows, "task") < 0.7


def test_work_queued_while_ksoftirqd_runs_is_done(bench: Bench) -> None:
    interrupts = bench.machine.cpus[0].interrupts
    rounds = [0]

    def work(_cpu: Cpu) -> Program[None]:
        bench.note(0, "work")
        yield bench.nothing

    def again(cpu: Cpu) -> Program[None]:
        yield bench.work
        rounds[0] += 1
        if rounds[0] == 20:
            cpu.interrupts.queue_work(work)
        if rounds[0] < 40:
            cpu.interrupts.raise_softirq(RX)

    def start(cpu: Cpu) -> Program[None]:
        cpu.interrupts.raise_softirq(RX)
        yield bench.nothing

    interrupts.register_softirq(RX, again)
    interrupts.attach("start", [10], start)
    bench.run(working(bench))
    assert [what for _, what in bench.log] == ["work", "step"]


def test_softirqs_without_end_on_a_run_without_end_are_told(bench: Bench) -> None:
    interrupts = bench.machine.cpus[0].interrupts

    def again(cpu: Cpu) -> Program[None]:
        yield bench.work
        cpu.interrupts.raise_softirq(RX)

    def start(cpu: Cpu) -> Program[None]:
        cpu.interrupts.raise_softirq(RX)
        yield bench.nothing

    def sleeper() -> Program[None]:
        yield Sleep(1 << 50)

    interrupts.register_softirq(RX, again)
    interrupts.attach("start", [10], start)
    with pytest.raises(Stuck, match="softirqs raise each other without end"):
        bench.run(sleeper)


def test_on_an_idle_cpu_ksoftirqd_has_all_of_it() -> None:
    _, rows = flooded(lambda bench: busy(bench, asleep=1 << 50))
    assert share(rows, "softirq") > 0.9
