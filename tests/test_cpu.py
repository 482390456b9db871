"""The local clock, masks and contexts of one CPU."""

from __future__ import annotations

import pytest

from simalloc.machine import Context, Deadlock, Machine, Program, RuleBroken, Sleep, SpinLock, Sync
from simalloc.measure import ledger
from tests.conftest import Bench


def test_steps_add_up_on_the_local_clock(bench: Bench) -> None:
    def program() -> Program[None]:
        yield bench.work
        bench.note(0, "one")
        yield bench.work * 3
        bench.note(0, "four")

    assert bench.run(program) == [(100, "one"), (400, "four")]


def test_steps_do_not_enter_the_event_queue(bench: Bench) -> None:
    def program() -> Program[None]:
        yield bench.work
        bench.log.append((bench.machine.now, "event queue"))

    assert bench.run(program) == [(0, "event queue")]


def test_lockstep_enters_it_at_every_step() -> None:
    bench = Bench(lockstep=True)

    def program() -> Program[None]:
        yield bench.work
        bench.log.append((bench.machine.now, "event queue"))

    assert bench.run(program) == [(100, "event queue")]


def test_sync_brings_the_event_queue_to_the_local_clock(bench: Bench) -> None:
    def program() -> Program[None]:
        yield bench.work
        yield Sync()
        bench.log.append((bench.machine.now, "event queue"))

    assert bench.run(program) == [(100, "event queue")]


def test_masks_nest(bench: Bench) -> None:
    cpu = bench.machine.cpus[0]
    seen = []

    def program() -> Program[None]:
        for step in (bench.irq_off, bench.irq_off, bench.irq_on, bench.irq_on):
            yield step
            seen.append(cpu.irqs_disabled())

    bench.run(program)
    assert seen == [True, True, True, False]


def test_unmasking_what_is_not_masked_breaks_a_rule(bench: Bench) -> None:
    def program() -> Program[None]:
        yield bench.irq_on

    with pytest.raises(RuleBroken, match="cpu 0 at cycle 5: interrupts were not masked"):
        bench.run(program)


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (Context.TASK, (False, False, False, False)),
        (Context.SOFTIRQ, (True, True, False, False)),
        (Context.HARDIRQ, (True, False, True, True)),
    ],
)
def test_context_predicates_are_the_kernels(context: Context, expected: tuple[bool, ...]) -> None:
    machine = Machine()
    cpu = machine.cpus[0]
    seen = []

    def program() -> Program[None]:
        seen.append((cpu.in_interrupt(), cpu.in_softirq(), cpu.in_irq(), cpu.irqs_disabled()))
        yield Sync()

    machine.run([program()], context)
    assert seen == [expected]


def test_a_task_with_bottom_halves_off_is_in_interrupt() -> None:
    cpu = Machine().cpus[0]
    cpu.bh_depth = 1
    assert (cpu.in_interrupt(), cpu.in_softirq(), cpu.in_irq()) == (True, True, False)


def test_the_ledger_sums_to_the_simulated_time_and_idle_is_part_of_it(two: Bench) -> None:
    def short() -> Program[None]:
        yield two.work

    def long() -> Program[None]:
        yield two.work
        yield Sleep(50)
        yield two.work

    end = two.machine.run([short(), long()])
    rows = ledger(two.machine)
    assert [(end, sum(row.cycles for row in rows if row.cpu == cpu)) for cpu in (0, 1)] == [(250, 250), (250, 250)]
    assert [row.cycles for row in rows if row.activity == "idle"] == [150, 50]


def test_a_deadlock_is_named(bench: Bench) -> None:
    def program() -> Program[None]:
        yield bench.lock.acquire
        yield bench.lock.acquire

    with pytest.raises(Deadlock, match=r"cpu 0 waits for a lock that it holds\n(?s:.*)since cycle 20.* held by itself"):
        bench.run(program)


def test_a_cross_deadlock_is_named(two: Bench) -> None:
    other = SpinLock(two.machine, "other", two.work, two.work)

    def program(first: SpinLock, second: SpinLock) -> Program[None]:
        yield first.acquire
        yield two.work * 5
        yield second.acquire

    with pytest.raises(Deadlock, match=r"waits for other since cycle (?s:.*) held by cpu 1\n(?s:.*) held by cpu 0"):
        two.machine.run([program(two.lock, other), program(other, two.lock)])


def test_a_step_may_not_run_backwards(bench: Bench) -> None:
    with pytest.raises(ValueError, match="-1 cycles"):
        bench.lasting(-1)
