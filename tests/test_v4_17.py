"""v4.17: drains that pick before they lock, lists freed in few masked windows."""

from __future__ import annotations

import pytest

from simalloc.machine import Context, Cpu, Instrument, Program
from simalloc.measure import LockStat, Recorder
from simalloc.runs import Model
from tests.models import model, run_one, steps_of
from tests.test_allocators import V4_10_FREE, V4_10_HIT, hit_and_free, refill


@pytest.mark.parametrize("context", [Context.TASK, Context.SOFTIRQ, Context.HARDIRQ])
def test_a_hit_and_a_free_are_v4_10s(context: Context) -> None:
    assert steps_of("v4.17", hit_and_free, context) == f"{V4_10_HIT} {V4_10_FREE}"


def test_a_refill_is_v4_10s() -> None:
    assert steps_of("v4.17", refill) == steps_of("v4.10", refill)


def test_a_cold_page_goes_where_a_hot_one_does() -> None:
    system = model("v4.17")

    def program(cpu: Cpu) -> Program[None]:
        page = yield from system.allocator.alloc_pages(cpu)
        assert page is not None
        yield from system.allocator.free_pages(cpu, page, cold=True)
        assert page == (yield from system.allocator.alloc_pages(cpu))

    run_one(system, program)


def drain(allocator: str, instruments: list[Instrument]) -> Model:
    """Free up to the high mark: the last free drains a batch."""
    system = model(allocator, instruments)
    pcp = system.zone.pcps[0]

    def program(cpu: Cpu) -> Program[None]:
        pages: list[int] = []
        yield from system.allocator.alloc_pages_each(cpu, pcp.high + pcp.batch, pages)
        yield from system.allocator.free_pages_each(cpu, pages[: pcp.high - pcp.count])

    run_one(system, program)
    return system


def test_a_drain_picks_its_pages_before_it_locks_the_zone() -> None:
    recorder = Recorder()
    drain("v4.17", [recorder])
    steps = " ".join(each.step.name for each in recorder.steps)
    assert steps.endswith("pcp_push pcp_pick spin_lock buddy_insert_picked buddy_merge spin_unlock irq_restore")


def drained(allocator: str) -> tuple[int, int]:
    """Cycles that the zone lock was held, and that interrupts were masked at most."""
    lock_stat, recorder = LockStat(), Recorder()
    drain(allocator, [lock_stat, recorder])
    last = max(i for i, each in enumerate(recorder.steps) if each.step.name == "irq_save")
    return lock_stat.of("zone->lock").hold.total, sum(each.cycles for each in recorder.steps[last:])


def test_a_drained_page_costs_as_much_as_in_v4_11_but_less_of_it_under_the_lock() -> None:
    (held_before, masked_before), (held, masked) = drained("v4.11"), drained("v4.17")
    assert (masked - masked_before, held - held_before) == (0, -3 * 22)


def list_free(system: Model, cpu: Cpu) -> Program[None]:
    pages: list[int] = []
    yield from system.allocator.alloc_pages_each(cpu, 70, pages)
    yield from system.allocator.free_pages_bulk(cpu, pages)


def freed(allocator: str) -> str:
    """The steps of a free of 70 pages after their references are dropped, where high is 1000."""
    recorder = Recorder()
    system = model({"name": allocator, "high": 1000}, [recorder])
    run_one(system, lambda cpu: list_free(system, cpu))
    steps = [f"{each.step.name}*{each.times}" for each in recorder.steps]
    return " ".join(steps[steps.index("free_prepare*70") :]).replace("*1 ", " ").removesuffix("*1")


def test_a_list_free_prepares_all_and_then_masks_once_for_32_pages() -> None:
    assert freed("v4.17") == "free_prepare*70 " + " ".join(
        f"irq_save event_counter*{pages} pcp_push*{pages} irq_restore" for pages in (32, 32, 6)
    )


def test_a_list_free_drains_whenever_the_count_is_at_high() -> None:
    system = model("v4.17")
    run_one(system, lambda cpu: list_free(system, cpu))
    pcp = system.zone.pcps[0]
    # 72 pages came in batches of 3; the list fills up to 18 and then every third page drains 3.
    assert (pcp.count, pcp.refilled, pcp.drained) == (15, 72, 57)


def test_a_drain_in_a_list_free_lies_in_its_masked_window() -> None:
    steps = steps_of("v4.17", list_free)
    assert "pcp_push pcp_pick spin_lock buddy_insert_picked" in steps
    assert steps.count("irq_save") - steps.count("alloc_call") == 3


def test_an_empty_list_costs_nothing() -> None:
    assert steps_of("v4.17", lambda system, cpu: system.allocator.free_pages_bulk(cpu, [])) == ""
