"""What a run will take, before it is begun: seconds and bytes, roughly, from its size alone.

Measured on one core of a server, pure Python. Runs that count rounds or take strides are faster, so that only what is
far over a limit is refused: `SURE` says how far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simalloc.runs.replication import first_round
from simalloc.scenario import Case, Scenario, ScenarioError

ALONE = 1e-6
"""Seconds an operation takes where no other CPU is waited for: most are strides."""

TOGETHER = 15e-6
"""Seconds where CPUs share locks: an event or two each."""

INTERRUPT = 20e-6
"""Seconds an interrupt takes."""

SURE = 10
"""How many times over a limit an estimate must be before a run is refused for it."""

PROCESS = 120 << 20
"""Bytes of a process that has loaded simalloc."""

PAGE_FRAME = 100
"""Bytes for a page frame that is known by its number: in a list, or as a free block."""

PCP = 4096
"""Bytes for the pcp lists of a CPU in a zone, its view of the zone, and what observers keep of it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many runs there are, and about how many seconds of one core they take in all, and bytes the largest."""

    runs: int
    operations: float
    seconds: float
    memory: int


def seconds_of(scenario: Scenario, case: Case) -> float:
    """Return about how long one replication of a case takes, in seconds of one core."""
    cpus, ghz = case.machine.cpus, case.machine.cost_model().clock_ghz
    each = ALONE if cpus == 1 else TOGETHER
    if scenario.lockstep:
        each *= 20
    duration = (case.workload.duration_ms() or 0.0) / 1000
    interrupts = sum(source.hz * len(source.cpus or range(cpus)) for source in scenario.interrupts)
    return case.workload.effort(ghz) * cpus * each + duration * interrupts * INTERRUPT


def memory_of(case: Case) -> int:
    """Return about how many bytes a process needs for one replication of a case."""
    cpus, nodes = case.machine.cpus, len(case.nodes())
    zones = nodes * case.memory.zones_per_node
    pages = case.workload.pages_needed() * cpus
    if case.memory.initial == "fragmented":
        pages += zones * case.memory.usable_pages()
    pages += zones * cpus * case.sizes.high if case.memory.initial == "warmed" else 0
    return PROCESS + pages * PAGE_FRAME + zones * cpus * PCP


def estimate(scenario: Scenario) -> Estimate:
    """Return what all runs of a scenario take."""
    runs, operations, seconds, memory = 0, 0.0, 0.0, 0
    for case in scenario.cases:
        number = first_round(scenario, case)
        runs += number
        operations += number * case.workload.effort(case.machine.cost_model().clock_ghz) * case.machine.cpus
        seconds += number * seconds_of(scenario, case)
        memory = max(memory, memory_of(case))
    return Estimate(runs, operations, seconds, memory)


def check_limits(found: Estimate, jobs: int, max_seconds: float | None, max_bytes: int | None) -> None:
    """Raise ScenarioError if the runs are far beyond a limit; None is no limit."""
    seconds = found.seconds / max(1, min(jobs, found.runs))
    if max_seconds is not None and seconds > SURE * max_seconds:
        raise ScenarioError(
            f"this would take about {duration(seconds)} on {jobs} core(s): {found.runs} run(s), "
            f"{found.operations:.2g} operations in all; --max-time is {duration(max_seconds)}. "
            "Simulate less, or give a larger --max-time"
        )
    if max_bytes is not None and found.memory > max_bytes:
        raise ScenarioError(
            f"this would take about {size(found.memory)} of memory a process, for its page frames; "
            f"--max-memory is {size(max_bytes)}. Simulate less memory, or give a larger --max-memory"
        )


def duration(seconds: float) -> str:
    """Return a time as people say it: `40 s`, `12 min`, `3.5 h`, `4 days`, `12000 years`."""
    for unit, length in (("years", 365.25 * 86400), ("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= (2 if unit in ("h", "min") else 1) * length:
            return f"{seconds / length:.2g} {unit}" if seconds < 100 * length else f"{seconds / length:.0f} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def size(amount: float) -> str:
    """Return an amount of memory as people say it: `300 MiB`, `2.5 GiB`."""
    for unit, length in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20)):
        if amount >= length:
            return f"{amount / length:.3g} {unit}"
    return f"{amount / 1024:.3g} KiB"


def by_size(scenario: Scenario, cases: Sequence[Case]) -> list[float]:
    """Return how long a replication of each case takes, about: those that take longest are begun first."""
    return [seconds_of(scenario, case) for case in cases]
