"""A lock as a simulator has it: exponential think, constant hold, a hand-over fixed at the release."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simalloc.theory.closed import Closed, check
from simalloc.theory.handover import Handover, durations, none

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


def closed_lock(customers: int, think: float, hold: float, handover: Handover = none) -> Closed:
    """Return the exact means of a FIFO lock with exponential think and constant hold (cycles).

    A hand-over lasts `handover(waiters)` cycles, by the waiters at the release; the releaser thinks again only after
    it, and it counts as utilisation, not as wait. Per operation, it is utilisation / throughput - hold.

    The chain is embedded where hand-overs end; its state is the waiters left behind, k. The first of them holds next
    (if there is none, the first to come does, after think / customers). During the hold each thinking customer
    comes with probability 1 - exp(-hold / think); that fixes the hand-over, during which the rest may come.

    Where a lock collapses it has two regimes and rarely changes between them: the means are exact, but a run may
    see only one. Raises ValueError if there is no customer, a time is not positive or a hand-over negative.
    """
    check(customers, think, hold)
    handovers = durations(handover, customers)
    left = np.arange(customers)
    holding = _arrivals(np.maximum(left - 1, 0), np.full(customers, hold / think))
    handing_over = _arrivals(left, handovers / think)
    k = _stationary(holding @ handing_over)

    held = hold + float(k @ holding @ handovers)
    throughput = 1 / (held + k[0] * think / customers)
    # customers / throughput - think - held, with less to cancel.
    wait = max(0.0, (customers - 1) * held - float(k[1:].sum()) * think)
    return Closed(float(throughput), wait, float(throughput * held), float(throughput * (wait + held)))


def spinlock(customers: int, think: float, hold: float, handover: Handover = none, fetch: float = 0.0) -> Closed:
    """Return the exact means of a FIFO spinlock with exponential think and constant hold (cycles), as CPUs use one.

    As `closed_lock`, but the releaser thinks again at once, while the lock is on its way; and who finds the lock free
    fetches its line, `fetch` cycles that prolong the hold, unless it was the last holder itself. A hand-over counts as
    wait. The chain is embedded where holds begin; its state is who waits then, or that the lock was found free.
    """
    check(customers, think, hold)
    if fetch < 0:
        raise ValueError(f"fetch {fetch} is negative; give 0 cycles or more")
    if customers == 1:
        throughput = 1 / (think + hold)
        return Closed(throughput, 0.0, throughput * hold, throughput * hold)
    handovers = durations(handover, customers)
    others = customers - 1
    waiting = np.arange(customers)
    held = _arrivals(waiting, np.full(customers, hold / think))
    fetched = _arrivals(waiting[:1], np.array([(hold + fetch) / think]), others)
    found_free = (held[:1] + others * fetched) / customers
    at_release = np.vstack([found_free, held])
    # From w waiters at a release, one is chosen; of customers - w thinking, some come while the lock travels.
    after = np.zeros((customers, customers + 1))
    after[0, 0] = 1.0
    left = np.arange(1, customers)
    after[1:, 1:] = _arrivals(left - 1, handovers[1:] / think, others)
    transitions = at_release @ after
    if not handovers.any():
        transitions = transitions[:-1, :-1]
    at = _stationary(transitions)
    waiters = at @ at_release[: len(at)]
    idle = float(waiters[0])
    section = hold + float(at[0]) * fetch * others / customers
    busy = section + float(waiters @ handovers)
    throughput = 1 / (busy + idle * think / customers)
    wait = max(0.0, customers / throughput - think - section)
    return Closed(throughput, wait, throughput * busy, throughput * (wait + section))


def _arrivals(waiting: NDArray[np.int_], spans: Vector, others: int | None = None) -> Matrix:
    """Return the probability of each number of waiters after a span (in think times), from `waiting` before it.

    A row for each state, a column for each number after. One customer holds; those that neither hold nor wait think.
    """
    from scipy.stats import binom  # noqa: PLC0415 - half a second of import that only this needs

    others = len(waiting) - 1 if others is None else others
    came = np.arange(others + 1)[None, :] - waiting[:, None]
    return np.asarray(binom.pmf(came, (others - waiting)[:, None], -np.expm1(-spans)[:, None]))


def _stationary(transitions: Matrix) -> Vector:
    """Return the stationary distribution of a chain, each entry to full relative accuracy, however small.

    State reduction without subtraction (Grassmann, Taksar and Heyman 1985): near a collapse the chain nearly falls in
    two, and plain elimination loses the odds between the halves. States go lowest first: there is always a way up.
    """
    p = transitions.copy()
    last = len(p) - 1
    for state in range(last):
        p[state + 1 :, state] /= p[state, state + 1 :].sum()
        p[state + 1 :, state + 1 :] += np.outer(p[state + 1 :, state], p[state, state + 1 :])
    k = np.zeros(last + 1)
    k[last] = 1.0
    for state in range(last - 1, -1, -1):
        k[state] = k[state + 1 :] @ p[state + 1 :, state]
        k[state:] /= k[state:].sum()
    return k
