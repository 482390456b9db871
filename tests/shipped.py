"""Run every shipped scenario from the command line, long ones on short settings: `python -m tests.shipped FOLDER`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from simalloc.cli import exits
from simalloc.scenario import mistakes, shipped
from tests.test_stored import SHORT


def main(folder: Path) -> None:
    """Run each into a folder of its own; stop at the first that fails, or that should break a rule and does not."""
    for name, file in shipped().items():
        settings = [option for setting in SHORT.get(name, ()) for option in ("--set", setting)]
        out = folder / name
        command = [sys.executable, "-m", "simalloc.cli", "run", str(file), "--check", "--out", str(out), *settings]
        subprocess.run(command, check=True)
    for name, file in mistakes().items():
        done = subprocess.run(
            [sys.executable, "-m", "simalloc.cli", "run", str(file), "--out", str(folder / name)], check=False
        )
        if done.returncode != exits.FAILED:
            sys.exit(f"{name} breaks a rule on purpose, but ended with exit code {done.returncode}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
