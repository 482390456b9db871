"""How much of a sweep's time is not simulation: `python benchmarks/sweep_overhead.py [POINTS] [SAMPLES] [JOBS]`.

Simulation is the processor time the workers spent in runs, by the journal's `seconds`. It is set against jobs x wall
clock, from the start of the command to its end, which tells something on an idle machine only; and against the
processor time of the command and its workers. Python's start-up and the checking of every point are in both.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCENARIO = """\
name: short
machine: {{preset: nic-2017, cpus: 2}}
memory: {{zone: 1GiB}}
allocator: v4.10
workload: {{kind: pagealloc, batches: [64], samples: {samples}, dropped: 1}}
latency: false
replications: 1
sweep:
  allocator.batch: {batches}
  allocator.high: {highs}
"""


def main(points: int = 2000, samples: int = 4, jobs: int = 2) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scenario = folder / "short.yaml"
        highs = list(range(200, 240))
        batches = list(range(1, points // len(highs) + 1))
        scenario.write_text(SCENARIO.format(samples=samples, batches=batches, highs=highs))
        command = [sys.executable, "-m", "simalloc.cli", "sweep", str(scenario), "--out", name, "--jobs", str(jobs)]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        wall = time.perf_counter() - began
        runs = [json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()[1:]]
        simulated = sum(run["seconds"] for run in runs)
        size = (folder / "runs.jsonl").stat().st_size
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime
    print(
        f"{len(runs)} runs of {1000 * simulated / len(runs):.1f} ms on {jobs} processes, {size // len(runs)} bytes each"
    )
    for what, seconds in ((f"{jobs} x wall clock", jobs * wall), ("processor time", processor)):
        outside = seconds - simulated
        each = 1000 * outside / len(runs)
        print(f"{what}: {seconds:.1f} s, {outside / seconds:.1%} outside simulation, {each:.2f} ms a run")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
