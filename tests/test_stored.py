"""Every shipped scenario gives, to the byte, the result stored beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from simalloc.results import Result
from simalloc.runs import run
from simalloc.scenario import load, shipped

FOLDER = Path(__file__).parent / "stored"

SHORT = {
    "linux-alloc-bench-2023": ["sweep={machine.cpus: [1, 3, 8]}", "workload.pages=8192", "replications=2"],
    "locks": ["sweep={machine.cpus: [1, 16, 32]}", "workload.milliseconds=1"],
    "empty-lists": ["workload.pages=512"],
    "irq-latency": ["workload.samples=3", "workload.rounds=2", "replications=2"],
    "remote-drain": ["workload.milliseconds=0.5"],
    "seven-years": ["sweep.allocator=[v4.10, v5.14, v6.2, v6.19]"],
    "atomic-blocks": ["workload.milliseconds=0.5", "workload.warmup_ms=1"],
    "pcp-buddy": ["sweep={machine.cpus: [4]}", "workload.milliseconds=0.5"],
    "pcp-owners": ["sweep={workload.faulted_by: [2]}", "workload.pages=512", "machine.cpus=8"],
    "page-fault-2018": [
        "sweep={allocator.batch: [31, 511]}",
        "workload.milliseconds=3",
        "workload.time_lapse=50",
        "replications=2",
    ],
}
"""Settings for scenarios whose full run is long."""


def result_of(name: str) -> str:
    """The result as JSON, but for the program's version and build, which may change without the result."""
    result = run(load(name, SHORT.get(name, ())), jobs=2)
    result.simalloc = result.build = "any"
    return result.to_json()


@cache
def stored_result(name: str) -> Result:
    return Result.from_json((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def current() -> dict[str, str]:
    return {name: result_of(name) for name in shipped()}


@pytest.mark.parametrize("name", sorted(shipped()))
def test_the_result_is_the_stored_one(name: str) -> None:
    assert result_of(name) == (FOLDER / f"{name}.json").read_text(encoding="utf-8")
