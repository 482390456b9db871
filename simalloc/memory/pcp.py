"""Per-cpu page lists: the pages one CPU keeps for itself of one zone.

Linux v4.10 (ea57485af8f4), struct per_cpu_pages, and the choice of pages in `free_pcppages_bulk`; for what came later
(lists for other orders, a drain that grows) Linux v6.1 (01b44456a7aa).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simalloc.memory.migratetype import MigrateType

_TYPES = tuple(MigrateType)


@dataclass(frozen=True, slots=True)
class PcpSizes:
    """`batch`: pages moved per refill and drain. `high`: the count at which a free drains. Both in pages."""

    batch: int
    high: int

    def with_batch(self, batch: int) -> PcpSizes:
        """Return the sizes of a kernel made to use this batch: `high` stays the same multiple of it.

        Where `high` follows from the zone (Linux v5.14 and later) it only stays at least four batches.
        """
        if self.high == 6 * self.batch:
            return PcpSizes(batch, 6 * batch)
        return PcpSizes(batch, max(self.high, 4 * batch))


class Pcp:
    """One CPU's lists for one zone, one per order and migratetype. `lists[i]` has its head, the hottest, at the end.

    The lists of order 0 come first, so `mt` is the place of one of those; `place` tells the others'. `count`, `batch`
    and `high` are in pages of whatever order. `free_factor` is by how many doublings the next drain is larger than a
    batch; it stays 0 where drains do not grow. `refilled` and `drained` count pages that came from and went to the
    buddy lists since the beginning.
    """

    __slots__ = ("_block_pages", "batch", "count", "drained", "free_factor", "high", "lists", "orders", "refilled")

    def __init__(self, sizes: PcpSizes, orders: Sequence[int] = (0,)) -> None:
        self.batch = sizes.batch
        self.high = sizes.high
        self.orders = tuple(orders)
        self._block_pages = [1 << order for order in orders for _ in MigrateType]
        self.lists: list[list[int]] = [[] for _ in self._block_pages]
        self.count = 0
        self.free_factor = 0
        self.refilled = 0
        self.drained = 0

    def place(self, order: int, mt: MigrateType) -> int:
        """Return which list has blocks of this order and type."""
        return self.orders.index(order) * len(MigrateType) + mt

    def pop(self, place: int, *, cold: bool = False) -> int:
        """Take a block off a list that is not empty: from the head, or from the tail if cold."""
        self.count -= self._block_pages[place]
        return self.lists[place].pop(0 if cold else -1)

    def pop_many(self, mt: MigrateType, pages: int) -> list[int]:
        """Take `pages` pages from the head, hottest first; the list has that many."""
        taken = self.lists[mt][-pages:]
        del self.lists[mt][-pages:]
        taken.reverse()
        self.count -= pages
        return taken

    def push(self, pfn: int, place: int, *, cold: bool = False) -> None:
        """Put a block at the head, or at the tail if cold."""
        self.count += self._block_pages[place]
        if cold:
            self.lists[place].insert(0, pfn)
        else:
            self.lists[place].append(pfn)

    def refill(self, pfns: list[int], place: int, *, cold: bool = False) -> None:
        """Fill an empty list with blocks from the buddy lists, so that whoever asked meets them in the order given.

        A hot allocation takes from the head, a cold one from the tail; `rmqueue_bulk` links accordingly.
        """
        pages = len(pfns) * self._block_pages[place]
        self.lists[place] = pfns if cold else pfns[::-1]
        self.count += pages
        self.refilled += pages

    def take_for_drain(self, pages: int) -> list[tuple[MigrateType, list[int]]]:
        """Take `pages` pages off the tails, coldest first, round-robin over the lists (`free_pcppages_bulk`).

        So up to Linux v5.17, for lists of order 0. Returns runs of pages of one list, in order.
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
            taken.append((_TYPES[mt], self.lists[mt][:share]))
            del self.lists[mt][:share]
            left -= share
            turn -= share
        self.count -= pages
        self.drained += pages
        return taken

    # Since orders other than 0 have lists, and drains grow

    def refill_blocks(self, order: int) -> int:
        """Return how many blocks a refill brings: a batch of pages, but at least two blocks (`__rmqueue_pcplist`).

        A batch of 1 is a zone too small to keep pages for a CPU. Linux v5.14 (44042b449872).
        """
        return max(self.batch >> order, 2) if self.batch > 1 else 1

    def next_drain(self) -> int:
        """Return how many pages the drain that is due gives back, and make the next one twice as large.

        At least a batch, and no more than leaves a batch on the lists. Linux v5.14 (3b12e7e97938), nr_pcp_free().
        """
        # The kernel's own high is at least 4 batches; one set by hand may leave no room for a batch.
        most = max(self.high - self.batch, 1)
        pages = self.batch << self.free_factor
        if pages < most:
            self.free_factor += 1
        return min(max(pages, self.batch), most)

    def take_list_by_list(self, pages: int, first: int) -> Iterator[tuple[int, MigrateType, list[int]]]:
        """Take `pages` pages or a few more off the tails, a list at a time, beginning with list `first`.

        Each list is emptied before the next is touched; only whole blocks go. Yields the order, type and blocks of
        each. Linux v5.18 (8b10b465d0e1), free_pcppages_bulk().
        """
        kinds = len(self.lists)
        left = min(pages, self.count)
        for place in (*range(first, kinds), *range(first)):
            if left <= 0:
                return
            blocks, each = self.lists[place], self._block_pages[place]
            taken = blocks[: -(-left // each)]
            if not taken:
                continue
            del blocks[: len(taken)]
            given = len(taken) * each
            left -= given
            self.count -= given
            self.drained += given
            yield self.orders[place // len(MigrateType)], MigrateType(place % len(MigrateType)), taken
