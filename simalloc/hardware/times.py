"""Times as people write them (`20us`), in cycles."""

from __future__ import annotations

import re

NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}

_TIME = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([a-z]+)\s*")


def cycles_of(time: str, ghz: float) -> int:
    """Return how many cycles `time` is at `ghz`: "20us" at 4 GHz -> 80000, "500 cycles" -> 500. Raises ValueError."""
    match = _TIME.fullmatch(time)
    if match is None:
        raise ValueError(f"{time!r} is not a time; write a number and a unit, such as 20us or 5000 cycles")
    number, unit = match.groups()
    if unit in ("cycles", "cycle"):
        return round(float(number))
    if unit not in NANOSECONDS:
        raise ValueError(f"{time!r} has the unknown unit {unit!r}; known are {', '.join(NANOSECONDS)} and cycles")
    return round(float(number) * NANOSECONDS[unit] * ghz)
