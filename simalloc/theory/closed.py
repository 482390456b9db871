"""A closed system: customers that think, then queue for one lock, again and again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Closed:
    """Long-run means of a closed system with one lock.

    `throughput` is in operations per cycle, all customers together. `wait` is the cycles an operation queues before it
    has the lock. `utilisation` is the share of time the lock is held or being handed over. `queue` is the mean number
    of customers that hold or wait.
    """

    throughput: float
    wait: float
    utilisation: float
    queue: float


def check(customers: int, think: float, *holds: float) -> None:
    """Raise ValueError unless there is a customer and every time (cycles) is positive."""
    if customers < 1:
        raise ValueError(f"a closed system needs at least one customer, not {customers}")
    if think <= 0:
        raise ValueError(f"think time must be positive, not {think}")
    if not holds or min(holds) <= 0:
        raise ValueError(f"hold times must be positive, not {', '.join(map(str, holds)) or 'none at all'}")
