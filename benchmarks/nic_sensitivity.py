"""What the result of nic-rx-2017 hangs on: loss and spinning of v4.11-rc as its least known inputs vary.

python benchmarks/nic_sensitivity.py
"""

from __future__ import annotations

from simalloc.results import Result
from simalloc.runs import run
from simalloc.scenario import load

VARIATIONS = {
    "as shipped": [],
    "1 line moves with the lock's own": ["machine.costs={zone_lines: 1}"],
    "3 lines": ["machine.costs={zone_lines: 3}"],
    "transfer 84 cycles (client)": ["machine.costs={line_transfer: 84}"],
    "transfer 220 cycles": ["machine.costs={line_transfer: 220}"],
    "2400 cycles a packet": ["workload.packet_cycles=2400"],
    "4400 cycles a packet": ["workload.packet_cycles=4400"],
    "periodic packets": ["workload.arrivals=periodic"],
    "bursts": ["workload.arrivals=bursty"],
    "pages freed by tasks, 16 CPUs": ["workload.freed_by=task", "machine.cpus=16"],
}


def value(result: Result, label: str, metric: str) -> float:
    """Return one figure."""
    (row,) = result.select(label=label, metric=metric)
    return float(row["value"])


def main() -> None:
    """Print a line per variation."""
    for name, changes in VARIATIONS.items():
        result = run(load("nic-rx-2017", ["workload.milliseconds=5", "latency=false", *changes]), jobs=2)
        before, after = (value(result, label, "throughput") for label in ("v4.10", "v4.11-rc"))
        spin = value(result, "v4.11-rc", "spin_share")
        print(
            f"{name:<34} v4.10 {before:5.1f}  v4.11-rc {after:5.1f} Gbit/s ({after / before - 1:+.0%}), "
            f"waiting {spin:.0f} %"
        )


if __name__ == "__main__":
    main()
