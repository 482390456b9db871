"""A person's own ops, locks, tunings and instruments, in ordinary Python, do in either build what they say."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from simalloc.machine import Cpu, Instrument, LockKind, Op, Program, SpinLock, Step, Uniform
from simalloc.machine.lock import Waiter
from simalloc.machine.op import Events
from simalloc.memory import Tuning
from tests.conftest import Bench
from tests.models import model, run_one


class Thrice(Op):
    """Run a step three times, and say so."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def perform(self, cpu: Cpu) -> Events[Any]:
        yield from cpu.charge(self.step, 3)
        return "thrice"


class LastComeFirstServed(LockKind):
    name = "lcfs"
    about = "whoever came last is next"
    line_moves: ClassVar[bool] = False

    def take_next(self, lock: SpinLock, releaser: Cpu) -> Waiter:  # noqa: ARG002
        return lock.waiters.pop()


class OneAtATime(Tuning):
    def refill(self, count: int, order: int, pressure: int = 0) -> int:  # noqa: ARG002
        return 1


@pytest.fixture
def four() -> Bench:
    return Bench(cpus=4, topology=Uniform(30))


def with_own_lock(bench: Bench) -> SpinLock:
    old = bench.lock
    return SpinLock(bench.machine, "own", old.acquire_step, old.release_step, kind=LastComeFirstServed())


def test_an_op_is_done_and_gives_its_answer(bench: Bench) -> None:
    def program() -> Program[None]:
        bench.note(0, str((yield Thrice(bench.work))))

    assert bench.run(program) == [(300, "thrice")]


def test_a_kind_of_lock_says_who_is_next(four: Bench) -> None:
    lock, cycle = with_own_lock(four), four.lasting(1)

    def program(cpu: int) -> Program[None]:
        yield cycle * (10 * cpu + 1)
        yield lock.acquire
        four.note(cpu, str(cpu))
        yield cycle * 1000
        yield lock.release

    four.machine.run([program(cpu) for cpu in range(4)])
    assert [who for _, who in four.log] == ["0", "3", "2", "1"]


def test_what_a_kind_of_lock_declares_in_its_class_counts(two: Bench) -> None:
    lock, cycle = with_own_lock(two), two.lasting(1)

    def program(cpu: int) -> Program[None]:
        yield cycle * (1 + 1000 * cpu)
        yield lock.acquire
        two.note(cpu, "has it")
        yield lock.release

    two.machine.run([program(cpu) for cpu in range(2)])
    assert two.log == [(11, "has it"), (1011, "has it")]


def test_a_tuning_says_how_much_is_refilled() -> None:
    system = model("v4.10")
    pcp = system.zone.pcps[0]
    pcp.tuning = OneAtATime(pcp.tuning.sizes)
    run_one(system, lambda cpu: system.allocator.alloc_pages_each(cpu, 5, []))
    assert pcp.refilled == 5


def test_an_instrument_hears_what_it_overrides() -> None:
    heard: list[int] = []

    class Frees(Instrument):
        def page_freed(self, cpu: Cpu, pfn: int, order: int) -> None:  # noqa: ARG002
            heard.append(pfn)

    system = model("v4.10")
    system.machine.hooks.register(Frees())
    pages: list[int] = []

    def program(cpu: Cpu) -> Program[None]:
        yield from system.allocator.alloc_pages_each(cpu, 40, pages)
        yield from system.allocator.free_pages_each(cpu, pages)

    run_one(system, program)
    assert heard == pages
