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
from simalloc.results import Result
from simalloc.runs import run
from simalloc.scenario import ScenarioError, build
from tests.test_every_figure import COMPARISONS, SWEEPS, WORKLOADS, figures_that_fail


def scenario(chance: random.Random) -> dict[str, Any]:
    """Any workload in any kind of sweep and comparison, on any allocator, machine, lock and state of memory."""
    workload = chance.choice(list(WORKLOADS))
    return {
        "name": "soak",
        "seed": chance.randrange(1 << 32),
        "check": True,
        "machine": {
            "cpus": chance.choice((2, 3, 4, 8)),
            "preset": chance.choice(("seed-2017", "skylake-ep", "nic-2017")),
            "lock": chance.choice(("qspinlock", "ticket", "fifo")),
        },
        "memory": {"zone": "128MiB", "initial": chance.choice(("fresh", "warmed"))},
        "allocator": {"name": chance.choice(list(VERSIONS)), "batch": chance.choice((1, 7, 31, 63))},
        "workload": WORKLOADS[workload],
        "sweep": SWEEPS[chance.choice(list(SWEEPS))],
        "compare": COMPARISONS[chance.choice(list(COMPARISONS))](workload),
        "interrupts": chance.choice(([], [{"name": "timer", "hz": 100000}])),
        "replications": 2,
    }


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
