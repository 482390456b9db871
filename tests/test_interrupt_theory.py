"""Interrupts against closed forms, and local clocks against lockstep with interrupts on."""

from __future__ import annotations

from math import ceil
from random import Random

import numpy as np
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from simalloc.machine import (
    Activity,
    Cpu,
    Effect,
    Program,
    SendIpi,
    Sleep,
    SpinLock,
)
from simalloc.measure import ledger
from tests.conftest import Bench
from tests.interrupting import RX, Latencies, attach, handler

# Theory


@given(st.lists(st.tuples(st.integers(40, 400), st.integers(1, 20)), min_size=1, max_size=3), st.integers(1, 600))
@settings(deadline=None)
def test_the_worst_response_of_a_task_is_the_recursion_to_the_cycle(sources: list[tuple[int, int]], c: int) -> None:
    # R = C + sum ceil(R / T) C_irq (Joseph and Pandya 1986), all sources released together with the task.
    bench = Bench()
    for period, cost in sources:
        attach(bench, range(0, 1 << 40, period), cycles=cost)
    task = bench.lasting(c)
    assume(sum(cost / period for period, cost in sources) < 0.95)
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
    irq_lock = SpinLock(machine, "irq lock", steps[2], steps[1])

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


@example(seed=23929, cpus=2, until=3000)  # an interrupt at the very cycle of the end
@example(seed=1339, cpus=4, until=None)  # a device and an IPI at one cycle
@given(seed=st.integers(0, 100_000), cpus=st.integers(1, 4), until=st.sampled_from([None, 3000, 9000]))
@settings(deadline=None, max_examples=60)
def test_local_clocks_are_lockstep_with_interrupts_on(seed: int, cpus: int, until: int | None) -> None:
    fast = random_system(seed, cpus, lockstep=False, until=until)
    slow = random_system(seed, cpus, lockstep=True, until=until)
    assert fast == slow
    assert fast[1]  # every ledger sums to the end
