"""Opening what somebody has recorded: plain, gzip or zstd text, read line by line in bounded memory."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from simalloc.recorded.errors import RecordedError

Progress = Callable[[float], None]
"""Is told which share of the file has been read, 0 to 1."""

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"

BINARY = {
    b"\x17\x08\x44tracing": "a binary trace.dat; turn it into text: trace-cmd report -i {file} > trace.txt",
    b"PERFILE2": "a binary perf.data; turn it into text: perf script -i {file} > trace.txt",
}
"""First bytes of files that hold a trace, but not as text, and what to do about it."""

EVERY = 8192
"""Lines between two reports of progress."""

MOST_LETTERS = 65536
"""Letters in a line at most: what is longer is no line of text."""


@contextmanager
def open_text(file: Path) -> Iterator[tuple[io.TextIOBase, IO[bytes]]]:
    """Open a file as text, unpacked if it is packed; gives the text and the raw file, whose place tells how far it is.

    Raises RecordedError for a file that is not there, is empty, or is binary.
    """
    try:
        raw = file.open("rb")
    except OSError as error:
        raise RecordedError(str(file), f"cannot be read: {error.strerror}") from None
    with raw:
        unpacked = _unpacked(file, raw)
        head = _peeked(file, unpacked)
        if not head:
            raise RecordedError(str(file), "the file is empty")
        for magic, advice in BINARY.items():
            if head.startswith(magic):
                raise RecordedError(str(file), f"this is {advice.format(file=file)}")
        if b"\0" in head:
            raise RecordedError(str(file), "this is no text; a trace is text as tracefs, trace-cmd or perf print it")
        yield io.TextIOWrapper(unpacked, encoding="utf-8", errors="replace"), raw


def _unpacked(file: Path, raw: IO[bytes]) -> io.BufferedReader:
    try:
        magic = raw.read(4)
        raw.seek(0)
    except OSError as error:
        raise RecordedError(str(file), f"cannot be read: {error.strerror}") from None
    if magic.startswith(GZIP):
        return io.BufferedReader(gzip.GzipFile(fileobj=raw))
    if magic == ZSTD:
        return io.BufferedReader(_Unzstd(raw))
    return raw  # type: ignore[return-value]  # what Path.open("rb") returns


class _Unzstd(io.RawIOBase):
    """Unpacks zstd, and has what is wrong with the data be an OSError, as gzip has."""

    def __init__(self, raw: IO[bytes]) -> None:
        import zstandard  # noqa: PLC0415 - few need it

        self._error = zstandard.ZstdError
        self._stream = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)

    def readable(self) -> bool:
        """It is to be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any buffer; BufferedReader gives this one
        """Fill the buffer."""
        try:
            return self._stream.readinto(buffer)
        except self._error as error:
            raise OSError(str(error)) from None


def _peeked(file: Path, unpacked: io.BufferedReader) -> bytes:
    try:
        return unpacked.peek(512)[:512]
    except (OSError, EOFError, zlib.error) as error:
        raise RecordedError(str(file), f"cannot be unpacked: {error}") from None


def lines_of(file: Path, progress: Progress | None = None) -> Iterator[tuple[int, str]]:
    """Yield each line with its number, from 1.

    Raises RecordedError, as `open_text`, and where packed data break off. `progress` is told the share of the file that
    has been read, every few thousand lines.
    """
    number = 0
    with open_text(file) as (text, raw):
        size = file.stat().st_size or 1
        try:
            while line := text.readline(MOST_LETTERS):
                number += 1
                yield number, line
                if progress and number % EVERY == 0:
                    progress(min(raw.tell() / size, 1.0))
        except (OSError, EOFError, zlib.error) as error:
            what = f"the file breaks off in its packed data ({error}); copy it again"
            raise RecordedError(str(file), what, number) from None
