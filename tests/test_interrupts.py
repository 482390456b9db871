"""Hardirqs, softirqs, NMIs and IPIs: when they run, what they interrupt, and the traps that broke other simulators."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import ceil
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simalloc.machine import (
    Activity,
    Await,
    Context,
    Cpu,
    Effect,
    Instrument,
    Machine,
    Program,
    SendIpi,
    Sleep,
    SpinLock,
    Stuck,
    Sync,
)
from simalloc.measure import LedgerRow, ledger
from tests.conftest import Bench

RX, TX = 3, 2


class Latencies(Instrument):
    """Every interrupt taken, as (cpu, name, latency)."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, str, int]] = []

    def irq_taken(self, cpu: Cpu, name: str, latency: int) -> None:
        self.seen.append((cpu.index, name, latency))


def handler(bench: Bench, name: str, cycles: int) -> Callable[[Cpu], Program[None]]:
    """A handler of so many cycles that notes when it began."""
    work = bench.lasting(cycles)

    def handle(cpu: Cpu) -> Program[None]:
        bench.note(cpu.index, name)
        yield work

    return handle


def attach(bench: Bench, times: Iterable[int], name: str = "irq", cycles: int = 10, cpu: int = 0) -> None:
    bench.machine.cpus[cpu].interrupts.attach(name, times, handler(bench, name, cycles))


def working(bench: Bench, steps: int = 1) -> Callable[[], Program[None]]:
    """A task of so many steps of 100 cycles, that notes the end of each."""

    def program() -> Program[None]:
        for _ in range(steps):
            yield bench.work
            bench.note(0, "step")

    return program


def masked(bench: Bench) -> Callable[[], Program[None]]:
    """Masks (7 cycles), works 100, unmasks (5), works 100; notes the end of the last."""

    def program() -> Program[None]:
        yield bench.irq_off
        yield bench.work
        yield bench.irq_on
        yield bench.work
        bench.note(0, "end")

    return program


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


def test_two_sources_at_one_cycle_are_served_in_order_of_announcement(bench: Bench) -> None:
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


# Softirqs


def raising(bench: Bench, number: int = RX, softirq_cycles: int = 40) -> Callable[[Cpu], Program[None]]:
    """A hardirq handler of 10 cycles that raises a softirq, whose action notes when it began."""
    work = bench.lasting(10)
    for cpu in bench.machine.cpus:
        cpu.interrupts.register_softirq(number, handler(bench, "softirq", softirq_cycles))

    def handle(cpu: Cpu) -> Program[None]:
        bench.note(cpu.index, "irq")
        yield work
        cpu.interrupts.raise_softirq(number)

    return handle


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


def flooded(task_steps: int) -> tuple[Bench, list[LedgerRow]]:
    """A softirq that raises itself for ever, beside a task of so many steps of 100 cycles; 20 ms at 1 GHz."""
    bench = Bench()
    interrupts = bench.machine.cpus[0].interrupts

    def again(cpu: Cpu) -> Program[None]:
        yield bench.work * 10
        cpu.interrupts.raise_softirq(RX)

    def start(cpu: Cpu) -> Program[None]:
        cpu.interrupts.raise_softirq(RX)
        yield bench.nothing

    def program() -> Program[None]:
        for _ in range(task_steps):
            yield bench.work

    interrupts.register_softirq(RX, again)
    interrupts.attach("tick", range(1000, 20_000_000, 1_000_000), start)
    bench.machine.run([program()], until=20_000_000)
    return bench, ledger(bench.machine)


def share(rows: list[LedgerRow], context: str) -> float:
    return sum(row.cycles for row in rows if row.context == context) / sum(row.cycles for row in rows)


def test_a_softirq_that_never_ends_is_left_to_ksoftirqd_which_shares_the_cpu() -> None:
    bench, rows = flooded(task_steps=1_000_000)
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
    bench = Bench()
    interrupts = bench.machine.cpus[0].interrupts

    def again(cpu: Cpu) -> Program[None]:
        yield bench.work * 10
        cpu.interrupts.raise_softirq(RX)

    def start(cpu: Cpu) -> Program[None]:
        cpu.interrupts.raise_softirq(RX)
        yield bench.nothing

    def program() -> Program[None]:
        yield Sleep(1_000_000)
        for _ in range(1_000_000):
            yield bench.work

    interrupts.register_softirq(RX, again)
    interrupts.attach("tick", range(1000, 20_000_000, 1_000_000), start)
    bench.machine.run([program()], until=20_000_000)
    assert 0.3 < share(ledger(bench.machine), "task") < 0.7


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
    _, rows = flooded(task_steps=0)
    assert share(rows, "softirq") > 0.9


# Traps


def irqsave(bench: Bench, before: int, hold: int, cpu: int) -> Callable[[], Program[None]]:
    first, inside = bench.lasting(before), bench.lasting(hold)

    def program() -> Program[None]:
        yield first
        yield bench.irq_off
        yield bench.lock.acquire
        bench.note(cpu, "has lock")
        yield inside
        yield bench.lock.release
        yield bench.irq_on
        bench.note(cpu, "done")

    return program


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


# Theory


@given(st.lists(st.tuples(st.integers(40, 400), st.integers(1, 20)), min_size=1, max_size=3), st.integers(1, 600))
@settings(deadline=None)
def test_the_worst_response_of_a_task_is_the_recursion_to_the_cycle(sources: list[tuple[int, int]], c: int) -> None:
    # R = C + sum ceil(R / T) C_irq (Joseph and Pandya 1986), all sources released together with the task.
    bench = Bench()
    for period, cost in sources:
        attach(bench, range(0, 1 << 40, period), cycles=cost)
    task = bench.lasting(c)
    if sum(cost / period for period, cost in sources) >= 0.95:
        return
    response = c
    while (after := c + sum(ceil(response / period) * cost for period, cost in sources)) != response:
        response = after
    ended = []

    def program() -> Program[None]:
        yield task
        ended.append(bench.machine.cpus[0].clock)

    bench.run(program)
    assert ended == [response]


def test_interrupts_wait_as_in_m_d_1() -> None:
    # Poisson arrivals, handlers of constant length that do not nest: W = rho S / (2 (1 - rho)).
    seen = Latencies()
    bench = Bench()
    bench.machine.hooks.register(seen)
    service, rate = 1000, 0.6 / 1000
    arrivals = np.cumsum(np.random.default_rng(5).exponential(1 / rate, 60_000)).astype(int)
    attach(bench, arrivals.tolist(), cycles=service)

    def nothing() -> Program[None]:
        yield bench.nothing

    bench.machine.run([nothing()], until=int(arrivals[-1]))
    waits = np.array([latency for _, _, latency in seen.seen])
    batches = waits[: len(waits) // 50 * 50].reshape(50, -1).mean(axis=1)
    half_width = 3.5 * batches.std(ddof=1) / np.sqrt(50)
    assert abs(waits.mean() - 0.6 * service / (2 * 0.4)) < half_width < 60


def test_a_masked_section_delays_by_its_residual() -> None:
    # Sections of L cycles starting every P, arrivals at random phase: P(delay) = L/P, mean delay = L^2 / (2 P).
    seen = Latencies()
    bench = Bench()
    bench.machine.hooks.register(seen)
    rng = np.random.default_rng(9)
    period, length = 1000, 300 + 5
    # 7 cycles to mask, not masked yet; 300 of work and 5 to unmask are.
    inside, outside = bench.lasting(300), bench.lasting(period - 300 - 5 - 7)

    def program() -> Program[None]:
        for _ in range(20_000):
            yield bench.irq_off
            yield inside
            yield bench.irq_on
            yield outside

    attach(bench, np.sort(rng.integers(0, 20_000 * period, 20_000)).tolist(), cycles=0)
    bench.run(program)
    waits = np.array([latency for _, _, latency in seen.seen])
    assert abs(waits.mean() - length**2 / (2 * period)) < 4 * waits.std() / np.sqrt(len(waits))
    assert waits.max() <= length


# Local clocks against lockstep


def random_system(seed: int, cpus: int, *, lockstep: bool, until: int | None) -> tuple[object, ...]:
    """Programs of locks, masks, sleeps and IPIs, with hardirqs that raise softirqs that take locks, all at random."""
    bench = Bench(cpus, lockstep=lockstep)
    machine = bench.machine
    machine.expect_ipis(150)
    seen = Latencies()
    machine.hooks.register(seen)
    define = machine.steps.define
    steps = [define(f"s{n}", Activity.WORK, n) for n in (0, 1, 7, 60, 300)]
    bh_off, bh_on = define("bh off", Activity.MASK, 3, Effect.BH_OFF), define("bh on", Activity.MASK, 4, Effect.BH_ON)
    off, on = bench.irq_off, bench.irq_on
    ipi = handler(bench, "ipi", 0)
    irq_lock = SpinLock("irq lock", steps[2], steps[1], steps[2])

    def locked(lock: SpinLock, random: Random, *, save: bool) -> Program[None]:
        if save:
            yield off
        yield lock.acquire
        yield random.choice(steps)
        yield lock.release
        if save:
            yield on

    def softirq(cpu: Cpu) -> Program[None]:
        random = Random(cpu.clock)
        bench.note(cpu.index, "softirq")
        yield random.choice(steps) * 3
        yield from locked(irq_lock, random, save=True)

    def hardirq(cpu: Cpu) -> Program[None]:
        bench.note(cpu.index, "hardirq")
        random = Random(cpu.clock + 1)
        yield random.choice(steps)
        if random.random() < 0.6:
            cpu.interrupts.raise_softirq(RX)
        if random.random() < 0.3:
            yield from locked(irq_lock, random, save=False)

    def program(cpu: Cpu) -> Program[None]:
        random = Random(seed * 100 + cpu.index)
        for _ in range(40):
            match random.randrange(7):
                case 0:
                    yield from locked(bench.lock, random, save=False)
                case 1:
                    yield from locked(irq_lock, random, save=True)
                case 2:
                    yield off
                    yield random.choice(steps)
                    yield on
                case 3:
                    yield bh_off
                    yield random.choice(steps) * 2
                    yield bh_on
                case 4:
                    yield Sleep(random.randrange(400))
                case 5:
                    yield SendIpi(random.choice(machine.cpus), "ipi", ipi)
                case _:
                    yield random.choice(steps) * random.randrange(1, 5)

    for cpu in machine.cpus:
        cpu.interrupts.register_softirq(RX, softirq)
        gaps = np.random.default_rng([seed, cpu.index]).integers(1, 900, 400)
        cpu.interrupts.attach("dev", np.cumsum(gaps).tolist(), hardirq)
        cpu.interrupts.attach("nmi", range(777, 1 << 40, 1999), handler(bench, "nmi", 0), nmi=True)
    end = machine.run([program(cpu) for cpu in machine.cpus], until=until)
    rows = ledger(machine)
    sums = [sum(row.cycles for row in rows if row.cpu == cpu) for cpu in range(cpus)]
    per_cpu = [[entry for entry in seen.seen if entry[0] == cpu] for cpu in range(cpus)]
    # Whether a step of no cycles at the very end still ran is not a question.
    timed = [row for row in rows if row.cycles]
    return end, sums == [end] * cpus, timed, sorted(bench.log), per_cpu


@given(st.integers(0, 100_000), st.integers(1, 4), st.sampled_from([None, 3000, 9000]))
@settings(deadline=None, max_examples=60)
def test_local_clocks_are_lockstep_with_interrupts_on(seed: int, cpus: int, until: int | None) -> None:
    fast = random_system(seed, cpus, lockstep=False, until=until)
    slow = random_system(seed, cpus, lockstep=True, until=until)
    assert fast == slow
    assert fast[1]  # every ledger sums to the end


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
