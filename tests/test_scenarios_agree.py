"""Whole scenarios on local clocks against lockstep: the same rows, ledger, locks and latencies, to the cycle."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simalloc.allocators import VERSIONS
from simalloc.machine import LOCK_KINDS
from simalloc.runs import run
from simalloc.scenario import build

Part = dict[str, Any]

SMALL = {"zone": "64MiB"}


def outcome(scenario: Part, *, lockstep: bool) -> tuple[Any, ...]:
    """All that a run finds."""
    result = run(build({"name": "agree", "replications": 1, "lockstep": lockstep, **scenario}))
    # A CPU that waits for a drain may idle for no cycles once more or less: that counts, but is not seen in time.
    rows = [row for row in result.ledger if row["cycles"] or not scenario["memory"].get("drain_on_failure")]
    return result.rows, rows, result.locks, result.latency


def both(scenario: Part) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The outcome on local clocks, and in lockstep."""
    return outcome(scenario, lockstep=False), outcome(scenario, lockstep=True)


# Found by drawing at random, and made small


def test_struct_pages_freed_in_strides_are_their_freers() -> None:
    machine = {"cpus": 2, "shared_lines": {"struct_pages": True}}
    workload = {"kind": "pagealloc", "batches": [15], "samples": 3}
    memory = SMALL | {"initial": "warmed"}
    fast, slow = both({"allocator": "v4.11", "machine": machine, "memory": memory, "workload": workload})
    assert fast == slow


def test_rounds_whose_hits_take_real_locks_are_not_counted() -> None:
    workload = {"kind": "alloc-bench", "modes": ["repeat"], "repeats": 100, "pages": 1}
    fast, slow = both({"allocator": "v6.1", "memory": SMALL | {"drain_on_failure": True}, "workload": workload})
    assert fast == slow


# Drawn at random

TIMES = st.sampled_from(["20ns", "100ns", "500ns"]).flatmap(
    lambda time: st.sampled_from([{"constant": time}, {"exponential": time}])
)

INTERRUPTS: st.SearchStrategy[list[Part]] = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {
                "name": st.sampled_from(["tick", "nic"]),
                "arrivals": st.sampled_from(["periodic", "poisson"]),
                "hz": st.sampled_from([20_000, 100_000, 300_000]),
                "handler_cycles": st.sampled_from([0, 50, 3000]),
                "nmi": st.booleans(),
            }
        ),
        st.fixed_dictionaries(
            {
                "name": st.just("recorded"),
                "arrivals": st.just("recorded"),
                "times_us": st.lists(st.integers(0, 20), min_size=1, max_size=9).map(sorted),
                "nmi": st.booleans(),
            }
        ),
    ),
    max_size=3,
)

WORKLOADS: st.SearchStrategy[Part] = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.just("pagealloc"),
            "batches": st.sampled_from([[1], [5, 40]]),
            "samples": st.just(3),
            "rounds": st.sampled_from([1, 9]),
            "context": st.sampled_from(["task", "softirq", "hardirq"]),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("nic-rx"),
            "queues": st.integers(1, 2),
            "queue_mpps": st.sampled_from([1, 10]),
            "arrivals": st.sampled_from(["periodic", "poisson"]),
            "ring": st.just(64),
            "packet_cycles": st.sampled_from([0, 300]),
            "moderation_us": st.sampled_from([0, 2]),
            "freed_by": st.sampled_from(["softirq", "task"]),
            "socket": st.sampled_from([1, 50]),
            "milliseconds": st.just(0.05),
            "warmup_ms": st.just(0),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("alloc-bench"),
            "modes": st.sampled_from([["bulk", "rand"], ["repeat"]]),
            "pages": st.just(60),
            "repeats": st.just(20),
            "iterations": st.just(2),
            "start_within_us": st.sampled_from([0, 1]),
        }
    ),
    st.fixed_dictionaries({"kind": st.just("page-fault"), "mapping": st.just(64), "milliseconds": st.just(0.04)}),
    st.fixed_dictionaries(
        {"kind": st.just("producer-consumer"), "produce": TIMES, "consume": TIMES, "milliseconds": st.just(0.02)}
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("purger"),
            "purgers": st.integers(1, 2),
            "extent": st.just(40),
            "touch": TIMES,
            "milliseconds": st.just(0.03),
        }
    ),
    st.fixed_dictionaries(
        {"kind": st.just("exit"), "pages": st.just(90), "threads": st.integers(1, 3), "touch": TIMES}
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("mixed"),
            "think": TIMES,
            "operations": st.just(
                [
                    {"do": do, "pages": pages, "order": order}
                    for do in ("alloc", "free")
                    for pages, order in ((31, 0), (1, 3))
                ]
            ),
            "hold": st.just(128),
            "milliseconds": st.just(0.03),
        }
    ),
    st.fixed_dictionaries({"kind": st.just("lock-loop"), "think": TIMES, "hold": TIMES, "milliseconds": st.just(0.03)}),
)

SCENARIOS: st.SearchStrategy[Part] = st.fixed_dictionaries(
    {
        "allocator": st.sampled_from(sorted(VERSIONS)),
        "workload": WORKLOADS,
        "interrupts": INTERRUPTS,
        "machine": st.fixed_dictionaries(
            {
                "cpus": st.integers(4, 6),
                "lock": st.sampled_from(list(LOCK_KINDS)),
                "topology": st.sampled_from([{"sockets": 1, "cores_per_llc": 8}, {"sockets": 2, "cores_per_llc": 4}]),
                "shared_lines": st.fixed_dictionaries(
                    {name: st.booleans() for name in ("zone", "free_area", "struct_pages", "counters")}
                ),
            }
        ),
        "memory": st.fixed_dictionaries(
            {
                "zone": st.just("64MiB"),
                "initial": st.sampled_from(["fresh", "warmed"]),
                "drain_on_failure": st.sampled_from([False, False, False, True]),
            }
        ),
        "seed": st.integers(0, 99),
    }
)


@settings(max_examples=25, deadline=None)
@given(SCENARIOS)
def test_local_clocks_are_lockstep_in_any_scenario(scenario: Part) -> None:
    fast, slow = both(scenario)
    assert fast == slow
