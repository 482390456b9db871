"""Whole scenarios on local clocks against lockstep: the same rows, ledger, locks and latencies, to the cycle."""

from __future__ import annotations

from typing import Any

from simalloc.scenario import build
from simalloc.simulation import run


def outcome(scenario: dict[str, Any], *, lockstep: bool) -> tuple[Any, ...]:
    """All that a run finds."""
    result = run(build({"name": "agree", "replications": 1, "lockstep": lockstep, **scenario}))
    return result.rows, result.ledger, result.locks, result.latency


def test_struct_pages_freed_in_strides_are_their_freers() -> None:
    scenario = {
        "allocator": "v4.11",
        "machine": {"cpus": 2, "shared_lines": {"struct_pages": True}},
        "memory": {"zone": "64MiB", "initial": "warmed"},
        "workload": {"kind": "pagealloc", "batches": [15], "samples": 3},
    }
    assert outcome(scenario, lockstep=False) == outcome(scenario, lockstep=True)


def test_rounds_whose_hits_take_real_locks_are_not_counted() -> None:
    workload = {"kind": "alloc-bench", "modes": ["repeat"], "repeats": 100, "pages": 1}
    memory = {"zone": "64MiB", "drain_on_failure": True}
    scenario = {"allocator": "v6.1", "memory": memory, "workload": workload}
    assert outcome(scenario, lockstep=False) == outcome(scenario, lockstep=True)
