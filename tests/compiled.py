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

LEFT_OUT = (
    "test_browser", "test_calibration", "test_cluster", "test_course", "test_docs", "test_notebooks", "test_plots",
    "test_report", "test_scenario", "test_theory", "test_traces", "test_wheel",
)  # fmt: skip
"""What does not simulate, or only beside other things; the pure build's tests have it."""


def main(python: Path) -> int:
    """Run them; return pytest's exit code."""
    with TemporaryDirectory(prefix="simalloc-tests-") as folder:
        there = Path(folder)
        shutil.copy(ROOT / "pyproject.toml", there)
        for name in ("tests", "benchmarks", "docs", "scenarios"):
            shutil.copytree(ROOT / name, there / name, ignore=shutil.ignore_patterns("__pycache__", "generated"))
        ignored = [f"--ignore=tests/{name}.py" for name in LEFT_OUT]
        command = [str(python.absolute()), "-m", "pytest", "-n", "2", "--build", "compiled", *ignored, *sys.argv[2:]]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return subprocess.run(command, cwd=there, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
