"""Exact mean value analysis: several locks, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simalloc.theory.closed import check


@dataclass(frozen=True)
class Stations:
    """Long-run means: throughput in operations (a round of all locks) per cycle, and by lock.

    `queues` are the mean numbers that hold or wait; `waits` the cycles of an operation that each lock has it queue.
    """

    throughput: float
    queues: tuple[float, ...]
    waits: tuple[float, ...]


def mva(customers: int, think: float, demands: Sequence[float]) -> Stations:
    """Return the means of a closed network: think, then hold lock i for `demands[i]` cycles in all, for each i.

    Who arrives finds the queues that one customer less would leave (Reiser and Lavenberg, JACM 27(2), 1980). Exact for
    exponential holds, FIFO. Raises ValueError if there is no customer or no lock, or a time is not positive.
    """
    check(customers, think, *demands)
    holds = np.array(demands, dtype=float)
    queues = waits = np.zeros_like(holds)
    throughput = 0.0
    for present in range(1, customers + 1):
        waits = holds * queues
        throughput = float(present / (think + (holds + waits).sum()))
        queues = throughput * (holds + waits)
    return Stations(throughput, tuple(queues.tolist()), tuple(waits.tolist()))
