"""Windows with interrupts off, and how long interrupts wait: what is counted, and what explains the longest."""

from __future__ import annotations

import pytest

from simalloc.hardware.times import cycles_of
from simalloc.machine import Cpu, Program, Sync
from simalloc.measure import Latency
from simalloc.measure.latency import Lengths
from simalloc.runs import run
from simalloc.runs.explain import first_long_window, window_text
from simalloc.scenario import Scenario, build
from tests.conftest import Bench
from tests.interrupting import attach, irqsave, masked
from tests.models import model, run_one

KEY = ("irqs_off", "all", "all")


def latency(bench: Bench) -> Latency:
    seen = Latency()
    bench.machine.hooks.register(seen)
    return seen


def test_a_window_is_from_the_end_of_the_mask_to_the_end_of_the_unmask(bench: Bench) -> None:
    seen = latency(bench)
    bench.run(masked(bench))
    assert dict(seen.lengths[KEY].counts) == {105: 1}


def test_a_window_knows_how_long_it_waited_and_held(two: Bench) -> None:
    seen = latency(two)
    two.run(irqsave(two, 0, 100, 0), irqsave(two, 5, 50, 1))
    length, waited, held, *_ = seen.lengths["irqs_off", "1", "all"].longest
    # CPU 1 asks at 22, is next at 137, has the line at 167; then 50 of work, 20 to release, 5 to unmask.
    assert (length, waited, held) == (10 + 115 + 30 + 50 + 20 + 5, 115 + 30, 70)


def test_latency_is_counted_by_name(bench: Bench) -> None:
    seen = latency(bench)
    attach(bench, [50])
    bench.run(masked(bench))
    assert dict(seen.lengths["irq_latency", "all", "irq"].counts) == {62: 1}


def test_quantiles_are_of_the_counts() -> None:
    lengths = Lengths()
    for length in range(1, 1001):
        lengths.add(length, 1, 0, 0, "", 0)
    assert [lengths.quantile(share) for share in (0.5, 0.99, 0.999, 1.0)] == [500, 990, 999, 1000]


@pytest.mark.parametrize("allocator", ["v4.10", "noirq-v2", "bh-disable"])
def test_strides_count_the_windows_that_steps_would(allocator: str) -> None:
    def counted(*, lockstep: bool) -> dict[object, object]:
        seen = Latency()
        system = model(allocator, [seen], lockstep=lockstep)

        def program(cpu: Cpu) -> Program[None]:
            pages: list[int] = []
            yield from system.allocator.alloc_pages_each(cpu, 100, pages)
            yield Sync()
            yield from system.allocator.free_pages_each(cpu, pages)

        run_one(system, program)
        return {key: dict(lengths.counts) for key, lengths in seen.lengths.items()}

    assert counted(lockstep=False) == counted(lockstep=True)


def scenario(**machine: int) -> Scenario:
    return build(
        {
            "name": "t",
            "allocator": "v4.10",
            "machine": {"cpus": 2, **machine},
            "workload": {"kind": "pagealloc", "batches": [512], "samples": 3},
        }
    )


def test_the_first_long_window_is_explained() -> None:
    window = first_long_window(scenario(), 0, 2000)
    assert window is not None
    assert window.end - window.start > 2000
    assert (window.waited > 0, window.site, window.holds[0].site) == (True, "rmqueue_bulk", "rmqueue_bulk")
    handover = 84
    ran = sum(ran.end - ran.start for ran in window.steps)
    assert ran + window.waited - handover == window.end - window.start
    assert "waiting for a lock" in window_text(window, 4.0)


def test_without_a_long_window_there_is_nothing_to_explain() -> None:
    assert first_long_window(scenario(cpus=1), 0, 1_000_000) is None


def test_observing_latency_changes_nothing_else() -> None:
    watched = run(scenario())
    blind = run(scenario().model_copy(update={"latency": False}))
    assert (watched.rows, watched.ledger, watched.locks) == (blind.rows, blind.ledger, blind.locks)
    assert blind.latency == []


@pytest.mark.parametrize(("time", "cycles"), [("20us", 80_000), ("500 cycles", 500), ("1.5 ms", 6_000_000), ("2ns", 8)])
def test_times_are_read(time: str, cycles: int) -> None:
    assert cycles_of(time, 4.0) == cycles


@pytest.mark.parametrize("time", ["20", "fast", "20 parsecs", "-3us"])
def test_what_is_no_time_is_refused(time: str) -> None:
    with pytest.raises(ValueError, match=r"is not a time|unknown unit"):
        cycles_of(time, 4.0)
