"""Each path of each allocator: the steps it takes, where it takes pages from, and that no page is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simalloc.allocators import VERSIONS, Linux
from simalloc.machine import Context, Cpu, Program, RuleBroken, Sleep, Sync
from simalloc.measure import PageChecker, ledger
from simalloc.memory import PAGEBLOCK_PAGES, MigrateType, sizes_v4_10, sizes_v4_19
from simalloc.memory.tuning import AutoTuned
from simalloc.runs import Model
from tests.models import Outcome, model, random_run, run_one, steps_of

ALLOCATORS = sorted(VERSIONS)
SIX_BATCHES = [name for name in ALLOCATORS if VERSIONS[name].sizes in (sizes_v4_10, sizes_v4_19)]
SINGLE_PAGES = [name for name in ALLOCATORS if VERSIONS[name].scheme is Linux]
"""Those whose pcps get and give single pages, not larger blocks that they split and merge."""
FOLLOW_THE_LOAD = [name for name in SINGLE_PAGES if issubclass(VERSIONS[name].tuning, AutoTuned)]


def hit(system: Model, cpu: Cpu) -> Program[None]:
    yield from system.allocator.alloc_pages(cpu)


def hit_and_free(system: Model, cpu: Cpu) -> Program[None]:
    page = yield from system.allocator.alloc_pages(cpu)
    assert page is not None
    yield Sync()
    yield from system.allocator.free_pages(cpu, page)


def refill(system: Model, cpu: Cpu) -> Program[None]:
    for _ in range(system.zone.pcps[0].count + 1):
        yield from system.allocator.alloc_pages(cpu)


# Linux v4.10 (ea57485af8f4): buffered_rmqueue() and free_hot_cold_page(), step by step.
V4_10_HIT = "alloc_call irq_save pcp_pop zone_counters irq_restore prep_new_page"
V4_10_FREE = "put_page free_prepare irq_save event_counter pcp_push irq_restore"
V4_10_REFILL = "alloc_call irq_save spin_lock buddy_remove"
DIRECT = (
    "alloc_call irq_save spin_lock buddy_remove spin_unlock zone_counters irq_restore prep_new_page "
    "put_page free_prepare irq_save event_counter spin_lock buddy_insert spin_unlock irq_restore"
)


@pytest.mark.parametrize("context", [Context.TASK, Context.SOFTIRQ, Context.HARDIRQ])
def test_v4_10_masks_interrupts_around_a_hit_in_every_context(context: Context) -> None:
    assert steps_of("v4.10", hit_and_free, context) == f"{V4_10_HIT} {V4_10_FREE}"


def test_v4_10_refills_under_the_zone_lock_with_interrupts_already_off() -> None:
    assert steps_of("v4.10", refill).count("irq_save spin_lock buddy_remove") == 1


def test_noirq_turns_preemption_off_instead() -> None:
    assert steps_of("noirq-v2", hit_and_free) == (
        "alloc_call preempt_disable pcp_pop zone_counters preempt_enable prep_new_page "
        "put_page free_prepare preempt_disable event_counter pcp_push preempt_enable"
    )


def test_noirq_masks_interrupts_around_the_refill_only() -> None:
    steps = steps_of("noirq-v2", refill)
    assert steps[steps.index("preempt_disable irq_save") :].startswith(
        "preempt_disable irq_save spin_lock buddy_remove"
    )
    assert "spin_unlock irq_restore pcp_pop" in steps


@pytest.mark.parametrize("context", [Context.SOFTIRQ, Context.HARDIRQ])
def test_noirq_sends_interrupts_to_the_buddy_lists_one_page_a_lock(context: Context) -> None:
    steps = steps_of("noirq-v2", hit_and_free, context)
    for extra in ("buddy_split ", "buddy_merge ", "struct_page_miss "):
        steps = steps.replace(extra, "")
    assert steps == DIRECT


def test_noirq_sends_tasks_with_bottom_halves_off_there_too() -> None:
    system = model("noirq-v2")

    def program(cpu: Cpu) -> Program[None]:
        cpu.bh_depth += 1
        yield from system.allocator.alloc_pages(cpu)
        cpu.bh_depth -= 1

    run_one(system, program)
    assert system.zone.pcps[0].refilled == 0


@pytest.mark.parametrize("allocator", ALLOCATORS)
@pytest.mark.parametrize("order", range(11))
def test_orders_without_pcp_lists_never_touch_the_pcp(allocator: str, order: int) -> None:
    system = model(allocator)

    def program(cpu: Cpu) -> Program[None]:
        block = yield from system.allocator.alloc_pages(cpu, order)
        assert block is not None
        yield from system.allocator.free_pages(cpu, block, order)

    run_one(system, program)
    has_lists = order in VERSIONS[allocator].pcp_orders
    assert (system.zone.pcps[0].refilled > 0, system.zone.parked_pages() > 0) == (has_lists, has_lists)


@pytest.mark.parametrize("allocator", sorted(set(SINGLE_PAGES) - set(FOLLOW_THE_LOAD)))
def test_a_free_at_high_drains_one_batch(allocator: str) -> None:
    system = model(allocator)
    pcp = system.zone.pcps[0]

    def program(cpu: Cpu) -> Program[None]:
        pages: list[int] = []
        yield from system.allocator.alloc_pages_each(cpu, pcp.high + pcp.batch, pages)
        yield from system.allocator.free_pages_each(cpu, pages[: pcp.high - pcp.count])

    run_one(system, program)
    assert (pcp.count, pcp.drained) == (pcp.high - pcp.batch, pcp.batch)


@pytest.mark.parametrize("allocator", FOLLOW_THE_LOAD)
def test_a_free_at_high_drains_what_was_freed_in_a_row_where_high_follows_the_load(allocator: str) -> None:
    system = model(allocator)
    pcp = system.zone.pcps[0]

    def program(cpu: Cpu) -> Program[None]:
        pages: list[int] = []
        yield from system.allocator.alloc_pages_each(cpu, 3000, pages)
        yield from system.allocator.free_pages_each(cpu, pages[: pcp.tuning.room(pcp.count)])
        assert pcp.drained == 0
        yield from system.allocator.free_pages(cpu, pages[-1])

    run_one(system, program)
    assert pcp.drained == pcp.batch << 5


@pytest.mark.parametrize("allocator", SIX_BATCHES)
def test_a_tiny_zone_drains_every_free_at_once(allocator: str) -> None:
    system = model(allocator, memory={"zone": "16MiB"})

    def program(cpu: Cpu) -> Program[None]:
        page = yield from system.allocator.alloc_pages(cpu)
        assert page is not None
        yield from system.allocator.free_pages(cpu, page)

    run_one(system, program)
    assert (system.zone.pcps[0].count, system.zone.free_pages) == (0, system.zone.pages)


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_below_the_min_watermark_there_is_no_page(allocator: str) -> None:
    system = model(allocator)
    pages: list[int] = []

    def program(cpu: Cpu) -> Program[None]:
        yield from system.allocator.alloc_pages_each(cpu, system.zone.pages, pages)

    run_one(system, program)
    # The last refill that the watermark let through may undershoot it by what a refill brings.
    largest = system.zone.pcps[0].batch << (5 if allocator in FOLLOW_THE_LOAD else 0)
    if allocator not in SINGLE_PAGES:
        largest = PAGEBLOCK_PAGES
    assert 0 <= system.zone.watermarks.min - system.zone.free_pages < largest


@pytest.mark.parametrize(("allocator", "waits"), [("noirq-v2", True), ("v4.11-rc", False)])
def test_who_waits_to_preempt_the_task_comes_when_preemption_is_on_but_not_in_the_series_of_2017(
    allocator: str, waits: bool
) -> None:
    system = model(allocator)
    ran: list[str] = []

    def work(_: Cpu) -> Program[None]:
        ran.append("work")
        yield from ()

    def program(cpu: Cpu) -> Program[None]:
        yield from system.allocator.alloc_pages(cpu)
        cpu.interrupts.queue_work(work)
        yield from system.allocator.alloc_pages(cpu)
        ran.append("task")
        yield system.steps.irq_save
        yield system.steps.irq_restore

    run_one(system, program)
    assert ran == (["task", "work"] if waits else ["work", "task"])


def test_a_page_goes_back_to_the_list_of_its_pageblocks_type() -> None:
    system = model("v4.10")

    def program(cpu: Cpu) -> Program[None]:
        page = yield from system.allocator.alloc_pages(cpu, 0, MigrateType.RECLAIMABLE)
        assert page is not None
        yield from system.allocator.free_pages(cpu, page)

    run_one(system, program)
    assert [len(pages) > 0 for pages in system.zone.pcps[0].lists] == [False, False, True]


def bulk(count: int, context: Context = Context.TASK, before: list[int] | None = None) -> tuple[int, int, int]:
    """How many pages a bulk call gave, how many are in the list, and how often zone->lock was taken for it."""
    system = model("noirq-v2")
    pages = list(before or [])
    got = []

    def program(cpu: Cpu) -> Program[None]:
        got.append((yield from system.allocator.alloc_pages_bulk(cpu, count, pages)))

    run_one(system, program, context)
    locks = sum(row.count for row in ledger(system.machine) if row.step == "spin_lock")
    return got[0], len(pages), locks


def test_bulk_refills_by_the_batch_whenever_the_list_is_empty() -> None:
    assert bulk(64) == (64, 64, -(-64 // 3))


def test_bulk_refuses_a_list_that_is_not_empty() -> None:
    assert bulk(64, before=[1]) == (0, 1, 0)


@pytest.mark.parametrize("context", [Context.SOFTIRQ, Context.HARDIRQ])
def test_bulk_in_interrupt_context_is_one_page(context: Context) -> None:
    assert bulk(64, context) == (1, 1, 1)


def test_bulk_that_would_go_below_the_high_watermark_is_one_page() -> None:
    assert bulk(16384 - 100)[:2] == (1, 1)


def test_bulk_free_is_page_by_page() -> None:
    def program(system: Model, cpu: Cpu) -> Program[None]:
        pages: list[int] = []
        yield from system.allocator.alloc_pages_bulk(cpu, 4, pages)
        yield from system.allocator.free_pages_bulk(cpu, pages)

    steps = steps_of("noirq-v2", program)
    assert (steps.count("bulk_free_call"), steps.count("put_page"), steps.count("preempt_disable")) == (1, 4, 5)


def test_v4_10_has_no_bulk_api() -> None:
    system = model("v4.10")
    with pytest.raises(TypeError, match=r"v4\.10 has no bulk API"):
        system.allocator.alloc_pages_bulk(system.machine.cpus[0], 4, [])


def test_the_checker_catches_a_double_free() -> None:
    system = model("v4.10", [PageChecker()])

    def program(cpu: Cpu) -> Program[None]:
        page = yield from system.allocator.alloc_pages(cpu)
        assert page is not None
        yield from system.allocator.free_pages(cpu, page)
        yield from system.allocator.free_pages(cpu, page)

    with pytest.raises(RuleBroken, match="which nobody holds"):
        run_one(system, program)


@pytest.mark.parametrize("allocator", ALLOCATORS)
@given(seed=st.integers(0, 10_000), cpus=st.integers(1, 4), scarce=st.booleans())
@settings(deadline=None, max_examples=6)
def test_local_clocks_and_strides_are_lockstep_to_the_cycle(allocator: str, seed: int, cpus: int, scarce: bool) -> None:
    fast = random_run(allocator, seed, cpus, lockstep=False, scarce=scarce)
    slow = random_run(allocator, seed, cpus, lockstep=True, scarce=scarce)
    assert fast == slow


@pytest.mark.parametrize("allocator", ["v4.11", "v4.17", "v6.1"])
@example(seed=1671, cpus=4)  # an IPI that arrives at the very cycle up to which a sleeper knows what comes
@given(seed=st.integers(0, 10_000), cpus=st.integers(2, 4))
@settings(deadline=None, max_examples=6)
def test_so_they_are_where_failures_drain(allocator: str, seed: int, cpus: int) -> None:
    def outcome(*, lockstep: bool) -> Outcome:
        found = random_run(allocator, seed, cpus, lockstep=lockstep, scarce=True, drains=True)
        if system_sends_ipis:
            # On the cycle at which an IPI ends a wait, whether it is still spinning or idle again may differ.
            found.ledger = [row for row in found.ledger if row.step not in ("spin", "idle")]
        return found

    system_sends_ipis = VERSIONS[allocator].drain_by != "caller"
    assert outcome(lockstep=False) == outcome(lockstep=True)


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_scarce_memory_makes_random_runs_fail_allocations(allocator: str) -> None:
    outcome = random_run(allocator, 3, 3, lockstep=False, scarce=True)
    assert None in [pfn for cpu in outcome.got for _, pfn in cpu]


@pytest.mark.parametrize("allocator", ALLOCATORS)
@given(seed=st.integers(0, 10_000), cpus=st.integers(1, 4))
@settings(deadline=None, max_examples=4)
def test_every_cpus_ledger_sums_to_the_end(allocator: str, seed: int, cpus: int) -> None:
    outcome = random_run(allocator, seed, cpus, lockstep=False)
    sums = [sum(row.cycles for row in outcome.ledger if row.cpu == cpu) for cpu in range(cpus)]
    assert sums == [outcome.end] * cpus


def drained(allocator: str) -> tuple[set[str], int]:
    """Contexts in which CPU 1 drained its list when CPU 0 asked all to, and what is left on the lists."""
    system = model(allocator, machine={"cpus": 2})
    system.allocator.expect_drains()
    done: list[int] = []

    def asks(cpu: Cpu) -> Program[None]:
        yield from system.allocator.alloc_pages(cpu)
        yield Sleep(20_000)
        yield from system.allocator.drain_all_pages(cpu)
        done.append(cpu.clock)

    def has_pages(cpu: Cpu) -> Program[None]:
        yield from system.allocator.alloc_pages(cpu)
        yield Sleep(50_000)

    first, second = system.machine.cpus
    system.machine.run([asks(first), has_pages(second)])
    where = {row.context for row in ledger(system.machine) if row.cpu == 1 and row.step.startswith("buddy_insert")}
    assert done[0] < 50_000
    return where, system.zone.parked_pages()


@pytest.mark.parametrize(
    ("allocator", "context"), [("v4.10", "hardirq"), *((name, "task") for name in ("v4.11", "v4.11-rc", "v4.17"))]
)
def test_drain_all_pages_runs_in_a_hardirq_up_to_v4_10_and_in_a_worker_since(allocator: str, context: str) -> None:
    assert drained(allocator) == ({context}, 0)


@pytest.mark.parametrize("allocator", ["v4.10", "v4.11", "v4.17", "v6.1"])
def test_a_task_that_fails_gets_what_other_cpus_had_parked(allocator: str) -> None:
    system = model(allocator, machine={"cpus": 2}, memory={"zone": "64MiB", "drain_on_failure": True})
    got: list[int] = []

    def hoards(cpu: Cpu) -> Program[None]:
        pages: list[int] = []
        yield from system.allocator.alloc_pages_each(cpu, 15, pages)
        yield from system.allocator.free_pages_each(cpu, pages)
        yield Sleep(30_000_000)

    def exhausts(cpu: Cpu) -> Program[None]:
        yield Sleep(100_000)
        yield from system.allocator.alloc_pages_each(cpu, system.zone.pages, got)

    first, second = system.machine.cpus
    system.machine.run([exhausts(first), hoards(second)])
    assert system.zone.pcps[1].count == 0


def test_a_drain_by_ipi_under_noirq_v2_breaks_a_rule_as_its_review_found() -> None:
    system = model("noirq-v2", machine={"cpus": 2})
    system.allocator.expect_drains()

    def uses_its_list(cpu: Cpu) -> Program[None]:
        for _ in range(3000):
            page = yield from system.allocator.alloc_pages(cpu)
            assert page is not None
            yield from system.allocator.free_pages(cpu, page)

    def drains(cpu: Cpu) -> Program[None]:
        for _ in range(100):
            yield from system.allocator.drain_all_pages(cpu)
            yield Sleep(37)

    first, second = system.machine.cpus
    with pytest.raises(RuleBroken, match="an interrupt has used it meanwhile"):
        system.machine.run([uses_its_list(first), drains(second)])


@pytest.mark.parametrize("allocator", ["v4.10", "v4.11", "bh-disable", "v4.17", "v6.1"])
def test_drains_are_the_same_in_lockstep(allocator: str) -> None:
    def outcome(*, lockstep: bool) -> object:
        system = model(allocator, machine={"cpus": 3}, lockstep=lockstep)
        system.allocator.expect_drains()

        def program(cpu: Cpu) -> Program[None]:
            pages: list[int] = []
            for turn in range(12):
                yield from system.allocator.alloc_pages_each(cpu, 7 + cpu.index, pages)
                yield from system.allocator.free_pages_each(cpu, [pages.pop() for _ in range(5)])
                if (turn + cpu.index) % 4 == 0:
                    yield from system.allocator.drain_all_pages(cpu)

        end = system.machine.run([program(cpu) for cpu in system.machine.cpus])
        timed = [row for row in ledger(system.machine) if row.cycles]
        return end, timed, system.zone.buddy.blocks()

    assert outcome(lockstep=False) == outcome(lockstep=True)


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_an_nmi_may_not_allocate(allocator: str) -> None:
    system = model(allocator)

    def handler(cpu: Cpu) -> Program[None]:
        yield from system.allocator.alloc_pages_each(cpu, 1, [])

    def program(cpu: Cpu) -> Program[None]:
        page = yield from system.allocator.alloc_pages(cpu)
        assert page is not None
        yield Sleep(100_000)

    system.machine.cpus[0].interrupts.attach("nmi", [50_000], handler, nmi=True)
    with pytest.raises(RuleBroken, match="allocates a page in an NMI"):
        run_one(system, program)


def test_the_bh_variant_asks_twice_and_turns_bottom_halves_off() -> None:
    assert steps_of("bh-disable", hit_and_free) == (
        "alloc_call in_irq_test irqs_disabled_test bh_disable pcp_pop zone_counters bh_enable prep_new_page "
        "put_page in_irq_test irqs_disabled_test free_prepare bh_disable event_counter pcp_push bh_enable"
    )


def test_the_bh_variant_lets_softirqs_use_the_pcp_and_bars_hardirqs() -> None:
    assert "spin_lock" not in steps_of("bh-disable", hit_and_free, Context.SOFTIRQ)
    assert steps_of("bh-disable", hit_and_free, Context.HARDIRQ).count("spin_lock") == 2


def test_v4_11_rc_is_the_series_without_bulk() -> None:
    assert steps_of("v4.11-rc", hit_and_free) == steps_of("noirq-v2", hit_and_free)
    assert [VERSIONS[name].has_bulk for name in ("v4.11-rc", "noirq-v2")] == [False, True]


def test_the_revert_is_v4_10_but_for_the_drain() -> None:
    v4_10, v4_11 = (replace(VERSIONS[name], name="", about="", models="") for name in ("v4.10", "v4.11"))
    assert replace(v4_11, drain_by="ipi") == v4_10
