"""Sizes as people write them (`4GiB`), in pages of 4 KiB."""

from __future__ import annotations

import re

PAGE_SIZE = 4096
"""Bytes in a page."""

UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

_SIZE = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([A-Za-z]+)\s*")


def pages_of(size: str) -> int:
    """Return how many pages `size` is: `"4GiB"` -> 1048576, `"300 pages"` -> 300.

    Raises ValueError for anything else, and for a size that is not a whole number of pages.
    """
    match = _SIZE.fullmatch(size)
    if match is None:
        raise ValueError(f"{size!r} is not a size; write a number and a unit, such as 4GiB or 512MiB")
    number, unit = match.groups()
    if unit in ("pages", "page"):
        pages = float(number)
    elif unit in UNITS:
        pages = float(number) * UNITS[unit] / PAGE_SIZE
    else:
        binary = f"{unit[:1].upper()}iB"
        meant = f"did you mean {number}{binary}? " if unit[1:] in ("B", "b", "") and binary in UNITS else ""
        raise ValueError(f"{size!r} has the unknown unit {unit!r}; {meant}known are {', '.join(UNITS)} and pages")
    if pages != int(pages):
        raise ValueError(f"{size!r} is not a whole number of pages of {PAGE_SIZE} bytes")
    return int(pages)


def size_of(pages: int) -> str:
    """Return `pages` in the largest unit that gives a whole number: 1048576 -> `"4GiB"`."""
    size = pages * PAGE_SIZE
    for unit, factor in reversed(UNITS.items()):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{pages} pages"
