"""v6.2: the pcp's lock is tried with interrupts on; an interrupt that comes meanwhile goes to the buddy lists."""

from __future__ import annotations

import pytest

from simalloc.allocators import Linux
from simalloc.machine import Cpu, Program
from simalloc.measure import LockStat, Recorder
from tests.models import model, run_one
from tests.test_allocators import hit_and_free
from tests.test_v4_17 import freed

HIT = "alloc_call preempt_disable pcp_trylock pcp_pop pcp_unlock preempt_enable zone_counters prep_new_page"
FREE = "put_page free_prepare preempt_disable pcp_trylock event_counter pcp_push pcp_unlock preempt_enable"


@pytest.mark.parametrize("allocator", ["6.1-stable", "v6.2", "v6.7", "v6.12", "v6.19"])
@pytest.mark.parametrize("drains", [False, True])
def test_a_hit_masks_nothing(allocator: str, drains: bool) -> None:
    recorder = Recorder()
    system = model(allocator, [recorder], memory={"zone": "64MiB", "drain_on_failure": drains})

    def program(cpu: Cpu) -> Program[None]:
        yield from hit_and_free(system, cpu)
        recorder.take()
        yield from hit_and_free(system, cpu)

    run_one(system, program)
    assert " ".join(each.step.name for each in recorder.steps) == f"{HIT} {FREE}"


def in_an_interrupt(allocator: str, at: str, pages: int = 1) -> tuple[int, int]:
    """An interrupt arrives while a task refills its pcp list (or after), and takes pages.

    Returns how often zone->lock was taken for them, and how many it got. `at` is the step during which it arrives.
    """
    lock_stat, recorder = LockStat(), Recorder()
    first = model(allocator, [recorder])
    run_one(first, lambda cpu: first.allocator.alloc_pages_each(cpu, 1, []))
    arrival = next(each.start for each in recorder.steps if each.step.name == at) + 1

    system = model(allocator, [lock_stat])
    got: list[int] = []
    taken: list[int] = []

    def handler(cpu: Cpu) -> Program[None]:
        before = lock_stat.of("zone->lock").acquisitions
        yield from system.allocator.alloc_pages_each(cpu, pages, got)
        taken.append(lock_stat.of("zone->lock").acquisitions - before)

    system.machine.cpus[0].interrupts.attach("nic", [arrival], handler)
    run_one(system, lambda cpu: system.allocator.alloc_pages_each(cpu, 1, []))
    return taken[0], len(got)


# KERNEL: the trap of v6.2. An interrupt that is pended while a refill has interrupts masked runs at their restore, with
# the pcp's lock still held; all that it asks for goes to zone->lock, page by page.
@pytest.mark.parametrize("allocator", ["6.1-stable", "v6.2", "v6.7", "v6.12"])
@pytest.mark.parametrize("at", ["pcp_trylock", "buddy_remove", "pcp_pop"])
def test_an_interrupt_within_the_section_takes_every_page_under_the_zone_lock(allocator: str, at: str) -> None:
    within = at != "pcp_trylock"
    # During the trylock step itself the lock is not held yet: the interrupt refills the list and hits it.
    assert in_an_interrupt(allocator, at, pages=2) == (2 if within else 1, 2)


@pytest.mark.parametrize("allocator", ["v4.10", "v4.11", "v4.17", "v5.13", "v5.14", "v5.18", "v6.1"])
@pytest.mark.parametrize("at", ["buddy_remove", "pcp_pop"])
def test_v4_10_to_v6_1_do_not_have_it(allocator: str, at: str) -> None:
    assert in_an_interrupt(allocator, at, pages=2) == (0, 2)


def test_a_list_free_tries_the_lock_for_every_32_pages() -> None:
    assert freed("v6.2") == "free_prepare*70 " + " ".join(
        f"preempt_disable pcp_trylock event_counter*{pages} pcp_push*{pages} pcp_unlock preempt_enable"
        for pages in (32, 32, 6)
    )


def test_a_page_of_a_list_whose_try_fails_goes_to_the_buddy_lists() -> None:
    recorder = Recorder()
    system = model("v6.2", [recorder])
    pages: list[int] = []

    def program(cpu: Cpu) -> Program[None]:
        yield from system.allocator.alloc_pages_each(cpu, 3, pages)
        allocator = system.allocator
        assert isinstance(allocator, Linux)
        lock = allocator.pcp_lock[system.zone.pcps[0]]
        lock.take_alone(cpu)
        recorder.take()
        yield from system.allocator.free_pages_bulk(cpu, pages)
        lock.give_alone(cpu)

    run_one(system, program)
    names = [each.step.name for each in recorder.steps]
    assert (names.count("pcp_trylock"), names.count("spin_lock"), names.count("pcp_push")) == (3, 3, 0)


def test_a_drain_of_v6_19_lets_others_in_after_every_batch() -> None:
    recorder = Recorder()
    system = model({"name": "v6.19", "batch": 3, "high": 40}, [recorder], memory={"zone": "64MiB"})
    pages: list[int] = []

    def program(cpu: Cpu) -> Program[None]:
        yield from system.allocator.alloc_pages_each(cpu, 90, pages)
        yield from system.allocator.free_pages_each(
            cpu, pages[: system.zone.pcps[0].tuning.room(system.zone.pcps[0].count)]
        )
        recorder.take()
        yield from system.allocator.free_pages(cpu, pages[-1])

    run_one(system, program)
    holds = [each.times for each in recorder.steps if each.step.name == "buddy_insert"]
    tries = sum(each.step.name == "pcp_trylock" for each in recorder.steps)
    assert (holds, tries) == ([3, 3, 3, 2], 4)


def bulk_after(allocator: str, cpus: int = 1) -> list[int]:
    """Runs of pages that a bulk call for 64 prepares within its section."""
    recorder = Recorder()
    system = model(allocator, [recorder], memory={"zone": "1GiB"}, machine={"cpus": cpus})

    def program(cpu: Cpu) -> Program[None]:
        yield from system.allocator.alloc_pages_bulk(cpu, 64, [])

    run_one(system, program)
    names = [each.step.name for each in recorder.steps]
    ends = max(i for i, name in enumerate(names) if name in ("irq_restore", "pcp_unlock"))
    return [each.times for each in recorder.steps[:ends] if each.step.name == "prep_new_page"]


@pytest.mark.parametrize("allocator", ["v5.13", "v5.14", "v6.1", "v6.2"])
def test_a_bulk_call_prepares_its_pages_within_the_section(allocator: str) -> None:
    assert bulk_after(allocator) == [63, 1]


def test_v5_13_counts_every_page_of_a_bulk_call_and_v5_14_once() -> None:
    def counts(allocator: str) -> list[int]:
        recorder = Recorder()
        system = model(allocator, [recorder], memory={"zone": "1GiB"})
        run_one(system, lambda cpu: system.allocator.alloc_pages_bulk(cpu, 64, []))
        return [each.times for each in recorder.steps if each.step.name == "zone_counters"]

    assert (counts("v5.13"), counts("v5.14")) == ([63, 1], [1])
