"""The pcp lists of the kernel that was traced, page by page, as far as its events tell them."""

from __future__ import annotations

from collections.abc import Iterator

NONE = -1


class RecordedList:
    """One list of blocks: what is above is allocated first, what is below is drained first.

    `stamp` tells with which request a block came onto the list; those of one refill have one stamp.
    """

    def __init__(self, cpu: int, zone: int, order: int, mt: int) -> None:
        self.cpu = cpu
        self.zone = zone
        self.order = order
        self.mt = mt
        self.top = NONE
        self.stamp: dict[int, int] = {}
        self._above: dict[int, int] = {}
        self._below: dict[int, int] = {}
        self.was_empty = False
        """Whether it is known to have been empty once: then no block is on it that came before the trace."""

    def __len__(self) -> int:
        return len(self.stamp)

    def push(self, pfn: int, stamp: int) -> None:
        """Put a block on top."""
        self._below[pfn], self._above[pfn] = self.top, NONE
        if self.top != NONE:
            self._above[self.top] = pfn
        self.top = pfn
        self.stamp[pfn] = stamp

    def remove(self, pfn: int) -> None:
        """Take a block out, wherever it is."""
        above, below = self._above.pop(pfn), self._below.pop(pfn)
        del self.stamp[pfn]
        if above == NONE:
            self.top = below
        else:
            self._below[above] = below
        if below != NONE:
            self._above[below] = above

    def above(self, pfn: int) -> Iterator[int]:
        """Yield the blocks above this one, the nearest first."""
        at = self._above[pfn]
        while at != NONE:
            yield at
            at = self._above[at]
