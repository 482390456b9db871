"""Run every shipped scenario from the command line, short and checked: `python -m tests.shipped FOLDER`.

What long runs give is compared in `tests/test_stored.py`; here it is whether the command, its figures and every rule of
`--check` hold.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from simalloc.cli import exits
from simalloc.scenario import mistakes, shipped
from tests.test_stored import SHORT

SHORTER = {
    "fork-exit": ["workload.pages=2048", "workload.iterations=4"],
    "irq-latency": ["workload.samples=3", "workload.rounds=1", "replications=1"],
    "linux-alloc-bench-2023": ["sweep={machine.cpus: [1, 3, 6]}", "workload.pages=2048", "replications=2"],
    "locks": ["sweep={machine.cpus: [1, 8, 16]}", "workload.milliseconds=0.3", "replications=2"],
    "nic-rx-2017": ["workload.milliseconds=2", "workload.warmup_ms=2"],
    "page-fault-2018": [
        *SHORT["page-fault-2018"],
        "workload.milliseconds=0.5",
    ],
    "pagealloc-2017": ["workload.batches=[1, 64, 4096]"],
}
"""Settings beside those of stored results."""


def main(folder: Path) -> None:
    """Run each into a folder of its own, two at once; say which fail, or should break a rule and do not."""
    runs = [(name, file, 0) for name, file in shipped().items()]
    runs += [(name, file, exits.FAILED) for name, file in mistakes().items()]
    with ThreadPoolExecutor(2) as two:
        done = list(two.map(lambda each: run(each[0], each[1], folder / each[0]), runs))
    wrong = [each.args for each, (_, _, code) in zip(done, runs, strict=True) if each.returncode != code]
    for each in done:
        print(each.stdout)
    if wrong:
        sys.exit(f"these ended with another exit code than they should: {wrong}")


def run(name: str, file: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Run one on short settings."""
    settings = SHORTER.get(name, SHORT.get(name, []))
    options = [option for setting in settings for option in ("--set", setting)]
    command = ["run", str(file), "--check", "--jobs", "1", "--out", str(out), *options]
    return subprocess.run(
        [sys.executable, "-m", "simalloc.cli", *command],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
