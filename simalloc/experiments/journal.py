"""The journal of a sweep: a line of JSON for each run that has finished, appended at once and never changed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from time import monotonic

from simalloc.results.files import locked
from simalloc.runs.task import Key, Record, RunFailed, this_version
from simalloc.scenario import ScenarioError

SYNC_EVERY = 1.0
"""Seconds of finished runs that a power cut may lose; a killed process loses none."""


class SweepFailed(RunFailed):
    """The sweep cannot go on: a full disk, no workers, a lost cluster. What had been recorded is whole."""


class Journal:
    """`runs.jsonl` in a folder, locked. The first line names the sweep, then there is a line for each run.

    A line is one write at the end of the file. One that was cut short, by a kill or a full disk, is taken back.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """Open the journal of the sweep `name`, or begin it. Raises ScenarioError if it is in use, or another's."""
        self.path = folder / "runs.jsonl"
        self.records: dict[Key, Record] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o666)
        except OSError as error:
            raise ScenarioError(f"{self.path}: cannot be written: {error.strerror}") from None
        if not locked(self._file):
            os.close(self._file)
            raise ScenarioError(
                f"{folder}: another sweep is writing into it; wait for it, or give another --out"
            ) from None
        try:
            self._open(name)
        except BaseException:
            os.close(self._file)
            raise

    def _open(self, name: str) -> None:
        text = self.path.read_bytes()
        self._length = text.rfind(b"\n") + 1
        if self._length < len(text):
            os.ftruncate(self._file, self._length)
        self._synced = monotonic()
        lines = text[: self._length].splitlines()
        if not lines:
            self.append(json.dumps({"sweep": name}))
            self.sync()
            return
        self._check_name(lines[0], name)
        for line in lines[1:]:
            self._read(line)

    def _check_name(self, line: bytes, name: str) -> None:
        try:
            found = json.loads(line)["sweep"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ScenarioError(f"{self.path}: not the journal of a sweep; give another --out") from None
        if found != name:
            raise ScenarioError(f"{self.path.parent}: has the sweep {found!r}, not {name!r}; give another --out")

    def _read(self, line: bytes) -> None:
        """Note a run, if this version of simalloc did it; what a failing disk left unreadable is done again."""
        try:
            record = Record.of(line)
            if record.head["simalloc"] == this_version():
                self.records[record.key] = record
        except (ValueError, KeyError, TypeError, RecursionError):
            return

    def append(self, line: str) -> None:
        """Write a line. Raises SweepFailed, with the file as it was, if it cannot be written whole."""
        data = line.encode() + b"\n"
        done = 0
        try:
            while done < len(data):
                done += os.write(self._file, data[done:])
            self._length += done
            if monotonic() - self._synced > SYNC_EVERY:
                self.sync()
        except OSError as error:
            os.ftruncate(self._file, self._length)
            raise SweepFailed(f"{self.path}: cannot be written: {error.strerror}") from None

    def sync(self) -> None:
        """Have the disk keep what was written. Raises OSError."""
        os.fsync(self._file)
        self._synced = monotonic()

    def close(self) -> None:
        """Let go of the file; what it has stays. Raises SweepFailed if the disk cannot keep it."""
        try:
            self.sync()
        except OSError as error:
            raise SweepFailed(f"{self.path}: cannot be written: {error.strerror}") from None
        finally:
            os.close(self._file)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
