"""Limits of time and memory that a command keeps while it runs."""

from __future__ import annotations

import os
from _thread import interrupt_main
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from re import fullmatch
from signal import SIG_IGN, SIGINT, SIGTERM, getsignal
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simalloc.runs.local import InProcess, Processes

LOOK_EVERY = 0.25
"""Seconds between two looks at the clock and at memory."""

MOST_SECONDS = 24 * 3600.0
"""The limit of time, where none is given."""

SHARE = 0.9
"""The share of what memory there is that processes may have, where no limit is given."""

UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
SIZES = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


@dataclass
class Limits:
    """Seconds, and bytes of all processes together; and which was reached, as it is told."""

    seconds: float
    bytes: int
    reached: str = ""


def limits_of(max_time: str | None, max_memory: str | None) -> Limits:
    """Return the limits that options say, such as 20min and 4GiB; without: a day, and most of the memory there is.

    Raises ScenarioError.
    """
    from simalloc.runs.meter import memory_available  # noqa: PLC0415

    seconds = MOST_SECONDS if max_time is None else _number("--max-time", max_time, UNITS, "20min or 3h")
    available = memory_available()
    most = int(SHARE * available) if available else 1 << 62
    if max_memory is not None:
        most = int(_number("--max-memory", max_memory, SIZES, "4GiB"))
    return Limits(seconds, most)


def _number(option: str, text: str, units: dict[str, int], example: str) -> float:
    from simalloc.scenario import ScenarioError  # noqa: PLC0415
    from simalloc.scenario.errors import shortened  # noqa: PLC0415

    match = fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*([A-Za-z]+)\s*", text)
    if match is None or match[2] not in units or float(match[1]) == 0:
        known = ", ".join(units)
        raise ScenarioError(
            f"{option}: {shortened(text)} is no limit; write a number and one of {known}, such as {example}"
        )
    return float(match[1]) * units[match[2]]


@contextmanager
def kept(limits: Limits, workers: InProcess | Processes | None = None) -> Iterator[None]:
    """Interrupt the main thread when a limit is reached; a worker with too much memory is ended alone."""
    over = Event()
    thread = Thread(target=_watch, args=(limits, workers, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(limits: Limits, workers: InProcess | Processes | None, over: Event) -> None:
    from simalloc.runs.estimate import duration, size  # noqa: PLC0415
    from simalloc.runs.local import Processes  # noqa: PLC0415
    from simalloc.runs.meter import memory_of  # noqa: PLC0415

    end = monotonic() + limits.seconds
    while not over.wait(min(LOOK_EVERY, max(end - monotonic(), 0.001))):
        if monotonic() >= end:
            limits.reached = f"--max-time {duration(limits.seconds)} is over"
            _interrupt()
            return
        own = memory_of(os.getpid())
        others = workers.memory() if isinstance(workers, Processes) else 0
        if own + others > limits.bytes:
            why = f"more than --max-memory {size(limits.bytes)} was in use"
            if isinstance(workers, Processes) and others > own:
                workers.end_largest(why)
                continue
            limits.reached = why
            _interrupt()
            return


def _interrupt() -> None:
    """Raise what signals raise, in the main thread."""
    interrupt_main(SIGTERM if getsignal(SIGINT) is SIG_IGN else SIGINT)
