"""What is wrong with a recorded file, and where."""

from __future__ import annotations


class RecordedError(Exception):
    """A trace or a /proc file that cannot be used: file, line if there is one, what is wrong, what would be right."""

    def __init__(self, file: str, message: str, line: int | None = None) -> None:
        place = file if line is None else f"{file}:{line}"
        super().__init__(f"{place}: {message}")
        self.file = file
        self.line = line
