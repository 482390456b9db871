"""Files that are whole or not there, and folders that one command at a time writes into."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows: nobody keeps two commands out of one folder there
    fcntl = None

LOCK = ".simalloc.lock"


class InUse(Exception):  # noqa: N818
    """Another command is writing into the folder."""


def write_whole(file: Path, text: str | bytes) -> None:
    """Write a file beside, then put it in place: at any moment there is the old one or the new. Raises OSError."""
    data = text.encode() if isinstance(text, str) else text

    def write(beside: Path) -> None:
        with beside.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())

    put_whole(file, write)


def put_whole(file: Path, write: Callable[[Path], object]) -> None:
    """Have `write` make a file beside, which then takes the place of `file`. Raises what it raises, and OSError."""
    beside = file.with_name(f".{os.getpid()}.{file.name[-200:]}")
    try:
        write(beside)
        beside.replace(file)
    except OSError as error:
        # The name that the user knows.
        raise OSError(error.errno, error.strerror, str(file)) from None
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other commands out of a folder. Raises InUse if one is in it, OSError if it cannot be written to."""
    path = folder / LOCK
    file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        if not locked(file):
            raise InUse(f"{folder}: another simalloc is writing into it; wait for it, or give another --out")
        yield
        path.unlink(missing_ok=True)
    finally:
        os.close(file)


def locked(file: int) -> bool:
    """Lock an open file, where the system can; return whether nobody else has it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
