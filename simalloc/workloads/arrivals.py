"""When things arrive: streams of cycles, one independent random stream per CPU and source.

Every stream is spawned from the run's seed by (source, CPU) alone, so adding a CPU does not change the others, and two
allocators meet the same arrivals.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

Pattern = Literal["periodic", "poisson", "bursty"]

BurstUs = Annotated[float, Field(ge=0.1, le=1e6)]
"""Mean length of a burst or of the gap after it, in us."""

_CHUNK = 1024


def check_bursts(per_second: float, on: float, off: float) -> None:
    """Raise ValueError if arrivals inside bursts would come more than once a nanosecond."""
    dense = per_second * (on + off) / on
    if dense > 1e9:
        raise ValueError(
            f"inside bursts {dense:.3g} a second would arrive, more than 1e9; make bursts longer or gaps shorter"
        )


def stream(seed: int, *key: int) -> np.random.Generator:
    """Return the random stream of this key."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def periodic(gap: float, rng: np.random.Generator) -> Iterator[int]:
    """Yield cycles `gap` apart on average exactly, from a random phase."""
    phase = rng.random() * gap
    return (round(phase + n * gap) for n in count())


def poisson(gap: float, rng: np.random.Generator) -> Iterator[int]:
    """Yield cycles with exponential gaps of mean `gap`."""
    now = 0.0
    while True:
        times = np.cumsum(np.concatenate(([now], rng.exponential(gap, _CHUNK))))
        now = times[-1]
        yield from map(int, np.rint(times[1:]).tolist())


def bursty(gap: float, rng: np.random.Generator, on: float, off: float) -> Iterator[int]:
    """Yield Poisson arrivals in on-times only; on and off last `on` and `off` cycles on average (exponential).

    The mean gap over all time is `gap`: within a burst arrivals are (on + off) / on times as dense.
    """
    dense = gap * on / (on + off)
    start = 0.0
    while True:
        end = start + rng.exponential(on)
        now = start + rng.exponential(dense)
        while now < end:
            yield round(now)
            now += rng.exponential(dense)
        start = end + rng.exponential(off)


def arrivals(pattern: Pattern, gap: float, rng: np.random.Generator, on: float, off: float) -> Iterator[int]:
    """Return the stream of that pattern, its mean gap in cycles; `on` and `off` (cycles) are for bursts."""
    match pattern:
        case "periodic":
            return periodic(gap, rng)
        case "poisson":
            return poisson(gap, rng)
        case "bursty":
            return bursty(gap, rng, on, off)
