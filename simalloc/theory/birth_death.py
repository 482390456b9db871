"""The steady state of a birth-death chain: one comes or one goes at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def steady_state(births: Vector, deaths: Vector) -> Vector:
    """Return the probabilities of states 0 to n, given the n rates from k to k + 1 and the n rates from k + 1 to k.

    Detailed balance, p[k + 1] / p[k] = births[k] / deaths[k], in logarithms: hundreds of such factors neither overflow
    nor vanish. All rates must be positive.
    """
    logs = np.concatenate(([0.0], np.cumsum(np.log(births) - np.log(deaths))))
    weights: Vector = np.exp(logs - logs.max())
    probabilities: Vector = weights / weights.sum()
    return probabilities
