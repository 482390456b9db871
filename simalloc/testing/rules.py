"""The rules themselves. Each takes an allocator as a scenario has it, runs it, and raises if it breaks the rule."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

from simalloc.machine import NMI, Context, Cpu, Instrument, Program, RuleBroken, Sleep, SpinLock
from simalloc.measure import PageChecker
from simalloc.memory import MigrateType, Pcp, Zone
from simalloc.runs import Model
from simalloc.testing.programs import Outcome, model, random_operation, random_run, run_one

Allocator = dict[str, Any]

CONTEXTS = (Context.TASK, Context.SOFTIRQ, Context.HARDIRQ)

IN_A_ROW = 250
"""Allocations or frees one after the other: enough for a scheme that does something else every 100th time."""


def pages(allocator: Allocator) -> None:
    """No page is lost, given out twice, or freed by a caller that does not have it."""
    for seed in range(5):
        random_run(allocator, seed, 3, lockstep=False)
    random_run(allocator, 5, 3, lockstep=False, scarce=True)


def masks(allocator: Allocator) -> None:
    """Every call leaves interrupts, bottom halves and preemption as it found them, and holds no lock."""
    for seed, context in enumerate(CONTEXTS):
        held = _HeldLocks()
        system = model(allocator, [held])

        def before_and_after(cpu: Cpu) -> Program[None]:
            random = Random(seed)  # noqa: B023 - it runs before the next round of the loop
            blocks: list[tuple[int, int]] = []
            for _ in range(80):
                before = _masks(cpu)
                yield from random_operation(system, cpu, random, blocks, [])  # noqa: B023
                assert _masks(cpu) == before, f"a call in {cpu.context.label} began with {before}, ended {_masks(cpu)}"
                assert not held.by[cpu.index], f"a call in {cpu.context.label} left {held.by[cpu.index]} held"  # noqa: B023

        run_one(system, before_and_after, context)


def lists(allocator: Allocator) -> None:
    """After every call each page is in one place, and the counts are those of the lists."""
    for seed in range(3):
        system = model(allocator)
        zone, whole = system.zone, system.zone.free_pages

        def looking(cpu: Cpu) -> Program[None]:
            random = Random(seed)  # noqa: B023
            blocks: list[tuple[int, int]] = []
            for _ in range(80):
                yield from random_operation(system, cpu, random, blocks, [])  # noqa: B023
                _check_lists(zone, zone.pcps[cpu.index])  # noqa: B023
                given = sum(1 << order for _, order in blocks)
                there = given + zone.free_pages + zone.parked_pages() + system.allocator.kept_pages(zone)  # noqa: B023
                assert there == whole, f"{there} pages are held, parked, kept or free; the zone has {whole}"  # noqa: B023

        run_one(system, looking)


def contexts(allocator: Allocator) -> None:
    """Tasks, softirqs and hardirqs may allocate and free, also when they interrupt each other; an NMI may not."""
    for context in CONTEXTS:
        _everywhere(allocator, context)
    try:
        system = model(allocator)
        run_one(system, system.allocator.alloc_pages, NMI)
    except RuleBroken:
        pass
    else:
        raise AssertionError("a page was allocated in an NMI, where that may wait for a lock that its CPU holds")
    for spacing in (701, 97):
        _with_interrupts(allocator, spacing)


def lockstep(allocator: Allocator) -> None:
    """CPUs on local clocks do the same to the cycle as in lockstep, step by step."""
    for seed in range(3):
        for scarce in (False, True):
            fast = random_run(allocator, seed, 3, lockstep=False, scarce=scarce)
            slow = random_run(allocator, seed, 3, lockstep=True, scarce=scarce)
            _assert_same(fast, slow, "on local clocks", "in lockstep")


def strides(allocator: Allocator) -> None:
    """Hits and rounds that are counted together cost the same as one by one."""
    for context in CONTEXTS:
        fast = _in_a_row(allocator, context, lockstep=False)
        slow = _in_a_row(allocator, context, lockstep=True)
        for place, (ours, theirs) in enumerate(zip(fast, slow, strict=True)):
            what = f"{'allocations' if place % 2 == 0 else 'frees'} of {IN_A_ROW} pages in {context.label}"
            assert ours == theirs, f"{what} take {ours} cycles counted together, {theirs} one by one{_HINT}"
    for batch in (1, 8):
        ours, theirs = (_rounds(allocator, batch, lockstep=lockstep) for lockstep in (False, True))
        what = f"{IN_A_ROW} rounds of {batch} allocations and frees"
        assert ours == theirs, f"{what} take {ours} cycles counted together, {theirs} one by one{_HINT}"


_HINT = "; if not every hit costs the same, leave out hits_are_constant"


def drains(allocator: Allocator) -> None:
    """When all is freed and drained, the zone is whole again: nothing stays on lists, and blocks have merged."""
    system = model(allocator, machine={"cpus": 2}, memory={"zone": "64MiB", "drain_on_failure": True})
    zone = system.zone
    whole = zone.free_pages

    def use(cpu: Cpu) -> Program[None]:
        held: list[int] = []
        yield from system.allocator.alloc_pages_each(cpu, 100, held)
        yield from system.allocator.free_pages_each(cpu, held)
        yield Sleep(1_000_000)
        if cpu.index == 0:
            yield from system.allocator.drain_all_pages(cpu)

    system.machine.run([use(cpu) for cpu in system.machine.cpus])
    kept, parked = system.allocator.kept_pages(zone), zone.parked_pages()
    assert zone.free_pages == whole, f"{whole - zone.free_pages} pages are not free: {parked} parked, {kept} kept"
    largest = sum(order == 10 for order, _, _ in zone.buddy.blocks())
    split = [order for order, _, _ in zone.buddy.blocks() if order < 10]
    assert not split, f"beside {largest} blocks of order 10 there are some of orders {sorted(set(split))}: not merged"


def exhausted(allocator: Allocator) -> None:
    """When memory runs out a caller is told so, and what it frees can be had again."""
    system = model(allocator)
    zone = system.zone
    got: list[int] = []

    def all_of_it(cpu: Cpu) -> Program[None]:
        pages: list[int] = []
        yield from system.allocator.alloc_pages_each(cpu, zone.pages + 1, pages)
        got.append(len(pages))
        yield from system.allocator.free_pages_each(cpu, pages)
        again: list[int] = []
        yield from system.allocator.alloc_pages_each(cpu, len(pages) // 2, again)
        got.append(len(again))

    run_one(system, all_of_it)
    first, second = got
    assert first <= zone.pages, f"{first} pages were given out; the zone has {zone.pages}"
    assert second == first // 2, f"of {first} pages freed only {second} of {first // 2} could be had again"


def repeats(allocator: Allocator) -> None:
    """The same run gives the same again, and ties decided otherwise lose no page."""
    first, second = (random_run(allocator, 7, 3, lockstep=False) for _ in range(2))
    _assert_same(first, second, "at first", "again")
    _with_interrupts(allocator, 701, tie_order="shuffled")


RULES: dict[str, Callable[[Allocator], None]] = {
    check.__name__: check for check in (pages, masks, lists, contexts, lockstep, strides, drains, exhausted, repeats)
}
"""Every rule by its name, in the order in which they are checked."""


# What the rules look at


class _HeldLocks(Instrument):
    """Which locks each CPU holds."""

    def __init__(self) -> None:
        self.by: dict[int, list[str]] = {0: []}

    def lock_acquired(self, cpu: Cpu, lock: SpinLock, waited: int, contended: bool) -> None:  # noqa: ARG002
        """Note it."""
        self.by[cpu.index].append(lock.name)

    def lock_released(self, cpu: Cpu, lock: SpinLock, held: int) -> None:  # noqa: ARG002
        """Forget it."""
        self.by[cpu.index].remove(lock.name)


def _masks(cpu: Cpu) -> str:
    depths = {"interrupts": cpu.irq_depth, "bottom halves": cpu.bh_depth, "preemption": cpu.preempt_depth}
    return ", ".join(f"{what} off {depth} deep" for what, depth in depths.items())


def _check_lists(zone: Zone, pcp: Pcp) -> None:
    kinds = len(MigrateType)
    sizes = [1 << order for order in pcp.orders for _ in range(kinds)]
    counted = sum(len(blocks) * size for blocks, size in zip(pcp.lists, sizes, strict=True))
    assert counted == pcp.count, f"the pcp's count is {pcp.count}, its lists have {counted} pages"
    assert not pcp.is_held, "a call left the pcp's lock held"
    free = zone.buddy.free_pages()
    assert free == zone.free_pages, f"NR_FREE_PAGES is {zone.free_pages}, the buddy lists have {free}"
    spans = [(pfn, size) for blocks, size in zip(pcp.lists, sizes, strict=True) for pfn in blocks]
    spans += [(pfn, 1 << order) for order, pfn, _ in zone.buddy.blocks()]
    spans.sort()
    for (pfn, size), (following, _) in pairwise(spans):
        assert pfn + size <= following, f"page {following} is on two lists"
    assert all(pfn in zone for pfn, _ in spans), "a list has a page of another zone"


def _everywhere(allocator: Allocator, context: Context) -> None:
    """Allocate and free in a context, and in a section that masks interrupts, or bottom halves, in it."""
    checker = PageChecker()
    system = model(allocator, [checker])
    usable, k = system.zone.free_pages, system.steps

    def program(cpu: Cpu) -> Program[None]:
        around = ((), (k.irq_save, k.irq_restore), (k.bh_disable, k.bh_enable))
        for masking in around[: 2 if context is Context.HARDIRQ else 3]:
            yield from masking[:1]
            held: list[int] = []
            yield from system.allocator.alloc_pages_each(cpu, 40, held)
            yield from system.allocator.free_pages_each(cpu, held)
            yield from masking[1:]

    run_one(system, program, context)
    checker.check_none_lost(system.zone, usable - system.allocator.kept_pages(system.zone))


def _with_interrupts(allocator: Allocator, spacing: int, **scenario: Any) -> None:
    """Let handlers use the allocator while tasks do, on each of two CPUs, about every `spacing` cycles."""
    checker = PageChecker()
    system = model(allocator, [checker], machine={"cpus": 2}, **scenario)
    usable = system.zone.free_pages
    for cpu in system.machine.cpus:
        random = Random(cpu.index)
        times = sorted({random.randrange(400 * spacing) for _ in range(400)})
        cpu.interrupts.attach("device", times, _Device(system))

    def program(cpu: Cpu) -> Program[None]:
        random = Random(cpu.index + 10)
        blocks: list[tuple[int, int]] = []
        for _ in range(120):
            yield from random_operation(system, cpu, random, blocks, [])

    system.machine.run([program(cpu) for cpu in system.machine.cpus])
    checker.check_none_lost(system.zone, usable - system.allocator.kept_pages(system.zone))


class _Device:
    """A handler that allocates a few pages, and frees them at later interrupts."""

    def __init__(self, system: Model) -> None:
        self.allocator = system.allocator
        self.held: list[int] = []

    def __call__(self, cpu: Cpu) -> Program[None]:
        """Run it."""
        if len(self.held) > 12:
            for _ in range(12):
                yield from self.allocator.free_pages(cpu, self.held.pop())
            return
        for _ in range(3):
            pfn = yield from self.allocator.alloc_pages(cpu)
            if pfn is not None:
                self.held.append(pfn)


def _in_a_row(allocator: Allocator, context: Context, *, lockstep: bool) -> list[int]:
    """Return how many cycles many allocations and frees take, in turn."""
    system = model(allocator, lockstep=lockstep)
    took: list[int] = []

    def program(cpu: Cpu) -> Program[None]:
        for _ in range(3):
            held: list[int] = []
            start = cpu.clock
            yield from system.allocator.alloc_pages_each(cpu, IN_A_ROW, held)
            took.append(cpu.clock - start)
            start = cpu.clock
            yield from system.allocator.free_pages_each(cpu, held)
            took.append(cpu.clock - start)

    run_one(system, program, context)
    return took


def _rounds(allocator: Allocator, batch: int, *, lockstep: bool) -> int:
    """Return how many cycles a benchmark takes that allocates and frees a batch again and again, as rounds."""
    system = model(allocator, lockstep=lockstep)

    def body(cpu: Cpu) -> Program[None]:
        held: list[int] = []
        yield from system.allocator.alloc_pages_each(cpu, batch, held)
        yield from system.allocator.free_pages_each(cpu, held)

    def program(cpu: Cpu) -> Program[None]:
        yield from system.allocator.rounds.run(cpu, IN_A_ROW, lambda: body(cpu))

    run_one(system, program)
    return system.machine.cpus[0].clock


def _assert_same(one: Outcome, other: Outcome, how_one: str, how_other: str) -> None:
    for cpu, (ours, theirs) in enumerate(zip(one.got, other.got, strict=True)):
        for ours_each, theirs_each in zip(ours, theirs, strict=False):
            assert ours_each == theirs_each, (
                f"cpu {cpu} got page {ours_each[1]} at cycle {ours_each[0]} {how_one}, "
                f"page {theirs_each[1]} at cycle {theirs_each[0]} {how_other}"
            )
    assert one.end == other.end, f"the run ends at cycle {one.end} {how_one}, at {other.end} {how_other}"
    assert one.pcps == other.pcps, f"pcp lists are not the same {how_one} and {how_other}"
    assert one.buddy == other.buddy, f"buddy lists are not the same {how_one} and {how_other}"
    assert one.ledger == other.ledger, f"the ledger is not the same {how_one} and {how_other}"
