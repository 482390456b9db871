from __future__ import annotations

from collections.abc import Callable

import pytest

import simalloc
from simalloc.compiled import BUILD
from simalloc.machine import LOCK_KINDS, Activity, Effect, Machine, Program, SpinLock, Step, Topology, Uniform


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--build", help="stop unless this build of simalloc's core is tested: compiled, or pure Python")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "pure: about the pure Python core alone, such as the bytecodes it executes")
    wanted = config.getoption("--build")
    if wanted not in (None, BUILD):
        raise pytest.UsageError(f"{simalloc.__file__} is {BUILD}; --build wants {wanted}")


def pytest_report_header() -> str:
    return f"simalloc: {simalloc.__file__}, {BUILD}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if BUILD != "pure Python":
        for item in items:
            if item.get_closest_marker("pure"):
                item.add_marker(pytest.mark.skip(reason="about the pure Python core"))


class Bench:
    """A machine with a lock and a few steps of round costs, and a log that programs write (cycle, what) to."""

    def __init__(
        self,
        cpus: int = 1,
        *,
        lockstep: bool = False,
        shuffle_ties: int | None = None,
        topology: Topology | None = None,
    ) -> None:
        topology = topology or Uniform(30)
        self.machine = Machine(cpus, lockstep=lockstep, shuffle_ties=shuffle_ties, topology=topology)
        define = self.machine.steps.define
        self.work = define("work", Activity.WORK, 100)
        self.nothing = define("nothing", Activity.WORK, 0)
        self.irq_off = define("irq off", Activity.MASK, 7, Effect.IRQ_OFF)
        self.irq_on = define("irq on", Activity.MASK, 5, Effect.IRQ_ON)
        self.lock = self.new_lock("qspinlock")
        self.log: list[tuple[int, str]] = []

    def new_lock(self, kind: str, lines: int = 0, seed: int = 0) -> SpinLock:
        take, give = (
            self.machine.steps.define(name, Activity.LOCK, cycles) for name, cycles in (("take", 10), ("give", 20))
        )
        return SpinLock(self.machine, "lock", take, give, lines=lines, kind=LOCK_KINDS[kind], seed=seed)

    def lasting(self, cycles: int) -> Step:
        return self.machine.steps.define(f"{cycles} cycles", Activity.WORK, cycles)

    def run(self, *programs: Callable[[], Program[None]]) -> list[tuple[int, str]]:
        self.machine.run([program() for program in programs])
        return self.log

    def note(self, cpu: int, what: str) -> None:
        self.log.append((self.machine.cpus[cpu].clock, what))


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def two() -> Bench:
    return Bench(cpus=2)


@pytest.fixture
def three() -> Bench:
    return Bench(cpus=3)
