"""lockdep: what can deadlock is reported before it does, what cannot is not; each mistake gives exactly its report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from random import Random
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lockdep_cost import cost

from simalloc.machine import (
    Activity,
    Barrier,
    Context,
    Cpu,
    Deadlock,
    Effect,
    Instrument,
    Livelock,
    Machine,
    Program,
    RuleBroken,
    Sleep,
    SpinLock,
    Stuck,
)
from simalloc.measure import Broken, Lockdep, PageChecker, TracingLockdep
from simalloc.runs.simulation import run_case
from simalloc.scenario import build, load, mistakes
from tests.conftest import Bench

MISTAKES = {
    "in-irq-2017": ("page-list", "a softirq may come in the midst of a task's use"),
    "ipi-drain-2017": ("page-list", "a hardirq may come in the midst of a task's use"),
    "plain-lock-v6.2": ("bh-unsafe", "inconsistent {SOFTIRQ-ON-W} -> {IN-SOFTIRQ-W} usage of pcp->lock"),
    "unmasked-zone-lock": ("bh-unsafe", "inconsistent {SOFTIRQ-ON-W} -> {IN-SOFTIRQ-W} usage of zone->lock"),
}


@pytest.mark.parametrize("name", sorted(mistakes()))
def test_a_mistake_gives_exactly_its_report(name: str) -> None:
    """The same on local clocks and in lockstep; both sides with their steps."""
    rule, finding = MISTAKES[name]
    texts = []
    for lockstep in ("false", "true"):
        scenario = load(name, [f"lockstep={lockstep}", "replications=1", "workload.milliseconds=0.5"])
        with pytest.raises(Broken) as broken:
            run_case(scenario, 0)
        report = broken.value.report
        assert (report.rule, report.finding[0].startswith(finding)) == (rule, True)
        assert [bool(each.steps) for each in report.sides] == [True, True]
        texts.append(str(broken.value))
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    "allocator", ["v4.10", "v4.11-rc", "bh-disable", "v4.17", "v5.14", "v6.1", "v6.2", "v6.12", "v6.19"]
)
def test_generations_are_clean_where_tasks_and_softirqs_meet(allocator: str) -> None:
    workload = {
        "kind": "nic-rx",
        "queues": 2,
        "queue_gbits": 8,
        "milliseconds": 0.3,
        "warmup_ms": 0,
        "freed_by": "task",
    }
    data: dict[str, Any] = {
        "name": "clean",
        "machine": {"preset": "nic-2017", "cpus": 4},
        "memory": {"zone": "256MiB"},
        "allocator": allocator,
        "workload": workload,
        "interrupts": [{"name": "tick", "hz": 20000, "handler_cycles": 100}],
        "check": True,
        "replications": 1,
    }
    assert run_case(build(data), 0).measured


def bench_with_lockdep(cpus: int, *, lockstep: bool = False) -> Bench:
    bench = Bench(cpus, lockstep=lockstep)
    bench.machine.hooks.register(Lockdep())
    return bench


def named_locks(bench: Bench, names: str) -> list[SpinLock]:
    take, give = (bench.machine.steps.define(name, Activity.LOCK, 10) for name in ("take", "give"))
    return [SpinLock(bench.machine, name, take, give) for name in names]


def nested(bench: Bench, *locks: SpinLock, after: int = 0) -> Callable[[], Program[None]]:
    """Sleeps, takes the locks in this order, works, gives them back."""

    def program() -> Program[None]:
        yield Sleep(after)
        for lock in locks:
            yield lock.acquire
        yield bench.work
        for lock in reversed(locks):
            yield lock.release

    return program


def reported(bench: Bench, *programs: Callable[[], Program[None]]) -> str | None:
    """Run; return the rule that was broken."""
    try:
        bench.run(*programs)
    except Broken as broken:
        return broken.report.rule
    return None


@pytest.mark.parametrize("lockstep", [False, True])
def test_an_inversion_is_reported_though_the_two_never_meet(lockstep: bool) -> None:
    bench = bench_with_lockdep(2, lockstep=lockstep)
    a, b = named_locks(bench, "ab")
    assert reported(bench, nested(bench, a, b), nested(bench, b, a, after=10_000)) == "lock-order"


def test_a_ring_of_three_locks_is_reported() -> None:
    bench = bench_with_lockdep(3)
    a, b, c = named_locks(bench, "abc")
    programs = nested(bench, a, b), nested(bench, b, c, after=1000), nested(bench, c, a, after=2000)
    assert reported(bench, *programs) == "lock-order"


def test_no_inversion_under_a_common_lock() -> None:
    bench = bench_with_lockdep(2)
    gate, a, b = named_locks(bench, "gab")
    assert reported(bench, nested(bench, gate, a, b), nested(bench, gate, b, a, after=1000)) is None


def test_two_locks_of_a_class_are_taken_in_one_order_or_reported() -> None:
    bench = bench_with_lockdep(2)
    a, b = named_locks(bench, "aa")
    assert reported(bench, nested(bench, a, b), nested(bench, a, b, after=1000)) is None
    bench = bench_with_lockdep(2)
    a, b = named_locks(bench, "aa")
    assert reported(bench, nested(bench, a, b), nested(bench, b, a, after=1000)) == "lock-order"


def test_a_lock_taken_twice_is_reported() -> None:
    bench = bench_with_lockdep(1)
    (a,) = named_locks(bench, "a")
    assert reported(bench, nested(bench, a, a)) == "self-deadlock"


def test_a_lock_taken_in_an_irq_there_and_with_interrupts_on_here_is_reported() -> None:
    """They never meet: the task has ended long before the interrupt comes, to another CPU."""
    bench = bench_with_lockdep(2)
    (a,) = named_locks(bench, "a")
    bench.machine.cpus[1].interrupts.attach("irq", [5000], lambda _cpu: nested_now(a))
    assert reported(bench, nested(bench, a), nested(bench, after=9000)) == "irq-unsafe"


def test_the_same_with_interrupts_masked_or_tried_in_the_handler_is_not() -> None:
    bench = bench_with_lockdep(1)
    a, b = named_locks(bench, "ab")

    def handle(_cpu: Cpu) -> Program[None]:
        yield a.acquire
        yield a.release
        if (yield b.trylock):
            yield b.release

    def program() -> Program[None]:
        yield bench.irq_off
        yield a.acquire
        yield a.release
        yield bench.irq_on
        yield from nested_now(b)
        yield bench.work

    bench.machine.cpus[0].interrupts.attach("irq", [70], handle)
    assert reported(bench, program) is None


def test_unmasking_with_the_lock_held_is_seen() -> None:
    bench = bench_with_lockdep(1)
    (a,) = named_locks(bench, "a")

    def program() -> Program[None]:
        yield bench.irq_off
        yield a.acquire
        yield bench.irq_on
        yield a.release
        yield bench.work

    bench.machine.cpus[0].interrupts.attach("irq", [100], lambda _cpu: nested_now(a))
    assert reported(bench, program) == "irq-unsafe"


def nested_now(lock: SpinLock) -> Program[None]:
    yield lock.acquire
    yield lock.release


def test_a_safe_lock_over_an_unsafe_one_is_reported() -> None:
    """a is taken in interrupts; b, held with them on, is asked for under a."""
    bench = bench_with_lockdep(2)
    a, b = named_locks(bench, "ab")

    def masked() -> Program[None]:
        yield Sleep(1000)
        yield bench.irq_off
        yield a.acquire
        yield from nested_now(b)
        yield a.release
        yield bench.irq_on

    bench.machine.cpus[0].interrupts.attach("irq", [150], lambda _cpu: nested_now(a))
    assert reported(bench, nested(bench, b, after=100), masked) == "irq-unsafe"


def test_sleeping_with_a_lock_held_is_reported() -> None:
    bench = bench_with_lockdep(1)

    def program() -> Program[None]:
        yield bench.lock.acquire
        yield Sleep(10)
        yield bench.lock.release

    assert reported(bench, program) == "atomic-sleep"


def test_waiting_for_others_with_interrupts_off_is_reported() -> None:
    bench = bench_with_lockdep(1)

    def program() -> Program[None]:
        yield bench.irq_off
        yield Barrier(2, bench.machine.idle_step)

    assert reported(bench, program) == "atomic-sleep"


def test_masks_that_a_handler_or_a_program_leaves_are_reported() -> None:
    bench = bench_with_lockdep(1)

    def leaves() -> Program[None]:
        yield bench.irq_off

    bench.machine.cpus[0].interrupts.attach("irq", [50], lambda _cpu: leaves())
    assert reported(bench, nested(bench, bench.lock)) == "masks"
    bench = bench_with_lockdep(1)

    def forgets() -> Program[None]:
        yield bench.irq_off

    assert reported(bench, forgets) == "masks"


# Deadlocks and livelocks, with nobody watching


def test_a_deadlock_through_a_handler_ends_with_the_chain(two: Bench) -> None:
    """CPU 0 holds a when its handler asks for b; CPU 1 holds b and asks for a."""
    a, b = named_locks(two, "ab")

    def holds() -> Program[None]:
        yield a.acquire
        yield two.lasting(500)
        yield a.release

    two.machine.cpus[0].interrupts.attach("irq", [200], lambda _cpu: nested_now(b))
    with pytest.raises(Deadlock, match=r"(?s)cpu 0 in hardirq.*holds a since.*waits for b.*cpu 1 in task.*waits for a"):
        two.machine.run([holds(), nested(two, b, a)()])


def test_a_deadlock_in_a_run_with_an_end_does_not_wait_for_it(two: Bench) -> None:
    a, b = named_locks(two, "ab")
    with pytest.raises(Deadlock, match="each of these CPUs waits for the next"):
        two.machine.run([nested(two, a, b)(), nested(two, b, a)()], until=10_000)


def test_a_try_that_can_never_succeed_ends(bench: Bench) -> None:
    """The handler tries, without end, what its own CPU's task holds."""

    def handle(_cpu: Cpu) -> Program[None]:
        while not (yield bench.lock.trylock):
            pass
        yield bench.lock.release

    bench.machine.cpus[0].interrupts.attach("irq", [50], handle)
    with pytest.raises(Livelock, match="cpu 0 has tried lock 100000 times in a row"):
        bench.run(nested(bench, bench.lock))


def test_what_waits_for_nobody_is_named(two: Bench) -> None:
    barrier = Barrier(3, two.machine.idle_step)

    def waits() -> Program[None]:
        yield barrier

    with pytest.raises(Stuck, match="waits for something that nobody will do"):
        two.run(waits, waits)


# Random programs, held against all orders in which they may run

Op = tuple[str, int]
"""`lock` or `unlock` and its number, `off` or `on`."""


def section(random: Random, locks: int, deepest: int) -> list[Op]:
    chosen = random.sample(range(locks), random.randrange(1, deepest + 1))
    inside: list[Op] = [("lock", each) for each in chosen] + [("unlock", each) for each in reversed(chosen)]
    masked = random.random() < 0.5
    return [("off", 0), *inside, ("on", 0)] if masked else inside


def can_deadlock(paths: Sequence[list[Op]], handlers: Sequence[list[Op]], cpus: int) -> bool:
    """Whether any of these paths on so many CPUs, each interrupted once at most by any handler, can get stuck."""
    return any(_gets_stuck(each, handlers) for each in combinations_with_replacement(paths, cpus))


def _gets_stuck(programs: Sequence[list[Op]], handlers: Sequence[list[Op]]) -> bool:
    # A CPU: where its program is, masks, which handler has come (-1: none yet), and where that is (-1: it has ended).
    start = tuple((0, 0, -1, -1) for _ in programs)
    seen, todo = {start}, [start]
    while todo:
        state = todo.pop()
        held = _held(state, programs, handlers)
        moves = [after for cpu in range(len(state)) for after in _moves(state, cpu, programs, handlers, held)]
        if not moves and any(each[0] < len(program) for each, program in zip(state, programs, strict=True)):
            return True
        for after in moves:
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return False


State = tuple[tuple[int, int, int, int], ...]


def _held(state: State, programs: Sequence[list[Op]], handlers: Sequence[list[Op]]) -> set[int]:
    held: set[int] = set()
    for (at, _, which, inside), program in zip(state, programs, strict=True):
        own: set[int] = set()
        for what, lock in [*program[:at], *(handlers[which][:inside] if inside >= 0 else [])]:
            if what == "lock":
                own.add(lock)
            elif what == "unlock":
                own.discard(lock)
        held |= own
    return held


def _moves(
    state: State, cpu: int, programs: Sequence[list[Op]], handlers: Sequence[list[Op]], held: set[int]
) -> list[State]:
    at, masks, which, inside = state[cpu]

    def to(now: tuple[int, int, int, int]) -> State:
        return (*state[:cpu], now, *state[cpu + 1 :])

    if inside >= 0:
        if inside == len(handlers[which]):
            return [to((at, masks, which, -1))]
        what, lock = handlers[which][inside]
        return [] if what == "lock" and lock in held else [to((at, masks, which, inside + 1))]
    found = []
    if which < 0 and not masks and at < len(programs[cpu]):
        found = [to((at, masks, new, 0)) for new in range(len(handlers))]
    if at < len(programs[cpu]):
        what, lock = programs[cpu][at]
        if what != "lock" or lock not in held:
            found.append(to((at + 1, masks + {"off": 1, "on": -1}.get(what, 0), which, inside)))
    return found


def outcome(
    seed: int, paths: Sequence[list[Op]], handlers: Sequence[list[Op]], locks: int, instruments: Sequence[Instrument]
) -> str:
    """Run the paths, each on a CPU, with an interrupt each of every kind; return how that ends."""
    random = Random(seed)
    machine = Machine(len(paths), instruments=instruments)
    define = machine.steps.define
    take, give, work = (define(name, Activity.LOCK, 10) for name in ("take", "give", "work"))
    masks = {
        "off": define("off", Activity.MASK, 5, Effect.IRQ_OFF),
        "on": define("on", Activity.MASK, 5, Effect.IRQ_ON),
    }
    all_locks = [SpinLock(machine, f"lock {i}", take, give) for i in range(locks)]

    def run(ops: list[Op]) -> Program[None]:
        for what, lock in ops:
            yield work * random.randrange(10)
            if what in masks:
                yield masks[what]
            else:
                yield all_locks[lock].acquire if what == "lock" else all_locks[lock].release

    def program(ops: list[Op]) -> Program[None]:
        yield from run(ops)
        # Every handler comes somewhere, if only now.
        yield Sleep(1000 * (1 + len(handlers)))

    for cpu in machine.cpus:
        for number, ops in enumerate(handlers):
            early = random.random() < 0.5
            time = random.randrange(300) if early else 1000 * (1 + number)
            cpu.interrupts.attach(f"irq {number}", [time], lambda _cpu, ops=ops: run(ops))  # type: ignore[misc]
    try:
        machine.run([program(ops) for ops in paths])
    except Broken:
        return "reported"
    except (RuleBroken, Stuck):
        return "deadlock"
    return "ended"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1_000_000))
def test_two_locks_and_a_handler_are_reported_exactly_if_some_order_deadlocks(seed: int) -> None:
    random = Random(seed)
    paths = [section(random, 2, 2) + (section(random, 2, 2) if random.random() < 0.3 else []) for _ in range(2)]
    handlers = [[op for op in section(random, 2, 2) if op[0] in ("lock", "unlock")]] if random.random() < 0.7 else []
    expected = "reported" if can_deadlock(paths, handlers, 2) else "ended"
    assert outcome(seed, paths, handlers, 2, [Lockdep()]) == expected
    if outcome(seed, paths, handlers, 2, []) == "deadlock":
        assert expected == "reported"


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1_000_000))
def test_three_locks_on_three_cpus_are_reported_exactly_if_some_order_deadlocks(seed: int) -> None:
    random = Random(seed)
    paths = [section(random, 3, 3) for _ in range(3)]
    expected = "reported" if can_deadlock(paths, [], 3) else "ended"
    assert outcome(seed, paths, [], 3, [Lockdep()]) == expected


# What it costs


def executed_in(file: str, run: Callable[[], object]) -> int:
    """Count calls of code of a file."""
    count = 0

    def enters(frame: FrameType, _event: str, _argument: Any) -> None:
        nonlocal count
        count += frame.f_code.co_filename.endswith(file)

    before = sys.gettrace()
    sys.settrace(enters)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


def test_what_is_off_is_not_called() -> None:
    data: dict[str, Any] = {
        "name": "off",
        "memory": {"zone": "64MiB"},
        "allocator": "v6.1",
        "workload": {"kind": "pagealloc", "batches": [64], "samples": 2, "dropped": 1},
        "replications": 1,
    }
    scenario = build(data)
    names = ("measure/lockdep.py", "measure/pages.py", "measure/list_use.py", "measure/lock_order.py")
    assert [executed_in(name, lambda: run_case(scenario, 0)) for name in names] == [0, 0, 0, 0]


def test_a_tracing_lockdep_shows_the_steps_of_both_sides() -> None:
    bench = Bench(2)
    bench.machine.hooks.register(TracingLockdep())
    a, b = named_locks(bench, "ab")
    with pytest.raises(Broken) as broken:
        bench.run(nested(bench, a, b), nested(bench, b, a, after=10_000))
    report = broken.value.report
    assert [(side.cpu, len(side.steps) > 0, side.context) for side in report.sides] == [
        (1, True, Context.TASK.label),
        (0, True, Context.TASK.label),
    ]
    assert "possible circular locking dependency" in report.text()
    assert report.row()["rule"] == "lock-order"


def test_checking_costs_less_than_30_percent() -> None:
    """In bytecodes; `benchmarks/lockdep_cost.py` has more runs."""
    data = {"workload": {"kind": "pagealloc", "batches": [64], "samples": 2, "dropped": 1}, "allocator": "v4.10"}
    plain = cost(data)
    assert cost(data, Lockdep) < 1.3 * plain
    assert cost(data, Lockdep, PageChecker) < 1.3 * plain
