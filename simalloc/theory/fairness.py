"""How evenly a lock is shared."""

from __future__ import annotations

from collections.abc import Sequence


def jain(shares: Sequence[float]) -> float:
    """Return Jain's index, (sum x)^2 / (n sum x^2): 1 if all have the same, 1 / n if one has everything.

    Any unit will do. Jain, Chiu and Hawe, DEC TR-301 (1984). Raises ValueError if nobody has anything.
    """
    squares = sum(share * share for share in shares)
    if squares == 0:
        raise ValueError("nobody has anything: no share is fair or unfair")
    return sum(shares) ** 2 / (len(shares) * squares)
