"""Stop at the first window with interrupts off that is longer than a limit, and explain it.

What ran inside it, step by step; whom it waited for; and what those did meanwhile. After the kernel's irqsoff tracer
(Documentation/trace/ftrace.txt), which can tell the first of these.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from mypy_extensions import mypyc_attr

from simalloc.machine import Cpu, Instrument, SpinLock, Step

KEPT = 4000
"""Steps remembered per CPU."""


@dataclass(frozen=True, slots=True)
class Ran:
    """`times` runs of a step, from cycle `start` to `end`."""

    start: int
    end: int
    step: str
    times: int
    context: str
    site: str


@dataclass(frozen=True, slots=True)
class Hold:
    """A lock held by `cpu` from `start` to `end` (cycles), taken in `site`, while the window waited for that lock.

    `lock` is its class and, in brackets, the object that it protects.
    """

    lock: str
    cpu: int
    start: int
    end: int
    site: str
    steps: tuple[Ran, ...]


@dataclass(frozen=True, slots=True)
class LongWindow:
    """A window with interrupts off: when, where, of what, and who held the locks it waited for.

    `waited` and `held` are cycles spent waiting for locks, and holding one without waiting for another.
    """

    cpu: int
    start: int
    end: int
    waited: int
    held: int
    site: str
    steps: tuple[Ran, ...]
    holds: tuple[Hold, ...]

    @property
    def rest(self) -> int:
        """The cycles in which no lock was waited for or held."""
        return self.end - self.start - self.waited - self.held


_Held = tuple[SpinLock, int, int, int, str]
"""A lock, who held it, from when to when, and where it was taken."""

_Waited = tuple[SpinLock, int, int]
"""A lock, and from when to when it was waited for."""


def named(lock: SpinLock) -> str:
    """Return the lock's class and which object it is of, such as `zone->lock (Normal 0.0)`."""
    return f"{lock.name} ({lock.of})" if lock.of else lock.name


class Found(Exception):  # noqa: N818
    """The window looked for; ends the run."""

    def __init__(self, window: LongWindow) -> None:
        # SimPy makes such an exception anew from its arguments: the window must be the only one.
        super().__init__(window)
        self.window = window


@mypyc_attr(allow_interpreted_subclasses=True)
class IrqsOffTracer(Instrument):
    """Raises Found at the end of the first window of more than `limit` cycles."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._past: dict[int, deque[Ran]] = {}
        self._holds: deque[_Held] = deque(maxlen=KEPT)
        self._waits: dict[int, deque[_Waited]] = {}

    def step(self, cpu: Cpu, step: Step, times: int, start: int) -> None:
        """Remember what ran."""
        past = self._past.setdefault(cpu.index, deque(maxlen=KEPT))
        past.append(Ran(start, cpu.clock, step.name, times, cpu.context.label, cpu.site))

    def lock_acquired(self, cpu: Cpu, lock: SpinLock, waited: int, contended: bool) -> None:
        """Remember the wait."""
        if contended:
            waits = self._waits.setdefault(cpu.index, deque(maxlen=KEPT))
            waits.append((lock, cpu.clock - waited, cpu.clock))

    def lock_released(self, cpu: Cpu, lock: SpinLock, held: int) -> None:
        """Remember the hold."""
        self._holds.append((lock, cpu.index, cpu.clock - held, cpu.clock, lock.taken_in))

    def irqs_window(self, cpu: Cpu, start: int, end: int, waited: int, held: int, times: int) -> None:  # noqa: ARG002
        """Stop if it was too long."""
        if end - start > self.limit:
            steps = self._between(cpu.index, start, end)
            waits = [each for each in self._waits.get(cpu.index, ()) if each[1] < end and each[2] > start]
            holds = [
                Hold(named(lock), holder, since, until, site, self._between(holder, since, until))
                for lock, holder, since, until, site in self._holds
                if holder != cpu.index and any(lock is it and since < to and until > at for it, at, to in waits)
            ]
            raise Found(LongWindow(cpu.index, start, end, waited, held, cpu.site, steps, tuple(holds)))

    def _between(self, cpu: int, start: int, end: int) -> tuple[Ran, ...]:
        return tuple(ran for ran in self._past.get(cpu, ()) if ran.start >= start and ran.end <= end)
