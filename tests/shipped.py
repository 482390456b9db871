"""Run every shipped scenario from the command line, long ones on short settings: `python -m tests.shipped FOLDER`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from simalloc.scenario import shipped
from tests.test_stored import SHORT


def main(folder: Path) -> None:
    """Run each into a folder of its own; stop at the first that fails."""
    for name, file in shipped().items():
        settings = [option for setting in SHORT.get(name, ()) for option in ("--set", setting)]
        out = folder / name
        command = [sys.executable, "-m", "simalloc.cli", "run", str(file), "--out", str(out), *settings]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
