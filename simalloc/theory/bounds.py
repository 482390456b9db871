"""Asymptotic bounds: what holds of a closed system whatever its distributions.

Denning and Buzen, ACM Computing Surveys 10(3), 1978; Lazowska et al., Quantitative System Performance (1984),
chapter 5.
"""

from __future__ import annotations

from collections.abc import Sequence

from simalloc.theory.closed import check


def bounds(customers: int, think: float, demands: Sequence[float]) -> tuple[float, float]:
    """Return the least and the greatest throughput (operations per cycle), with `demands[i]` cycles at lock i.

    At worst each customer waits for all others at every lock; at best nobody waits until the busiest lock is full. A
    hand-over counts as demand: at its longest for the lower bound, at its shortest for the upper one. Raises ValueError
    if there is no customer or no lock, or a time is not positive.
    """
    check(customers, think, *demands)
    total = sum(demands)
    return customers / (think + customers * total), min(customers / (think + total), 1 / max(demands))


def saturation(think: float, demands: Sequence[float]) -> float:
    """Return the number of customers that would fill the busiest lock if nobody waited: where the upper bounds cross.

    Raises ValueError if there is no lock or a time is not positive.
    """
    check(1, think, *demands)
    return (think + sum(demands)) / max(demands)
