"""How many events there are: none where nobody waits, one a contended hold, no dead ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simalloc.machine import Cpu, Mailbox, Program
from tests.conftest import Bench


def events_of(bench: Bench, *programs: Callable[[], Program[None]]) -> int:
    """How many events SimPy has scheduled in the run, those that start and end its processes left out."""
    bench.run(*programs)
    return next(bench.machine.queue._eid) - 2 * len(programs)


def holds(bench: Bench, times: int) -> Callable[[], Program[None]]:
    def program() -> Program[None]:
        for _ in range(times):
            yield bench.lock.acquire
            yield bench.work
            yield bench.lock.release
            yield bench.nothing

    return program


def test_a_lock_that_nobody_else_wants_makes_no_event(bench: Bench) -> None:
    assert events_of(bench, holds(bench, 100)) == 0


@pytest.mark.parametrize("cpus", [2, 3, 8])
def test_a_contended_hold_is_one_event(cpus: int) -> None:
    bench = Bench(cpus)
    events = events_of(bench, *[holds(bench, 50)] * cpus)
    assert events == pytest.approx(50 * cpus, abs=3 * cpus)


def test_in_lockstep_every_step_is_one() -> None:
    bench = Bench(lockstep=True)
    assert events_of(bench, holds(bench, 50)) == 50 * 3


def test_an_alarm_that_a_wait_did_not_need_is_taken_back(two: Bench) -> None:
    box, left = Mailbox("box", 1), []

    def handler(_cpu: Cpu) -> Program[None]:
        yield two.work

    two.machine.cpus[0].interrupts.attach("late", [1_000_000], handler)

    def reader() -> Program[None]:
        yield box.receive
        left.append(len(two.machine.queue._queue))

    def writer() -> Program[None]:
        yield two.work
        yield box.post("item")

    two.run(reader, writer)
    assert left == [0]
