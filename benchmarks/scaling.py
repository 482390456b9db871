"""How the cost of simulating grows with CPUs: bytecodes and seconds per page operation, 1 to 256 CPUs, one process.

Every CPU allocates and frees bursts that overflow its pcp lists, so all meet at one zone->lock. Run it as
`python benchmarks/scaling.py`; with `million` it runs a million on 256 CPUs and prints time and memory.
"""

from __future__ import annotations

import resource
import sys
import time

from simalloc.runs import run
from simalloc.scenario import build


def contended(cpus: int, operations: int) -> tuple[float, float]:
    """Return seconds, and cycles simulated, of so many page operations on so many CPUs."""
    pages = max(operations // (2 * cpus), 1)
    scenario = build(
        {
            "name": "scaling",
            "machine": {"preset": "skylake-ep", "cpus": cpus, "topology": {"sockets": 4, "cores_per_llc": 32}},
            "allocator": "v4.17",
            "memory": {"zone": "16GiB"},
            "workload": {"kind": "alloc-bench", "modes": ["bulk"], "pages": pages, "iterations": 1, "dropped": 0},
            "replications": 1,
            "latency": False,
        }
    )
    began = time.perf_counter()
    result = run(scenario)
    return time.perf_counter() - began, result.select(metric="alloc")[0]["value"]


def main() -> None:
    if sys.argv[1:] == ["million"]:
        seconds, ns = contended(256, 1_000_000)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"256 CPUs, 1,000,000 page operations: {seconds:.1f} s, {memory:.0f} MiB, {ns:.0f} ns an allocation")
        return
    print(f"{'CPUs':>5}{'us per operation':>18}{'against 1 CPU':>15}")
    base = 0.0
    for cpus in (1, 2, 4, 8, 16, 32, 64, 128, 256):
        operations = 400_000
        seconds = min(contended(cpus, operations)[0] for _ in range(2))
        cost = 1e6 * seconds / operations
        base = base or cost
        print(f"{cpus:>5}{cost:>18.2f}{cost / base:>15.2f}")


if __name__ == "__main__":
    main()
