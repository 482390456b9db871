"""What ends a run before its programs do."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from types import TracebackType
from typing import Any


class RuleBroken(Exception):  # noqa: N818 - the kernel's rule, not our error
    """The simulated kernel did what no kernel may: released a lock it did not hold, unmasked what was not masked."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.placed = False
        """Whether the traceback shows the program that did it."""


class Placing:
    """Around the running of a program: a rule that it breaks by what it yields is broken where it stands.

    The error is raised inside the program too, so that the traceback shows its lines, down to a plugin's.
    """

    __slots__ = ("_program",)

    def __init__(self, program: Generator[Any, Any, Any]) -> None:
        self._program = program

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, RuleBroken) and not error.placed:
            error.placed = True
            with suppress(RuleBroken, StopIteration):
                self._program.throw(error)


class Stuck(Exception):  # noqa: N818
    """CPUs wait for locks that nobody will release, or interrupts leave a task no cycle and nothing ends the run."""


class Deadlock(Stuck):
    """CPUs wait for each other's locks in a ring: the text says who holds what, and waits for what."""


class Livelock(Stuck):
    """A CPU tries a lock again and again, and never gets it."""


class TimeUp(Exception):  # noqa: N818
    """The end of the run has come; raised inside whatever a CPU is doing, and caught by its main loop."""
