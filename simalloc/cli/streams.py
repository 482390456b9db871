"""stdout and stderr as they may be: closed, full, a pipe that nobody reads, or without the signs we write.

What cannot be written is not written; what a command saves does not depend on it.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper

from simalloc.cli.exits import FAILED

lost: list[OSError] = []
"""Why stdout can no longer be written to; empty while it can."""


def open_streams() -> None:
    """Make stdout and stderr something that can be written to, and have them write every sign, if need be escaped."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - for good
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def telling() -> Iterator[None]:
    """Do what writes to stdout; if that cannot be written to, note it, and go on without."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if error.filename is not None:
            raise
        give_up_stdout(error)


def give_up_stdout(error: OSError) -> None:
    """Write nothing more to stdout, not even what is still in its buffer."""
    lost.append(error)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    with suppress(OSError, ValueError):
        sys.stdout.flush()


def write_error(text: str) -> None:
    """Write a line to stderr, if that is possible."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def exit_code(code: int, tell: Callable[[str], None] = write_error) -> int:
    """Return the exit code of a command that ends with `code`: not 0 if stdout was lost, but for a closed pipe."""
    with telling():
        pass
    if not lost or lost[0].errno == errno.EPIPE:
        return code
    tell(f"stdout: cannot be written: {lost[0].strerror}")
    return code or FAILED
