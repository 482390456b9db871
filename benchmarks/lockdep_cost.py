"""What checking costs, in bytecodes of short runs: with lockdep alone, and with `check: true` (lockdep and pages).

python benchmarks/lockdep_cost.py
"""

from __future__ import annotations

from typing import Any

from bytecodes import bytecodes

from simalloc.measure import Lockdep, LockStat, PageChecker
from simalloc.runs import build_model, run_workload
from simalloc.scenario import build

RUNS: dict[str, dict[str, Any]] = {
    "nic-rx, 4 queues, v4.11-rc": {
        "machine": {"preset": "nic-2017", "cpus": 4},
        "allocator": "v4.11-rc",
        "workload": {"kind": "nic-rx", "queues": 4, "queue_gbits": 6, "milliseconds": 0.3, "warmup_ms": 0},
    },
    "alloc-bench, 8 CPUs, v6.1": {
        "machine": {"preset": "ice-lake-5320", "cpus": 8},
        "allocator": "v6.1",
        "workload": {"kind": "alloc-bench", "modes": ["bulk"], "pages": 2048},
    },
    "page-fault, 8 CPUs, v4.17": {
        "machine": {"preset": "skylake-ep", "cpus": 8},
        "allocator": "v4.17",
        "workload": {"kind": "page-fault", "milliseconds": 0.5, "mapping": 512},
    },
    "pagealloc, 1 CPU, v4.10": {
        "allocator": "v4.10",
        "workload": {"kind": "pagealloc", "batches": [64, 512], "samples": 3},
    },
    "lock-loop, 8 CPUs": {
        "machine": {"cpus": 8},
        "allocator": "v4.10",
        "workload": {"kind": "lock-loop", "milliseconds": 0.5, "think": {"constant": "500ns"}},
    },
}


def cost(data: dict[str, Any], *kinds: type[Lockdep] | type[PageChecker]) -> int:
    """Return the bytecodes of a run under these instruments, beside lock_stat."""
    scenario = build({"name": "cost", "memory": {"zone": "1GiB"}, **data})
    case = scenario.cases[0]

    def run() -> list[int]:
        model = build_model(scenario, case, [LockStat(), *(kind() for kind in kinds)])
        run_workload(scenario, model, case.workload)
        return []

    return bytecodes(run)


def main() -> None:
    """Print a line a run."""
    print(f"{'bytecodes, against a run without':<34}{'lockdep':>9}{'check: true':>13}")
    for name, data in RUNS.items():
        cost(data)
        plain = cost(data)
        shares = [100 * (cost(data, *kinds) / plain - 1) for kinds in ((Lockdep,), (Lockdep, PageChecker))]
        print(f"{name:<34}{shares[0]:>8.1f}%{shares[1]:>12.1f}%")


if __name__ == "__main__":
    main()
