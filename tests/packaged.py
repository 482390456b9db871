"""The wheel alone: run by a Python that has it installed, from an empty folder, where no checkout is in reach.

It uses nothing but the standard library and the command that was installed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

SHORT = ["--set", "workload.batches=[1, 64]", "--set", "workload.samples=3"]


def simalloc(folder: str, *arguments: str) -> str:
    """Run the installed command in a folder; return what it printed."""
    command = [str(Path(sys.executable).with_name("simalloc")), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def main() -> None:
    """Check every shipped scenario, list what there is, run one, draw and report it."""
    with tempfile.TemporaryDirectory() as folder:
        names = [line.split()[0] for line in simalloc(folder, "list", "scenarios").splitlines()]
        simalloc(folder, "check", *names)
        for kind in ("allocators", "workloads", "machines", "locks", "figures"):
            simalloc(folder, "list", kind)
        simalloc(folder, "run", "pagealloc-2017", *SHORT)
        simalloc(folder, "report", "results/pagealloc-2017")
        print(simalloc(folder, "--version").strip(), f"from a wheel: {len(names)} scenarios, one run and reported")


if __name__ == "__main__":
    main()
