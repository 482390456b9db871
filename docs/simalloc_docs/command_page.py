"""The commands, as typer describes them, and what their exit codes mean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from simalloc_docs.markdown import table

APPLICATION = Path(__file__).with_name("application.py")

EXIT_CODES = (
    ("0", "done"),
    (
        "1",
        "the simulated kernel broke a rule: a page lost or given out twice, a lock misused, CPUs that wait for ever; "
        "or a sweep has runs that failed, or could not go on: its disk is full, its cluster lost",
    ),
    (
        "2",
        "the input is wrong; a line per problem says where, what is wrong and what would be right; nothing is run",
    ),
    ("3", "a limit of time or memory was reached; what had finished is saved, and marked partial"),
    ("130, 143, 129", "stopped by SIGINT (Ctrl-C), SIGTERM or SIGHUP; what had finished is saved, and marked partial"),
)


def pages() -> dict[str, str]:
    """Return the page."""
    command = [sys.executable, "-m", "typer", str(APPLICATION), "utils", "docs", "--name", "simalloc"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    body = text[text.index("\n## ") :].replace("```console\n$ ", "```text\n")
    intro = (
        "# Command line\n\nResults go to stdout, progress and errors to stderr, progress to a terminal only. "
        "Each command is a few lines over the [Python API](../api/index.md).\n\n"
        f"## Exit codes\n\n{table(('Code>', 'Meaning'), EXIT_CODES)}\n## Commands\n"
    )
    return {"commands.md": intro + body.replace("\n## ", "\n### ")}
