"""A number for every page frame that is used, held compactly: eight bytes or less, where a dict takes a hundred.

Frames come in runs, because the buddy lists hand out blocks and their owners free them in order. A run within one chunk
is read and written as a slice.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import compress, repeat
from operator import ne, sub
from typing import Final

CHUNK_BITS: Final = 9
CHUNK: Final = 1 << CHUNK_BITS
"""Frames in a chunk: as many as in a pageblock."""

CHUNK_MASK: Final = CHUNK - 1


class PerFrame:
    """Numbers that fit in `typecode` (of `array`), `default` for frames that have none yet."""

    __slots__ = ("_chunks", "_default")

    def __init__(self, typecode: str, default: int) -> None:
        self._chunks: dict[int, array[int]] = {}
        self._default = array(typecode, [default]) * CHUNK

    def chunk(self, pfn: int) -> array[int]:
        """Return the numbers of the chunk that `pfn` is in, at `pfn & CHUNK_MASK`; writing there changes them."""
        chunk = self._chunks.get(pfn >> CHUNK_BITS)
        if chunk is None:
            chunk = self._chunks[pfn >> CHUNK_BITS] = self._default[:]
        return chunk


def is_run(pfns: Sequence[int]) -> bool:
    """Whether these frames, one or more, are neighbours in ascending order, all in one chunk."""
    first, count = pfns[0], len(pfns)
    return (
        pfns[count - 1] - first == count - 1
        and (first & CHUNK_MASK) + count <= CHUNK
        and (count == 1 or list(pfns) == list(range(first, first + count)))
    )


def run_ends(pfns: Sequence[int]) -> list[int]:
    """Return where each run of neighbours in ascending order ends: the place after its last frame."""
    count = len(pfns)
    return [*compress(range(1, count), map(ne, map(sub, pfns[1:], pfns), repeat(1))), count]
