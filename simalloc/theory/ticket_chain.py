"""The Markov model of a lock whose hand-over depends on its waiters, and where a ticket lock collapses.

Boyd-Wickizer, Kaashoek, Morris and Zeldovich, Non-scalable locks are dangerous (Ottawa Linux Symposium 2012).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from simalloc.theory.birth_death import steady_state
from simalloc.theory.closed import Closed, check
from simalloc.theory.handover import Handover, durations, none


@dataclass(frozen=True)
class MarkovLock(Closed):
    """Long-run means; `speedup` is the mean number of customers that think: neither hold nor wait."""

    speedup: float


def markov_lock(customers: int, think: float, hold: float, handover: Handover = none) -> MarkovLock:
    """Return the means of a lock as a birth-death chain: all times exponential, in cycles.

    With k holding or waiting, the next comes after think / (customers - k), and the holder goes after
    hold + handover(k - 1), on average. The hand-over follows the waiters of the moment, not those at the release.
    Throughput is 1 to 13 % off that of a lock with constant hold near its knee: `closed_lock` is for that. Raises
    ValueError if there is no customer, a time is not positive or a hand-over negative.
    """
    check(customers, think, hold)
    handovers = durations(handover, customers)
    thinking = np.arange(customers, 0, -1)
    leaving = 1 / (hold + handovers)
    p = steady_state(thinking / think, leaving)
    throughput = float(p[1:] @ leaving)
    utilisation = float(p[1:].sum())
    waiting = float(p[1:] @ np.arange(customers))
    speedup = float(p[:-1] @ thinking)
    return MarkovLock(throughput, waiting / throughput, utilisation, waiting + utilisation, speedup)


def collapse_point(think: float, hold: float, transfer: float) -> float | None:
    """Return the number of customers from which a ticket lock can stay saturated: 1 + 2 sqrt(2 Z / c) - 2 S / c.

    Mean field: with w waiting, a customer comes round every y = S + c w / 2 cycles, so w = n - 1 - Z / y, which has a
    solution with w > 0 from there on. Valid where sqrt(c Z / 2) > S; elsewhere return None: the lock saturates at
    (Z + S) / S as any other does, and declines mildly from there. Own derivation; `closed_lock` peaks within about 2
    customers of it where tests/test_theory.py looks.

    Raises ValueError if think or hold is not positive.
    """
    check(1, think, hold)
    if transfer <= 0 or sqrt(transfer * think / 2) <= hold:
        return None
    return 1 + 2 * sqrt(2 * think / transfer) - 2 * hold / transfer
