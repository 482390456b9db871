"""The command line: a module per command in `commands`, and what they share. `main` runs it."""

from simalloc.cli.entry import main

__all__ = ["main"]
