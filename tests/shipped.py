"""Run every shipped scenario from the command line, short and checked: `python -m tests.shipped FOLDER`.

What long runs give is compared in `tests/test_stored.py`; here it is whether the command, its figures and every rule of
`--check` hold.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from simalloc.cli import exits
from simalloc.scenario import mistakes, shipped
from tests.test_stored import SHORT

SHORTER = {
    "linux-alloc-bench-2023": ["sweep={machine.cpus: [1, 3, 6]}", "workload.pages=2048", "replications=2"],
    "locks": ["sweep={machine.cpus: [1, 8, 16]}", "workload.milliseconds=0.3", "replications=2"],
    "nic-rx-2017": ["workload.milliseconds=2"],
    "page-fault-2018": ["sweep={allocator.batch: [31, 511]}", "workload.milliseconds=0.5", "replications=2"],
    "pagealloc-2017": ["workload.batches=[1, 64, 4096]"],
}
"""Settings beside those of stored results."""


def main(folder: Path) -> None:
    """Run each into a folder of its own; stop at the first that fails, or that should break a rule and does not."""
    for name, file in shipped().items():
        settings = SHORTER.get(name, SHORT.get(name, []))
        options = [option for setting in settings for option in ("--set", setting)]
        command = ["run", str(file), "--check", "--out", str(folder / name), *options]
        subprocess.run([sys.executable, "-m", "simalloc.cli", *command], check=True)
    for name, file in mistakes().items():
        done = subprocess.run(
            [sys.executable, "-m", "simalloc.cli", "run", str(file), "--out", str(folder / name)], check=False
        )
        if done.returncode != exits.FAILED:
            sys.exit(f"{name} breaks a rule on purpose, but ended with exit code {done.returncode}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
