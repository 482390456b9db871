"""Rows of whole numbers that may be many: in memory while they are few, in a temporary file beyond."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO
from weakref import finalize

KEPT = 1 << 16
"""Rows in memory at once."""


class Spool:
    """Append rows, then read them from the start, any number of times and by several readers at once."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._tail = array("q")
        self._file: IO[bytes] | None = None
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def append(self, row: tuple[int, ...]) -> None:
        """Add a row of `width` numbers of 64 bits."""
        self._tail.extend(row)
        self._rows += 1
        if self._rows % KEPT == 0:
            if self._file is None:
                self._file = TemporaryFile()  # noqa: SIM115 - it lives as long as this
                finalize(self, self._file.close)
            self._tail.tofile(self._file)
            del self._tail[:]

    def rows(self) -> Iterator[tuple[int, ...]]:
        """Yield the rows in order."""
        width, size = self.width, KEPT * self.width
        for chunk in range(self._rows // KEPT):
            assert self._file is not None
            # Another reader, or a writer, may have moved the file's place meanwhile.
            self._file.seek(chunk * size * self._tail.itemsize)
            block = array("q")
            block.fromfile(self._file, size)
            yield from zip(*[iter(block)] * width, strict=True)
        yield from zip(*[iter(self._tail)] * width, strict=True)
