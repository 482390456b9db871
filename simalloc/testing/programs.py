"""Small systems to test allocators with, and programs that do at random what callers may do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from simalloc.machine import Context, Cpu, Instrument, Program, Sleep
from simalloc.measure import PageChecker, ledger
from simalloc.memory import MigrateType
from simalloc.runs import Model, build_model
from simalloc.scenario import build


def model(allocator: str | dict[str, Any] = "v4.10", instruments: Sequence[Instrument] = (), **scenario: Any) -> Model:
    """Return a system: a 64 MiB zone (batch 3, high 18 in v4.10) and one CPU, unless `scenario` says otherwise."""
    data: dict[str, Any] = {
        "name": "test",
        "allocator": allocator,
        "memory": {"zone": "64MiB"},
        "workload": {"kind": "pagealloc", "batches": [1]},
    }
    built = build(data | scenario)
    return build_model(built, built.cases[0], instruments)


def run_one(system: Model, program: Callable[[Cpu], Program[Any]], context: Context = Context.TASK) -> None:
    """Run one program on CPU 0, nothing on the others."""
    idle: list[Program[Any]] = [_nothing() for _ in system.machine.cpus[1:]]
    system.machine.run([program(system.machine.cpus[0]), *idle], context)


def _nothing() -> Program[None]:
    yield Sleep(0)


@dataclass
class Outcome:
    """All that a run leaves behind: end, ledger, lists, and what each CPU got."""

    end: int
    ledger: list[Any]
    buddy: list[Any]
    pcps: list[Any]
    got: list[list[tuple[int, int | None]]] = field(default_factory=list)


def random_run(
    allocator: str | dict[str, Any],
    seed: int,
    cpus: int,
    *,
    lockstep: bool,
    scarce: bool = False,
    drains: bool = False,
    operations: int = 60,
) -> Outcome:
    """Let every CPU allocate and free at random: orders, types, single, many at once, bulk, in any context.

    `scarce` leaves so little memory that watermarks fail and the slow path looks at the zone without its lock; with
    `drains` tasks (all are, then) that fail drain all lists and try again.
    """
    checker = PageChecker()
    memory = {"zone": "64MiB", "drain_on_failure": drains}
    system = model(allocator, [checker], machine={"cpus": cpus}, lockstep=lockstep, memory=memory)
    if scarce:
        spare = system.zone.watermarks.min + 40
        system.zone.take(system.zone.free_pages - spare, 0, MigrateType.MOVABLE)
        for view in system.allocator.views[system.zone]:
            view.refresh()
    usable = system.zone.free_pages
    got: list[list[tuple[int, int | None]]] = [[] for _ in range(cpus)]

    def program(cpu: Cpu) -> Program[None]:
        random = Random(seed * 1000 + cpu.index)
        held: list[tuple[int, int]] = []
        for _ in range(operations):
            yield from random_operation(system, cpu, random, held, got[cpu.index])

    contexts = [Context.TASK, Context.SOFTIRQ, Context.HARDIRQ]
    context = Context.TASK if drains else contexts[seed % 5 % 3]
    end = system.machine.run([program(cpu) for cpu in system.machine.cpus], context)
    checker.check_none_lost(system.zone, usable - system.allocator.kept_pages(system.zone))
    pcps = [(pcp.lists, pcp.count, pcp.tuning.snapshot()) for pcp in system.zone.pcps]
    # A CPU that waits for a drain may idle for no cycles once more or less: that counts, but is not seen in time.
    rows = [row for row in ledger(system.machine) if row.cycles or not drains]
    return Outcome(end, rows, system.zone.buddy.blocks(), pcps, got)


def random_operation(
    system: Model, cpu: Cpu, random: Random, held: list[tuple[int, int]], got: list[tuple[int, int | None]]
) -> Program[None]:
    """Do one of the things a caller can do."""
    allocator = system.allocator
    mt = random.choice(list(MigrateType))
    what = random.randrange(6)
    if what == 0 and held:
        pfn, order = held.pop(random.randrange(len(held)))
        yield from allocator.free_pages(cpu, pfn, order, cold=random.random() < 0.2)
    elif what == 1:
        singles = [pfn for pfn, order in held if order == 0]
        held[:] = [(pfn, order) for pfn, order in held if order]
        if random.random() < 0.5:
            yield from allocator.free_pages_each(cpu, singles)
        else:
            yield from allocator.free_pages_bulk(cpu, singles)
    elif what == 2:
        pages: list[int] = []
        yield from allocator.alloc_pages_each(cpu, random.randrange(1, 40), pages, mt=mt)
        held += [(pfn, 0) for pfn in pages]
        got += [(cpu.clock, pfn) for pfn in pages]
    elif what == 3 and allocator.generation.has_bulk:
        pages = []
        yield from allocator.alloc_pages_bulk(cpu, random.randrange(1, 40), pages, mt)
        held += [(pfn, 0) for pfn in pages]
        got += [(cpu.clock, pfn) for pfn in pages]
    elif what == 4:
        yield Sleep(random.randrange(2000))
    else:
        order = random.choice([0, 0, 0, 1, 3])
        pfn_or_none = yield from allocator.alloc_pages(cpu, order, mt, cold=random.random() < 0.2)
        got.append((cpu.clock, pfn_or_none))
        if pfn_or_none is not None:
            held.append((pfn_or_none, order))
