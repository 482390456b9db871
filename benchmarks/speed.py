"""How fast simalloc simulates, against the same model written the obvious way in SimPy, in one run.

    python benchmarks/speed.py

Prints page operations (an allocation or a free) simulated a second of process time, the ratio to the obvious model,
whether both found the same to the cycle, and bytecodes an operation; then how long `make run` simulates,
memory, and how long commands take to start.
Every situation runs several times, the two models by turns, and the best of each counts.
"""

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc

from bytecodes import bytecodes, environment
from situations import Run, Situation, situations

from simalloc.runs import run
from simalloc.scenario import load

TURNS = 5

COMMANDS = (["--help"], ["list", "machines"], ["check", "nic-rx-2017"], ["explain", "v4.10"])


def seconds(run: Run) -> tuple[float, list[int]]:
    """Return process time and what was found."""
    began = time.process_time()
    found = run()
    return time.process_time() - began, found


def compare(situation: Situation) -> tuple[float, float, bool]:
    """Return seconds of both models, the best of some turns, and whether they found the same."""
    ours, obvious, same = [], [], True
    for _ in range(TURNS):
        took, found = seconds(situation.ours())
        ours.append(took)
        took, expected = seconds(situation.obvious())
        obvious.append(took)
        same &= found == expected
    return min(ours), min(obvious), same


def print_speed() -> None:
    print(f"{'':<16}{'ops/s':>12}{'obvious, ops/s':>16}{'ratio':>8}{'same':>6}{'bytecodes/op':>14}  what")
    for situation, short in zip(situations(), situations(short=True), strict=True):
        ours, obvious, same = compare(situation)
        count = bytecodes(short.ours()) / short.operations
        print(
            f"{situation.name:<16}{situation.operations / ours:>12,.0f}{situation.operations / obvious:>16,.0f}"
            f"{obvious / ours:>8.1f}{'yes' if same else 'NO':>6}{count:>14.1f}  {situation.about}"
        )
    print(f"({environment()}; bytecodes of short runs)")


def print_run() -> None:
    """What `make run` simulates, with all that a user gets measured, on one process and on two."""
    scenario = load("pagealloc-2017")
    for jobs in (1, 2):
        began = time.perf_counter()
        result = run(scenario, jobs=jobs)
        took = time.perf_counter() - began
        operations = sum(row["count"] for row in result.ledger if row["step"] in ("prep_new_page", "put_page"))
        print(
            f"\npagealloc-2017 on {jobs} process(es): {took:.1f} s wall clock, {operations:,} page operations", end=""
        )
    print()


def print_memory() -> None:
    """What a run allocates at its most, beside the model that is there before it."""
    print(f"\n{'most memory of a run, KiB':<28}{'simalloc':>10}{'obvious':>10}")
    for situation in situations():
        ours, obvious = peak(situation.ours()), peak(situation.obvious())
        print(f"{situation.name:<28}{ours:>10,.0f}{obvious:>10,.0f}")


def peak(run: Run) -> float:
    """Run it, and return the most KiB that were allocated meanwhile."""
    tracemalloc.start()
    run()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1024


def print_start_up() -> None:
    print(f"\n{'command':<28}{'seconds':>10}")
    for command in COMMANDS:
        times = []
        for _ in range(TURNS):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-m", "simalloc.cli", *command], check=True, capture_output=True)
            times.append(time.perf_counter() - began)
        print(f"simalloc {' '.join(command):<19}{min(times):>10.2f}")


if __name__ == "__main__":
    print_speed()
    print_run()
    print_memory()
    print_start_up()
