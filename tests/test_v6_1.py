"""v6.1: a lock in each pcp, that only another CPU's drain can make fail; blocks on the pcp; drains that grow."""

from __future__ import annotations

import pytest

from simalloc.allocators import Linux
from simalloc.machine import Context, Cpu, Program, Sleep
from simalloc.measure import LockStat, Recorder, ledger
from simalloc.memory import MigrateType
from simalloc.memory.tuning import DoublingDrains
from tests.models import model, run_one, steps_of
from tests.test_allocators import hit_and_free, refill
from tests.test_v4_17 import freed

HIT = (
    "alloc_call preempt_disable irq_save pcp_trylock pcp_pop pcp_unlock irq_restore preempt_enable "
    "zone_counters prep_new_page"
)
FREE = (
    "put_page free_prepare preempt_disable irq_save pcp_trylock event_counter pcp_push "
    "pcp_unlock irq_restore preempt_enable"
)


@pytest.mark.parametrize("context", [Context.TASK, Context.SOFTIRQ, Context.HARDIRQ])
def test_every_context_tries_the_pcps_lock(context: Context) -> None:
    assert steps_of("v6.1", hit_and_free, context) == f"{HIT} {FREE}"


def test_a_real_lock_pays_the_same_steps() -> None:
    recorder = Recorder()
    system = model("v6.1", [recorder], memory={"zone": "64MiB", "drain_on_failure": True})

    def program(cpu: Cpu) -> Program[None]:
        yield from hit_and_free(system, cpu)
        recorder.take()
        yield from hit_and_free(system, cpu)

    run_one(system, program)
    assert " ".join(each.step.name for each in recorder.steps) == f"{HIT} {FREE}"


def test_a_refill_takes_the_zone_lock_within_the_pcps() -> None:
    assert "pcp_trylock spin_lock buddy_remove" in steps_of("v6.1", refill)


def test_what_is_counted_is_counted_with_interrupts_on() -> None:
    recorder = Recorder()
    system = model("v6.1", [recorder])

    def program(cpu: Cpu) -> Program[None]:
        yield from system.allocator.alloc_pages(cpu)
        yield from system.allocator.alloc_pages(cpu, 5)

    run_one(system, program)
    assert [each.irqs_off for each in recorder.steps if each.step.name == "zone_counters"] == [False, False]


# The next drain


def drains(*operations: str) -> tuple[list[int], int]:
    """Pages given back by each drain, and the free_factor at the end, for batch 3 and high 40.

    Operations: "free" (one page), "alloc" (one page), "free1" (a block of order 1).
    """
    system = model({"name": "v6.1", "batch": 3, "high": 40})
    pcp = system.zone.pcps[0]
    seen: list[int] = []

    def program(cpu: Cpu) -> Program[None]:
        pages: list[int] = []
        blocks: list[int] = []
        yield from system.allocator.alloc_pages_each(cpu, 600, pages)
        yield from system.allocator.alloc_pages_each(cpu, 9, blocks, 1)
        yield from system.allocator.free_pages_each(cpu, [pages.pop() for _ in range(pcp.high - 1 - pcp.count)])
        for operation in operations:
            before = pcp.drained
            if operation == "alloc":
                yield from system.allocator.alloc_pages(cpu)
            elif operation == "free":
                yield from system.allocator.free_pages(cpu, pages.pop())
            else:
                yield from system.allocator.free_pages(cpu, blocks.pop(), 1)
            if pcp.drained > before:
                seen.append(pcp.drained - before)

    run_one(system, program)
    return seen, pcp.tuning.snapshot()[1]


def test_frees_without_allocations_drain_twice_as_much_each_time_up_to_all_but_a_batch() -> None:
    assert drains(*["free"] * 70) == ([3, 6, 12, 24, 37], 4)


def test_an_allocation_halves_the_next_drain() -> None:
    assert drains(*["free"] * 10, "alloc", *["free"] * 13) == ([3, 6, 12, 6], 2)


def test_a_block_freed_with_a_drain_behind_it_takes_all_pages_along() -> None:
    assert drains("free", "free1")[0] == [3, 37 + 2]


def test_a_block_freed_with_no_drain_behind_it_stays() -> None:
    assert drains(*["alloc"] * 4, "free1") == ([], 0)


def test_a_stride_of_allocations_halves_as_often_as_they_are_many() -> None:
    system = model("v6.1")
    tuning = system.zone.pcps[0].tuning
    assert isinstance(tuning, DoublingDrains)

    def program(cpu: Cpu) -> Program[None]:
        pages: list[int] = []
        yield from system.allocator.alloc_pages_each(cpu, 30, pages)
        yield from system.allocator.free_pages_each(cpu, pages)
        tuning.free_factor = 29
        assert len(system.allocator.strides.alloc(cpu, 4, MigrateType.UNMOVABLE)) == 4

    run_one(system, program)
    assert tuning.free_factor == 29 >> 4


@pytest.mark.parametrize(("expected", "strides"), [(False, [12, 10]), (True, [0, 0])])
def test_hits_are_taken_in_strides_unless_drains_are_expected(expected: bool, strides: list[int]) -> None:
    system = model("v6.1", memory={"zone": "64MiB", "drain_on_failure": expected})
    taken: list[int] = []

    def program(cpu: Cpu) -> Program[None]:
        pages: list[int] = []
        # The first hit of each kind shows what those after it cost.
        yield from system.allocator.alloc_pages_each(cpu, 13, pages)
        yield from system.allocator.free_pages_each(cpu, [pages.pop()])
        freed = system.allocator.strides.free(cpu, pages, 0)
        yield from system.allocator.free_pages_each(cpu, pages[freed:])
        taken.append(freed)
        taken.append(len(system.allocator.strides.alloc(cpu, 10, MigrateType.UNMOVABLE)))

    run_one(system, program)
    assert taken == strides


# Blocks


@pytest.mark.parametrize(("order", "blocks"), [(1, 2), (2, 2), (3, 2), (9, 2)])
def test_blocks_come_from_the_pcp_at_least_two_a_refill(order: int, blocks: int) -> None:
    system = model("v6.1")

    def program(cpu: Cpu) -> Program[None]:
        yield from system.allocator.alloc_pages(cpu, order)

    run_one(system, program)
    assert system.zone.pcps[0].refilled == blocks << order


# Lists of pages


def test_a_list_free_holds_the_lock_for_32_pages() -> None:
    assert freed("v6.1") == "free_prepare*70 " + " ".join(
        f"preempt_disable irq_save pcp_trylock event_counter*{pages} pcp_push*{pages} "
        "pcp_unlock irq_restore preempt_enable"
        for pages in (32, 32, 6)
    )


def bulk(count: int, batch: int = 63) -> tuple[str, int]:
    """The steps of a bulk call on a new zone, and how many pages it gave."""
    recorder = Recorder()
    system = model({"name": "v6.1", "batch": batch, "high": 4 * batch}, [recorder])
    pages: list[int] = []

    def program(cpu: Cpu) -> Program[None]:
        yield from system.allocator.alloc_pages(cpu)
        recorder.take()
        yield from system.allocator.alloc_pages_bulk(cpu, count, pages)

    run_one(system, program)
    return " ".join(f"{each.step.name}*{each.times}" for each in recorder.steps).replace("*1 ", " "), len(pages)


def test_a_bulk_call_takes_the_lock_once_and_prepares_under_it() -> None:
    assert bulk(40) == (
        "bulk_call preempt_disable irq_save pcp_trylock pcp_pop*40 prep_new_page*40 "
        "pcp_unlock irq_restore preempt_enable zone_counters*1",
        40,
    )


def test_a_bulk_call_refills_within_the_lock_whenever_the_list_is_empty() -> None:
    steps, got = bulk(64, batch=15)
    assert (steps.count(" spin_lock"), steps.count("pcp_trylock"), got) == (-(-(64 - 14) // 15), 1, 64)


def test_a_bulk_call_for_one_page_is_a_single_allocation() -> None:
    assert bulk(1)[0].startswith("alloc_call")


def test_a_bulk_call_that_would_go_below_the_low_watermark_is_one_page() -> None:
    steps, got = bulk(16_100)
    assert (steps.startswith("bulk_call alloc_call"), got) == (True, 1)


def test_a_bulk_call_adds_to_the_pages_there_are() -> None:
    system = model("v6.1")
    pages = [7]
    got: list[int] = []

    def program(cpu: Cpu) -> Program[None]:
        got.append((yield from system.allocator.alloc_pages_bulk(cpu, 5, pages)))

    run_one(system, program)
    assert (got, len(pages), pages[0]) == ([5], 6, 7)


# Another CPU drains


def test_who_drains_does_it_alone_and_interrupts_nobody() -> None:
    system = model("v6.1", machine={"cpus": 2})
    system.allocator.expect_drains()

    def asks(cpu: Cpu) -> Program[None]:
        yield Sleep(20_000)
        yield from system.allocator.drain_all_pages(cpu)

    def has_pages(cpu: Cpu) -> Program[None]:
        yield from system.allocator.alloc_pages(cpu)

    first, second = system.machine.cpus
    system.machine.run([asks(first), has_pages(second)])
    rows = [row for row in ledger(system.machine) if row.cycles]
    assert {row.cpu for row in rows if row.step == "buddy_insert"} == {0}
    assert not [row for row in rows if row.context == "hardirq"]
    assert system.zone.parked_pages() == 0


class AgainstADrain:
    """CPU 1 does something (`what`) while CPU 0 holds its pcp's lock and drains 100 pages; what that took."""

    def __init__(self, what: str) -> None:
        recorder, lock_stat = Recorder(), LockStat()
        system = model("v6.1", [recorder, lock_stat], machine={"cpus": 2})
        allocator = system.allocator
        assert isinstance(allocator, Linux)
        allocator.expect_drains()
        pages: list[int] = []

        def drains(cpu: Cpu) -> Program[None]:
            yield Sleep(until=500_000)
            yield from allocator.drain_pages(cpu, system.zone, system.machine.cpus[1])

        def uses(cpu: Cpu) -> Program[None]:
            yield from allocator.alloc_pages_each(cpu, 120, pages)
            yield from allocator.free_pages_each(cpu, [pages.pop() for _ in range(100)])
            yield Sleep(until=500_200)
            if what == "alloc":
                yield from allocator.alloc_pages(cpu)
            elif what == "bulk alloc":
                yield from allocator.alloc_pages_bulk(cpu, 8, pages)
            elif what == "free":
                yield from allocator.free_pages(cpu, pages.pop())
            else:
                yield from allocator.free_pages_bulk(cpu, [pages.pop() for _ in range(3)])

        first, second = system.machine.cpus
        system.machine.run([drains(first), uses(second)])
        mine = [each for each in recorder.steps if each.cpu == 1 and each.start >= 500_200 and each.cycles]
        self.steps = " ".join(each.step.name for each in mine if each.context == "task" and each.step.name != "spin")
        self.waits = {entry.lock: entry.contentions for entry in lock_stat.classes.values()}
        self.allocated = len(pages)


def test_an_allocation_that_meets_a_drain_goes_to_the_buddy_lists() -> None:
    met = AgainstADrain("alloc")
    assert met.steps.startswith(
        "alloc_call preempt_disable irq_save pcp_trylock line_transfer irq_restore preempt_enable irq_save spin_lock"
    )
    assert met.waits == {"pcp->lock": 0, "zone->lock": 1}


def test_a_free_that_meets_a_drain_goes_to_the_buddy_lists() -> None:
    met = AgainstADrain("free")
    assert (
        "free_prepare preempt_disable irq_save pcp_trylock line_transfer irq_restore preempt_enable irq_save spin_lock"
    ) in met.steps
    assert met.waits == {"pcp->lock": 0, "zone->lock": 1}


def test_a_bulk_call_that_meets_a_drain_gives_one_page() -> None:
    met = AgainstADrain("bulk alloc")
    assert (met.allocated, met.steps.count("pcp_trylock")) == (21, 2)


def test_a_list_free_waits_for_the_drain() -> None:
    assert AgainstADrain("bulk free").waits == {"pcp->lock": 1, "zone->lock": 0}


def test_drains_nobody_expected_are_refused() -> None:
    system = model("v6.1")
    with pytest.raises(RuntimeError, match="call expect_drains first"):
        run_one(system, system.allocator.drain_all_pages)
