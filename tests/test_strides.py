"""Hits are counted only for schemes that declare that they always cost the same; all others are right, and slower."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

import pytest

from simalloc.allocators import VERSIONS, Allocator, Linux
from simalloc.allocators.base import declares_constant_hits
from simalloc.machine import Activity, Cpu, Program
from simalloc.memory import MigrateType, Zone
from tests.models import model, run_one


class DearEveryTenth(Linux):
    """Every tenth free costs two more counters, and a count per zone is kept from the beginning."""

    hits_are_constant: ClassVar[bool] = False
    counts: dict[Zone, int] | None = None

    def free_unref_page(self, cpu: Cpu, zone: Zone, pfn: int, order: int, *, cold: bool) -> Program[None]:
        if self.counts is None:
            self.counts = dict.fromkeys(self.zones, 0)
        self.counts[zone] += 1
        if self.counts[zone] % 10 == 0:
            yield self.k.zone_counters * 2
        yield from super().free_unref_page(cpu, zone, pfn, order, cold=cold)


class Counts(Linux):
    """Counts its calls, and declares nothing."""

    calls: int = 0

    def alloc_pages(
        self, cpu: Cpu, order: int = 0, mt: MigrateType = MigrateType.UNMOVABLE, *, cold: bool = False
    ) -> Program[int | None]:
        self.calls += 1
        return super().alloc_pages(cpu, order, mt, cold=cold)


class Same(Linux):
    """Adds nothing to what it comes from."""


@contextmanager
def version(scheme: type[Allocator]) -> Iterator[str]:
    VERSIONS["mine"] = replace(VERSIONS["v4.10"], name="mine", scheme=scheme)
    try:
        yield "mine"
    finally:
        del VERSIONS["mine"]


def cycles(scheme: type[Allocator], *, lockstep: bool) -> int:
    """How long 90 allocations and frees take after a first 90."""
    took = []
    with version(scheme) as name:
        system = model(name, lockstep=lockstep)

        def program(cpu: Cpu) -> Program[None]:
            for _ in range(2):
                pages: list[int] = []
                start = cpu.clock
                yield from system.allocator.alloc_pages_each(cpu, 90, pages)
                yield from system.allocator.free_pages_each(cpu, pages)
                took.append(cpu.clock - start)

        run_one(system, program)
    return took[1]


@pytest.mark.parametrize("scheme", [Linux, DearEveryTenth, Counts, Same])
def test_any_scheme_costs_what_it_does_in_lockstep(scheme: type[Allocator]) -> None:
    assert cycles(scheme, lockstep=False) == cycles(scheme, lockstep=True)


def test_what_a_scheme_overrides_is_called_as_often_as_pages_are_allocated() -> None:
    with version(Counts) as name:
        system = model(name)
        run_one(system, lambda cpu: system.allocator.alloc_pages_each(cpu, 500, []))
    assert isinstance(system.allocator, Counts)
    assert system.allocator.calls == 500


def test_a_subclass_is_trusted_as_far_as_it_declares_or_adds_nothing() -> None:
    assert [declares_constant_hits(each) for each in (Linux, DearEveryTenth, Counts, Same)] == [
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("allocator", sorted(name for name in VERSIONS if VERSIONS[name].scheme.hits_are_constant))
def test_the_first_hit_of_a_kind_shows_what_the_others_cost(allocator: str) -> None:
    system = model(allocator)
    found: list[int] = []

    def program(cpu: Cpu) -> Program[None]:
        pages: list[int] = []
        yield from system.allocator.alloc_pages_each(cpu, 15, pages)
        yield from system.allocator.free_pages_each(cpu, pages[:2])
        found.append(system.allocator.strides.free(cpu, pages, 2))

    run_one(system, program)
    assert found[0] > 1


@pytest.mark.parametrize("allocator", ["v4.15", "v5.14", "v6.1"])
def test_an_interrupt_due_when_the_last_hit_ends_comes_when_it_does_in_lockstep(allocator: str) -> None:
    def freed_after(due: int | None, *, lockstep: bool) -> int:
        system = model(allocator, lockstep=lockstep, machine={"preset": "linux-6.1-instructions"})  # no caches
        tick = system.machine.steps.define("tick", Activity.WORK, 100)
        took = []

        def handler(_cpu: Cpu) -> Program[None]:
            yield tick

        def program(cpu: Cpu) -> Program[None]:
            pages: list[int] = []
            yield from system.allocator.alloc_pages_each(cpu, 20, pages)
            start = cpu.clock
            if due is not None:
                cpu.interrupts.raise_at(start + due, "tick", handler)
            yield from system.allocator.free_pages_each(cpu, pages)
            took.append(cpu.clock - start)

        run_one(system, program)
        return took[0]

    length = freed_after(None, lockstep=False)
    near = range(length - 20, length + 2)
    assert [freed_after(due, lockstep=False) for due in near] == [freed_after(due, lockstep=True) for due in near]
