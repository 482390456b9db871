"""Hardirqs, NMIs and IPIs: when they run, what they interrupt, and the traps that broke other simulators."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simalloc.machine import (
    Activity,
    Await,
    Context,
    Cpu,
    Machine,
    Program,
    SendIpi,
    Sleep,
    Stuck,
    Sync,
)
from simalloc.measure import ledger
from tests.conftest import Bench
from tests.interrupting import RX, Latencies, attach, handler, irqsave, masked, working


def test_a_hardirq_inside_a_step_is_served_at_its_very_cycle(bench: Bench) -> None:
    attach(bench, [30])
    assert bench.run(working(bench)) == [(30, "irq"), (110, "step")]


def test_a_hardirq_at_the_end_of_a_step_comes_after_its_effect(bench: Bench) -> None:
    attach(bench, [100])
    assert bench.run(working(bench, 2)) == [(100, "step"), (100, "irq"), (210, "step")]


def test_a_masked_hardirq_is_taken_at_the_unmask(bench: Bench) -> None:
    attach(bench, [50])
    assert bench.run(masked(bench)) == [(112, "irq"), (222, "end")]


def test_a_hardirq_at_the_very_cycle_of_the_unmask_is_taken_there(bench: Bench) -> None:
    attach(bench, [112])
    assert bench.run(masked(bench)) == [(112, "irq"), (222, "end")]


def test_a_hardirq_at_the_very_cycle_of_the_mask_waits(bench: Bench) -> None:
    attach(bench, [7])
    assert bench.run(masked(bench)) == [(112, "irq"), (222, "end")]


def test_latency_is_recorded() -> None:
    seen = Latencies()
    bench = Bench()
    bench.machine.hooks.register(seen)
    attach(bench, [50])
    bench.run(masked(bench))
    assert seen.seen == [(0, "irq", 62)]


def test_two_sources_at_one_cycle_are_served_in_the_order_they_were_attached(bench: Bench) -> None:
    attach(bench, [30], "first")
    attach(bench, [30], "second")
    assert bench.run(working(bench)) == [(30, "first"), (40, "second"), (120, "step")]


def test_hardirqs_do_not_nest(bench: Bench) -> None:
    attach(bench, [30], "long", 50)
    attach(bench, [40], "other")
    assert bench.run(working(bench))[:2] == [(30, "long"), (80, "other")]


def test_a_handler_may_announce_the_next_interrupt(bench: Bench) -> None:
    def again(cpu: Cpu) -> Program[None]:
        bench.note(cpu.index, "irq")
        if cpu.clock < 60:
            cpu.interrupts.raise_at(cpu.clock + 20, "irq", again)
        yield bench.nothing

    bench.machine.cpus[0].interrupts.raise_at(30, "irq", again)
    assert bench.run(working(bench)) == [(30, "irq"), (50, "irq"), (70, "irq"), (100, "step")]


def test_entry_and_exit_have_a_price(bench: Bench) -> None:
    define = bench.machine.steps.define
    entry, leave = define("entry", Activity.INTERRUPT, 15), define("exit", Activity.INTERRUPT, 25)
    bench.machine.price_interrupts(entry=entry, leave=leave, softirq=bench.nothing, send_ipi=bench.nothing)
    attach(bench, [30])
    assert bench.run(working(bench)) == [(45, "irq"), (150, "step")]


def test_an_nmi_is_not_masked(bench: Bench) -> None:
    bench.machine.cpus[0].interrupts.attach("nmi", [50], handler(bench, "nmi", 10), nmi=True)
    assert bench.run(masked(bench)) == [(50, "nmi"), (222, "end")]


def test_an_nmi_interrupts_a_hardirq(bench: Bench) -> None:
    attach(bench, [30], "irq", 50)
    bench.machine.cpus[0].interrupts.attach("nmi", [40], handler(bench, "nmi", 10), nmi=True)
    assert bench.run(working(bench)) == [(30, "irq"), (40, "nmi"), (160, "step")]


def test_an_nmi_interrupts_no_nmi_and_nothing_interrupts_it(bench: Bench) -> None:
    attach(bench, [20])
    bench.machine.cpus[0].interrupts.attach("nmi", [10, 15], handler(bench, "nmi", 30), nmi=True)
    assert bench.run(working(bench)) == [(10, "nmi"), (40, "nmi"), (70, "irq"), (170, "step")]


def test_nmis_that_leave_no_time_fill_the_duration(bench: Bench) -> None:
    bench.machine.cpus[0].interrupts.attach("nmi", range(10, 1 << 62, 5), handler(bench, "nmi", 10), nmi=True)

    def program() -> Program[None]:
        yield bench.work

    bench.machine.run([program()], until=1000)
    assert {(row.context, row.cycles) for row in ledger(bench.machine) if row.cycles} == {("task", 10), ("nmi", 990)}


# Traps


def test_a_hardirq_while_a_softirq_waits_for_a_lock_comes_when_it_has_let_go(two: Bench) -> None:
    inside = irqsave(two, 0, 50, 1)

    def softirq(_cpu: Cpu) -> Program[None]:
        yield from inside()

    two.machine.cpus[1].interrupts.register_softirq(RX, softirq)

    def handle(cpu: Cpu) -> Program[None]:
        cpu.interrupts.raise_softirq(RX)
        yield two.nothing

    two.machine.cpus[1].interrupts.attach("raise", [5], handle)
    attach(two, [60], "irq", cpu=1)

    def nothing() -> Program[None]:
        yield two.work

    two.run(irqsave(two, 0, 100, 0), nothing)
    # CPU 0 holds from 17 to 137; CPU 1 asks at 22, has it at 137, lets go at 137 + 30 + 50 + 20, unmasks 5 later.
    assert [entry for entry in two.log if entry[1] in ("irq", "done")] == [(142, "done"), (242, "irq"), (252, "done")]


def spinning(bench: Bench, before: int, hold: int, cpu: int) -> Callable[[], Program[None]]:
    """Takes the lock with interrupts on."""
    first, inside = bench.lasting(before), bench.lasting(hold)

    def program() -> Program[None]:
        yield first
        yield bench.lock.acquire
        bench.note(cpu, "has lock")
        yield inside
        yield bench.lock.release
        bench.note(cpu, "done")

    return program


def test_a_task_that_spins_with_interrupts_on_serves_them_at_their_cycle(two: Bench) -> None:
    attach(two, [60], cpu=1)
    two.run(spinning(two, 0, 100, 0), spinning(two, 5, 50, 1))
    assert (60, "irq") in two.log


def test_a_lock_granted_while_its_waiter_serves_an_interrupt_is_held_meanwhile(two: Bench) -> None:
    attach(two, [60], cycles=500, cpu=1)
    two.run(spinning(two, 0, 100, 0), spinning(two, 5, 50, 1))
    # Granted at 130, the handler runs from 60 to 560, then the line comes.
    assert two.log == [(10, "has lock"), (60, "irq"), (130, "done"), (590, "has lock"), (660, "done")]


def test_spinning_is_counted_without_the_handler(two: Bench) -> None:
    attach(two, [60], cycles=20, cpu=1)
    two.run(spinning(two, 0, 100, 0), spinning(two, 5, 50, 1))
    assert [row.cycles for row in ledger(two.machine) if row.step == "spin"] == [(60 - 15) + (130 - 80)]


def test_a_hardirq_at_the_very_cycle_of_a_grant(two: Bench) -> None:
    attach(two, [130], cpu=1)
    two.run(spinning(two, 0, 100, 0), spinning(two, 5, 50, 1))
    assert [entry for entry in two.log if entry[1] != "irq"][-2:] == [(170, "has lock"), (240, "done")]
    assert (130, "irq") in two.log


def test_interrupts_that_leave_the_task_no_time_end_the_run_and_say_so(bench: Bench) -> None:
    attach(bench, range(10, 1 << 62, 5), cycles=10)
    with pytest.raises(Stuck, match="1000000 interrupts in a row, the last 'irq', left its task no cycle"):
        bench.run(working(bench))


def test_with_a_duration_they_fill_it(bench: Bench) -> None:
    attach(bench, range(10, 1 << 62, 5), cycles=10)

    def program() -> Program[None]:
        yield bench.work

    bench.machine.run([program()], until=1000)
    cycles = {(row.context, row.cycles) for row in ledger(bench.machine) if row.cycles}
    assert cycles == {("task", 10), ("hardirq", 990)}


def test_what_would_begin_with_the_end_of_the_run_does_not_happen(bench: Bench) -> None:
    attach(bench, [200])

    def program() -> Program[None]:
        yield bench.work
        bench.note(0, "one")
        yield bench.work
        bench.note(0, "two")

    bench.machine.run([program()], until=200)
    assert bench.log == [(100, "one")]
    assert [row.count for row in ledger(bench.machine) if row.step == "work"] == [2]


def test_time_up_ends_what_waits_for_a_lock(two: Bench) -> None:
    two.machine.run([spinning(two, 0, 5000, 0)(), spinning(two, 5, 50, 1)()], until=1000)
    assert [row.cycles for row in ledger(two.machine) if row.step == "spin"] == [1000 - 15]


# IPIs


def test_an_ipi_arrives_after_its_delivery_even_on_a_cpu_that_has_run_ahead(two: Bench) -> None:
    two.machine.expect_ipis(200)
    ipi = handler(two, "ipi", 10)

    def sender() -> Program[None]:
        yield two.work
        yield SendIpi(two.machine.cpus[1], "ipi", ipi)

    def busy() -> Program[None]:
        yield two.work * 50

    two.run(sender, busy)
    assert two.log == [(300, "ipi")]


def test_an_ipi_wakes_a_cpu_that_sleeps_and_the_sender_waits_for_it(two: Bench) -> None:
    two.machine.expect_ipis(200)
    done = Await(two.machine, 1, two.machine.spin_step)

    def answer(cpu: Cpu) -> Program[None]:
        yield two.work
        yield Sync()
        done.arrive(cpu)

    def sender() -> Program[None]:
        yield SendIpi(two.machine.cpus[1], "ipi", answer)
        yield done
        two.note(0, "answered")

    def sleeper() -> Program[None]:
        yield Sleep(1000)
        two.note(1, "woke")

    two.run(sender, sleeper)
    assert two.log == [(300, "answered"), (1000, "woke")]


def test_a_cpu_whose_program_has_ended_still_answers_ipis(two: Bench) -> None:
    two.machine.expect_ipis(200)
    done = Await(two.machine, 1, two.machine.spin_step)

    def answer(cpu: Cpu) -> Program[None]:
        yield Sync()
        done.arrive(cpu)

    def sender() -> Program[None]:
        yield two.work * 10
        yield SendIpi(two.machine.cpus[1], "ipi", answer)
        yield done
        two.note(0, "answered")

    def short() -> Program[None]:
        yield two.work

    assert two.run(sender, short) == [(1200, "answered")]


def test_a_context_comes_back_after_an_interrupt() -> None:
    machine = Machine()
    step = machine.steps.define("s", Activity.WORK, 10)
    contexts = []

    def handle(cpu: Cpu) -> Program[None]:
        contexts.append(cpu.context)
        yield step

    machine.cpus[0].interrupts.attach("irq", [5], handle)

    def program() -> Program[None]:
        yield step
        contexts.append(machine.cpus[0].context)

    machine.run([program()])
    assert contexts == [Context.HARDIRQ, Context.TASK]
