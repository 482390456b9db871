"""Per-cpu page lists: the pages one CPU keeps for itself of one zone.

Linux v4.10 (ea57485af8f4), struct per_cpu_pages, and the choice of pages in `free_pcppages_bulk`.
"""

from __future__ import annotations

from dataclasses import dataclass

from simalloc.memory.migratetype import MigrateType
from simalloc.memory.size import PAGE_SIZE


@dataclass(frozen=True, slots=True)
class PcpSizes:
    """`batch`: pages moved per refill and drain. `high`: the count at which a free drains. Both in pages."""

    batch: int
    high: int


def sizes_v4_10(managed_pages: int) -> PcpSizes:
    """Return batch and high as the kernel computes them: 31 and 186 for any zone of 512 MiB or more.

    Linux v4.10 (ea57485af8f4), zone_batchsize() and pageset_set_batch().
    """
    batch = min(managed_pages // 1024, 512 * 1024 // PAGE_SIZE) // 4
    batch = max(batch, 1)
    batch = (1 << ((batch + batch // 2).bit_length() - 1)) - 1
    return PcpSizes(batch=max(batch, 1), high=6 * batch)


class Pcp:
    """One CPU's lists for one zone, one per migratetype. `lists[mt]` has its head, the hottest page, at the end.

    `refilled` and `drained` count pages that came from and went to the buddy lists since the beginning.
    """

    __slots__ = ("batch", "count", "drained", "high", "lists", "refilled")

    def __init__(self, sizes: PcpSizes) -> None:
        self.batch = sizes.batch
        self.high = sizes.high
        self.lists: list[list[int]] = [[] for _ in MigrateType]
        self.count = 0
        self.refilled = 0
        self.drained = 0

    def pop(self, mt: MigrateType, *, cold: bool = False) -> int:
        """Take a page off a list that is not empty: from the head, or from the tail if cold."""
        self.count -= 1
        return self.lists[mt].pop(0 if cold else -1)

    def pop_many(self, mt: MigrateType, pages: int) -> list[int]:
        """Take `pages` pages from the head, hottest first; the list has that many."""
        taken = self.lists[mt][-pages:]
        del self.lists[mt][-pages:]
        taken.reverse()
        self.count -= pages
        return taken

    def push(self, pfn: int, mt: MigrateType, *, cold: bool = False) -> None:
        """Put a page at the head, or at the tail if cold."""
        self.count += 1
        if cold:
            self.lists[mt].insert(0, pfn)
        else:
            self.lists[mt].append(pfn)

    def refill(self, pfns: list[int], mt: MigrateType, *, cold: bool = False) -> None:
        """Fill an empty list with pages from the buddy lists, so that whoever asked meets them in the order given.

        A hot allocation takes from the head, a cold one from the tail; `rmqueue_bulk` links accordingly.
        """
        self.lists[mt] = pfns if cold else pfns[::-1]
        self.count += len(pfns)
        self.refilled += len(pfns)

    def take_for_drain(self, pages: int) -> list[tuple[MigrateType, list[int]]]:
        """Take `pages` pages off the tails, coldest first, round-robin over the lists (`free_pcppages_bulk`).

        Returns runs of pages of one list, in order.
        Each empty list met on the way makes the next one give one page more; a list that is the only one gives all.
        """
        taken: list[tuple[MigrateType, list[int]]] = []
        kinds = len(self.lists)
        left, mt, turn = pages, 0, 0
        while left:
            while True:
                turn += 1
                mt = (mt + 1) % kinds
                if self.lists[mt]:
                    break
            if turn == kinds:
                turn = left
            share = min(left, turn, len(self.lists[mt]))
            taken.append((MigrateType(mt), self.lists[mt][:share]))
            del self.lists[mt][:share]
            left -= share
            turn -= share
        self.count -= pages
        self.drained += pages
        return taken
