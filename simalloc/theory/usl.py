"""The Universal Scalability Law, X(N) = g N / (1 + a (N - 1) + b N (N - 1)).

Gunther, Guerrilla Capacity Planning (2007). With b = 0, a = S / (Z + S) and g = 1 / (Z + S) it is the lower asymptotic
bound N / (Z + N S). It is a poor fit across a knee: 9 % off on the machine repairman, more than 30 % on a ticket lock
that collapses. Report it, for others do; never rely on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Usl:
    """The law with its parameters: `gamma` is one customer's throughput (operations per cycle).

    `alpha` stands for contention, `beta` for what every pair costs. `worst` is the greatest relative deviation of the
    law from what it was fitted to (0 if it was not).
    """

    gamma: float
    alpha: float
    beta: float
    worst: float = 0.0

    def throughput(self, customers: float) -> float:
        """Return the throughput (operations per cycle) the law gives."""
        others = customers - 1
        return self.gamma * customers / (1 + self.alpha * others + self.beta * customers * others)

    @property
    def peak(self) -> float | None:
        """The number of customers of greatest throughput, at least 1; None if beta is 0: then there is no peak."""
        return sqrt(max(1.0, (1 - self.alpha) / self.beta)) if self.beta else None


def fit(customers: Sequence[int], throughputs: Sequence[float]) -> Usl:
    """Fit the law by least squares on relative deviations; gamma is positive, beta not negative.

    Alpha may be negative, though no contention is: near a sharp knee it is how the law bends, and to forbid it would
    hide that the law does not fit. Raises ValueError if there are fewer than three different numbers of customers, or
    a throughput is not positive.
    """
    n: Vector = np.array(customers, dtype=float)
    x: Vector = np.array(throughputs, dtype=float)
    if n.shape != x.shape or len(set(customers)) < 3:
        raise ValueError("the law has three parameters: give throughputs at three numbers of customers or more")
    if n.min() < 1 or x.min() <= 0:
        raise ValueError("numbers of customers start at 1, and throughputs must be positive")
    gamma, alpha, beta = _solve(n, x, pairs=True)
    if beta < 0:
        gamma, alpha, beta = _solve(n, x, pairs=False)
    law = Usl(gamma, alpha, beta)
    worst = max(abs(law.throughput(many) / seen - 1) for many, seen in zip(customers, throughputs, strict=True))
    return Usl(gamma, alpha, beta, worst)


def _solve(n: Vector, x: Vector, *, pairs: bool) -> tuple[float, float, float]:
    """Return gamma, alpha and beta of least squares on relative deviations; beta is 0 unless `pairs`.

    N / X is linear in 1 / gamma, alpha / gamma and beta / gamma. That gives the start.
    """
    from scipy.optimize import least_squares  # noqa: PLC0415 - a quarter of a second of import that only this needs

    columns = [np.ones_like(n), n - 1, n * (n - 1)][: 3 if pairs else 2]
    terms = np.column_stack(columns)
    per_customer = x / n
    scale = float(per_customer.max())
    start = np.linalg.lstsq(terms * per_customer[:, None], np.ones_like(n), rcond=None)[0] * scale

    def deviations(inverse: Vector) -> Vector:
        deviation: Vector = scale / (terms @ inverse) / per_customer - 1
        return deviation

    inverse = least_squares(deviations, start, method="lm", x_scale="jac", xtol=1e-14, ftol=1e-14).x
    gamma = scale / inverse[0]
    return float(gamma), float(inverse[1] / inverse[0]), float(inverse[2] / inverse[0]) if pairs else 0.0
