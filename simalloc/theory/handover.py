"""What a spinlock takes to hand over, by the number of waiters at the release.

`transfer` is the cycles of one transfer of a modified cache line from CPU to CPU. Orders of magnitude are right,
constants are not claimed: what the machine's directory does in detail differs by model.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Handover = Callable[[int], float]
"""From CPUs waiting at the release to cycles until the next one has the lock."""


def none(waiters: int) -> float:  # noqa: ARG001
    """Return 0: an ideal lock."""
    return 0.0


def ticket(transfer: float) -> Handover:
    """Return the hand-over of a ticket lock (Linux 2.6.25 to 4.1): half a transfer per waiter.

    All waiters spin on one line; its home answers their refetches one after the other, and the next owner's comes in
    the middle on average. Boyd-Wickizer, Kaashoek, Morris and Zeldovich, Non-scalable locks are dangerous (OLS 2012).
    """
    return lambda waiters: transfer * waiters / 2


def mcs(transfer: float) -> Handover:
    """Return the hand-over of an MCS lock: one transfer, to the successor, which spins on a line of its own.

    Mellor-Crummey and Scott, ACM TOCS 9(1), 1991.
    """
    return lambda waiters: transfer if waiters else 0.0


def qspinlock(transfer: float, hold: float) -> Handover:
    """Return the hand-over of the queued spinlock (Linux 4.2 on, kernel/locking/qspinlock.c).

    One waiter spins on the lock's own line (the pending bit). Of more, the head of the queue does; when it has the
    lock it promotes the next one, which is ready in time unless it holds (`hold` cycles) for less than a transfer.
    """
    promotion = max(0.0, transfer - hold)

    def cycles(waiters: int) -> float:
        if waiters == 0:
            return 0.0
        return transfer if waiters == 1 else transfer + promotion

    return cycles


def durations(handover: Handover, customers: int) -> NDArray[np.float64]:
    """Return the hand-overs (cycles) with 0 to customers - 1 waiters; raise ValueError if one is negative."""
    cycles = np.array([handover(waiters) for waiters in range(customers)], dtype=float)
    if cycles.min() < 0:
        raise ValueError(f"a hand-over with {cycles.argmin()} waiters lasts {cycles.min()} cycles")
    return cycles
