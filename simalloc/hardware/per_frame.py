"""A number for every page frame that is used: a list for each chunk of frames that has been.

Frames are used in runs, and a run within one chunk is read and written as a slice. Where neighbours have one number,
they share it: a frame then takes the eight bytes of its place, where an entry of a dict takes a hundred.
"""

from __future__ import annotations

from typing import Final

CHUNK_BITS: Final = 6
CHUNK: Final = 1 << CHUNK_BITS
"""Frames in a chunk: about a batch. Where CPUs take batches by turns, larger ones would be mostly empty."""

CHUNK_MASK: Final = CHUNK - 1


class PerFrame:
    """Numbers of frames, `default` for those that have none yet."""

    __slots__ = ("_chunks", "_default")

    def __init__(self, default: int) -> None:
        self._chunks: dict[int, list[int]] = {}
        self._default = [default] * CHUNK

    def chunk(self, pfn: int) -> list[int]:
        """Return the numbers of the chunk that `pfn` is in, at `pfn & CHUNK_MASK`; writing there changes them."""
        chunk = self._chunks.get(pfn >> CHUNK_BITS)
        if chunk is None:
            chunk = self._chunks[pfn >> CHUNK_BITS] = self._default[:]
        return chunk


def in_chunk(first: int, count: int, step: int) -> int:
    """Return how many frames of a run, from its first on, are in one chunk."""
    place = first & CHUNK_MASK
    return min(count, CHUNK - place if step > 0 else place + 1)
