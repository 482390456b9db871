"""Signals that end a command: what has finished is saved first, and the exit code is 128 + the signal's number."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn


class Interrupted(KeyboardInterrupt):
    """A signal asks the command to end, by the user (SIGINT), the system (SIGTERM) or a closed terminal (SIGHUP)."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def exit_code(self) -> int:
        """As shells have it: 130, 143, 129."""
        return 128 + self.number


def answer_signals() -> None:
    """Have SIGINT, SIGTERM and SIGHUP raise Interrupted, where they are not ignored (as `nohup` has SIGHUP)."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise)


def _raise(number: int, _: FrameType | None) -> NoReturn:
    raise Interrupted(number)
