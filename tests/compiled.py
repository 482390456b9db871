"""Run the tests of what simulates on an installed simalloc whose core is compiled: `python -m tests.compiled PYTHON`.

The tests are copied to a folder of their own and run there by that Python, so that nothing of the checkout can stand in
for what is installed; `--build compiled` makes pytest stop unless it is the compiled core that runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent

TESTS = (
    "test_buddy.py", "test_cpu.py", "test_events.py", "test_interrupts.py", "test_lock.py", "test_memory.py",
    "test_own_classes.py", "test_queue.py", "test_rounds.py", "test_scenarios_agree.py", "test_stored.py",
    "test_strides.py", "test_sweep.py::test_one_worker_two_workers_and_this_process_write_the_same_bytes",
)  # fmt: skip
"""What simulates: stored results, lockstep, own classes, a sweep. They take a minute or two; the pure build has all."""


def main(python: Path) -> int:
    """Run them; return pytest's exit code."""
    with TemporaryDirectory(prefix="simalloc-tests-") as folder:
        there = Path(folder)
        shutil.copy(ROOT / "pyproject.toml", there)
        for name in ("tests", "benchmarks", "docs", "scenarios"):
            shutil.copytree(ROOT / name, there / name, ignore=shutil.ignore_patterns("__pycache__", "generated"))
        tests = [f"tests/{name}" for name in TESTS]
        command = [str(python.absolute()), "-m", "pytest", "-n", "2", "--build", "compiled", *tests]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return subprocess.run(command, cwd=there, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
