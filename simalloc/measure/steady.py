"""Where the warm-up of a run ends: MSER-5.

White, Cobb and Spratt, "A comparison of five steady-state truncation heuristics for simulation" (WSC 2000): means of
five observations each; cut as many as make the standard error of the rest smallest; no more than half.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

GROUP = 5


def mser5(series: Sequence[float]) -> int:
    """Return how many observations at the start of `series` belong to the warm-up, a multiple of five."""
    groups = np.asarray(series[: len(series) // GROUP * GROUP], dtype=float).reshape(-1, GROUP).mean(axis=1)
    if len(groups) < 2:
        return 0
    errors = [float(groups[cut:].var()) / (len(groups) - cut) for cut in range(len(groups) // 2 + 1)]
    return GROUP * int(np.argmin(errors))
