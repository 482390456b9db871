"""Handlers, tasks and observers that tests of interrupts are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from simalloc.machine import (
    Cpu,
    Instrument,
    Program,
)
from simalloc.measure import LedgerRow
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


def share(rows: list[LedgerRow], context: str) -> float:
    return sum(row.cycles for row in rows if row.context == context) / sum(row.cycles for row in rows)


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
