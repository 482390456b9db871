"""Random scenarios for so many minutes: `python -m tests.soak 60`. Each is checked all along, and run twice.

On local clocks and in lockstep it must give the same figures and the same ledger; the ledger of each CPU sums to the
same time; every figure that applies is drawn, without a warning.
"""

from __future__ import annotations

import random
import sys
import warnings
from itertools import count
from time import monotonic
from typing import Any

from simalloc.allocators import VERSIONS
from simalloc.hardware.costs import presets
from simalloc.machine import LOCK_KINDS, RuleBroken
from simalloc.results import Result
from simalloc.runs import run
from simalloc.scenario import ScenarioError, build
from tests.test_every_figure import COMPARISONS, SWEEPS, WORKLOADS, figures_that_fail

OPTIONS: dict[str, dict[str, list[Any]]] = {
    "pagealloc": {
        "api": ["bulk", "bulk-list"],
        "freed": ["one by one"],
        "order": [1, 3],
        "context": ["softirq", "hardirq"],
        "neighbour": [False],
        "rounds": [3, "auto"],
    },
    "alloc-bench": {"modes": [["rand"], ["rand", "repeat"]], "order": [1, 3], "iterations": [3], "repeats": [200]},
    "page-fault": {
        "unmapping": [0, 1],
        "gather": [True],
        "hold_variation": [0.3],
        "smt_slowdown": [1, 2],
        "memory_load": [1.5],
        "starts_within_ms": [0, 0.005],
        "time_lapse": [3],
    },
    "nic-rx": {
        "api": ["bulk", "bulk-list"],
        "recycle": [True],
        "freed_by": ["task"],
        "order": [0, 2],
        "arrivals": ["periodic", "bursty"],
        "packet_cycles": [0],
        "moderation_us": [0],
        "one_cpu": [True],
        "warmup_ms": [0.005],
    },
    "producer-consumer": {"order": [1, 3], "queue": [1], "produce": [{"constant": "0ns"}]},
    "exit": {"threads": [2], "faulted_by": [1, 2], "stretch": [1], "iterations": [3], "end_within_us": [0]},
    "mixed": {
        "hold": [1, 300],
        "operations": [
            [{"do": "alloc", "pages": 1, "order": 3}, {"do": "free", "pages": 1, "order": 3}],
            [{"do": "alloc", "pages": 40, "weight": 2}, {"do": "free", "pages": 60}],
        ],
    },
    "lock-loop": {"think": [{"constant": "0ns"}], "hold": [{"exponential": "1us"}]},
    "memory-pressure": {"isolated": [1], "reclaim_cycles": [0, 100], "read_cycles": [0]},
    "purger": {"purgers": [2], "extent": [1, 100], "queue": [1]},
}
"""Other values of the keys of each workload; each is taken one time in four."""

WHOLE: dict[str, dict[str, list[Any]]] = {
    "machine": {"shared_lines": [{"zone": False, "free_area": True, "struct_pages": True, "counters": True}]},
    "memory": {
        "initial": ["warmed", "fragmented"],
        "zones_per_node": [2],
        "drain_on_failure": [True],
        "vmstat_ms": [0.004],
        "free_type": ["movable"],
        "percpu_pagelist_high_fraction": [8],
    },
    "allocator": {"batch": [1, 7, 63], "high": [64, 400], "batch_scale_max": [0, 5]},
}
"""The same of other parts of a scenario."""


INTERRUPTS: list[list[dict[str, Any]]] = [
    [],
    [{"name": "timer", "hz": 100000}],
    [{"name": "nmi", "nmi": True, "hz": 50000}],
]


def scenario(chance: random.Random) -> dict[str, Any]:
    """Any workload in any kind of sweep and comparison, on any allocator, machine, lock and state of memory."""

    def some(options: dict[str, list[Any]]) -> dict[str, Any]:
        return {key: chance.choice(values) for key, values in options.items() if chance.random() < 0.25}

    workload = chance.choice(list(WORKLOADS))
    machine = {"preset": chance.choice(sorted(presets())), "lock": chance.choice(list(LOCK_KINDS))}
    return {
        "name": "soak",
        "seed": chance.randrange(1 << 32),
        "check": True,
        "machine": machine | {"cpus": chance.choice((2, 3, 4, 8))} | some(WHOLE["machine"]),
        "memory": {"zone": "128MiB", "span": "128MiB"} | some(WHOLE["memory"]),
        "allocator": {"name": chance.choice(list(VERSIONS))} | some(WHOLE["allocator"]),
        "workload": WORKLOADS[workload] | some(OPTIONS[workload]),
        "sweep": SWEEPS[chance.choice(list(SWEEPS))],
        "compare": COMPARISONS[chance.choice(list(COMPARISONS))](workload),
        "interrupts": chance.choice(
            ([], [{"name": "timer", "hz": 100000}], [{"name": "nmi", "nmi": True, "hz": 50000}])
        ),
        "latency": chance.choice((True, False)),
        "profile": chance.random() < 0.2,
        "replications": chance.choice((1, 2)),
    }


def is_known(data: dict[str, Any]) -> bool:
    """Whether the scheme breaks a rule as its kernel did: noirq-v2 drains by IPI lists that only a task guards."""
    schemes = [data["allocator"], *(case.get("allocator") for case in data["compare"])]
    return data["workload"]["kind"] == "memory-pressure" and "noirq-v2" in str(schemes)


def faults_of(data: dict[str, Any]) -> list[str]:
    """Run it both ways; return what is wrong. Raises ScenarioError for parts that do not go together."""
    local, lockstep = run(build(data)), run(build(data | {"lockstep": True}))
    faults = [
        f"{name} differs in lockstep" for name in ("rows", "ledger") if getattr(local, name) != getattr(lockstep, name)
    ]
    return faults + figures_that_fail(local, laid_out=True) + (["CPUs of different lengths"] if uneven(local) else [])


def uneven(result: Result) -> bool:
    """Whether the ledgers of the CPUs of one run sum to different times."""
    sums: dict[tuple[object, ...], dict[object, int]] = {}
    for row in result.ledger:
        run_of = tuple(row.get(name) for name in ("label", *result.swept))
        of_cpu = sums.setdefault(run_of, {})
        of_cpu[row.get("cpu")] = of_cpu.get(row.get("cpu"), 0) + row["cycles"]
    return any(len(set(each.values())) > 1 for each in sums.values())


def main() -> None:
    warnings.simplefilter("error")
    minutes, seed = float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    end, done, skipped, wrong = monotonic() + 60 * minutes, 0, 0, 0
    for number in count():
        if monotonic() > end:
            break
        data = scenario(random.Random(f"{seed} {number}"))
        try:
            faults = faults_of(data)
        except ScenarioError:
            skipped += 1
            continue
        except RuleBroken as error:
            faults = [] if is_known(data) else [str(error)]
        except Exception as error:
            faults = [f"{type(error).__name__}: {error}"]
        done += 1
        if faults:
            wrong += 1
            print(f"scenario {number} of seed {seed}: {faults}\n  {data}", flush=True)
    print(f"{done} scenarios run both ways, {skipped} whose parts do not go together, {wrong} with faults")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
