"""The machine repairman: one lock that costs nothing to hand over.

Machines break and wait for the one repairman; CPUs think and wait for the one lock. Kleinrock, Queueing Systems,
volume 1 (1975), section 3.8.
"""

from __future__ import annotations

import numpy as np

from simalloc.theory.birth_death import steady_state
from simalloc.theory.closed import Closed, check


def exponential(customers: int, think: float, hold: float) -> Closed:
    """Return the means of M/M/1//N: think and hold (cycles) exponential.

    The throughput holds for any distribution of think time with this mean, not for any distribution of hold time.
    Raises ValueError if there is no customer or a time is not positive.
    """
    check(customers, think, hold)
    thinking = np.arange(customers, 0, -1)
    p = steady_state(thinking / think, np.full(customers, 1 / hold))
    # Sums of positive terms only: no digits are lost when the lock is nearly idle, or nearly never.
    utilisation = float(p[1:].sum())
    throughput = utilisation / hold
    waiting = float(p[1:] @ np.arange(customers))
    return Closed(throughput, waiting / throughput, utilisation, waiting + utilisation)


def constant(customers: int, think: float, hold: float) -> Closed:
    """Return the means of D/D/1//N: think and hold (cycles) constant.

    Customers fall into step: nobody waits until they fill the lock, and all the rest is waiting from then on. Raises
    ValueError if there is no customer or a time is not positive.
    """
    check(customers, think, hold)
    throughput = min(customers / (think + hold), 1 / hold)
    wait = max(0.0, customers * hold - (think + hold))
    return Closed(throughput, wait, throughput * hold, throughput * (wait + hold))
