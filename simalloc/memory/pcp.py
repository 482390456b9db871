"""Per-cpu page lists: the pages one CPU keeps for itself of one zone.

Linux v4.10 (ea57485af8f4), struct per_cpu_pages, and the choice of pages in `free_pcppages_bulk`; lists for other
orders are those of Linux v5.14 (44042b449872).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from simalloc.memory.migratetype import MigrateType
from simalloc.memory.tuning import Tuning

_TYPES = tuple(MigrateType)

Run = tuple[int, MigrateType, list[int]]
"""Blocks of one list, in order: their order, their type, and their first frames."""


class Pcp:
    """One CPU's lists for one zone, one per order and migratetype. `lists[i]` has its head, the hottest, at the end.

    The lists of order 0 come first, so `mt` is the place of one of those; `place` tells the others'. `count` is in
    pages of whatever order. `tuning` says how many pages are kept and move at a time. `is_held` is whether its lock is
    taken, where that is no lock with waiters. `refilled` and `drained` count pages that came from and went to the
    buddy lists since the beginning.
    """

    def __init__(self, tuning: Tuning, orders: Sequence[int] = (0,)) -> None:
        self.tuning = tuning
        self.orders = tuple(orders)
        self._block_pages = [1 << order for order in orders for _ in MigrateType]
        self.lists: list[list[int]] = [[] for _ in self._block_pages]
        self.count = 0
        self.is_held = False
        self.refilled = 0
        self.drained = 0

    @property
    def batch(self) -> int:
        """Pages moved per refill and drain, where nothing has made them more."""
        return self.tuning.batch

    @property
    def high(self) -> int:
        """The count at which a free drains, as it is now."""
        return self.tuning.high

    def place(self, order: int, mt: MigrateType) -> int:
        """Return which list has blocks of this order and type."""
        return self.orders.index(order) * len(_TYPES) + mt if order else mt

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

    def take_round_robin(self, pages: int) -> list[Run]:
        """Take `pages` pages or a few more off the tails, coldest first, round-robin over the lists.

        Only whole blocks go. Each empty list met on the way makes the next one give one block more; a list that is the
        only one gives all. Linux v4.10 (ea57485af8f4) to v5.17, free_pcppages_bulk().
        """
        taken: list[Run] = []
        kinds = len(self.lists)
        left, place, turn = min(pages, self.count), 0, 0
        while left > 0:
            while True:
                turn += 1
                place = (place + 1) % kinds
                if self.lists[place]:
                    break
            if turn == kinds:
                turn = left
            each = self._block_pages[place]
            share = min(-(-left // each), turn, len(self.lists[place]))
            taken.append(self._take(place, share))
            left -= share * each
            turn -= share
        return taken

    def take_list_by_list(self, pages: int, first: int) -> Iterator[Run]:
        """Take `pages` pages or a few more off the tails, a list at a time, beginning with list `first`.

        Each list is emptied before the next is touched; only whole blocks go. Linux v5.18 (8b10b465d0e1),
        free_pcppages_bulk().
        """
        kinds = len(self.lists)
        left = min(pages, self.count)
        for place in (*range(first, kinds), *range(first)):
            if left <= 0:
                return
            blocks, each = self.lists[place], self._block_pages[place]
            share = min(-(-left // each), len(blocks))
            if share:
                left -= share * each
                yield self._take(place, share)

    def take_largest_first(self, pages: int) -> list[Run]:
        """Take `pages` pages or a few more off the tails, from the lists of the largest blocks down.

        Only whole blocks go, so the last one may be larger than what was left to take.
        """
        taken: list[Run] = []
        left, types = min(pages, self.count), len(_TYPES)
        for index in range(len(self.orders) - 1, -1, -1):
            for place in range(index * types, (index + 1) * types):
                each = self._block_pages[place]
                share = min(-(-left // each), len(self.lists[place]))
                if share > 0:
                    taken.append(self._take(place, share))
                    left -= share * each
        return taken

    def merge(self, mergeable: Callable[[int], bool]) -> tuple[int, int]:
        """Merge blocks on the lists with their buddies there, from the lowest order up, if both are `mergeable`.

        The lists must be of all orders from 0 to the highest. A merged block is the coldest of its list. Returns how
        many blocks were looked at, and how many pairs merged.
        """
        looked = merged = 0
        types = len(_TYPES)
        for place in range((len(self.orders) - 1) * types):
            blocks, bit = self.lists[place], self._block_pages[place]
            mine = {pfn for pfn in blocks if mergeable(pfn)}
            looked += len(mine)
            pairs = [pfn for pfn in blocks if not pfn & bit and pfn in mine and pfn | bit in mine]
            if pairs:
                gone = {half for pfn in pairs for half in (pfn, pfn | bit)}
                self.lists[place] = [pfn for pfn in blocks if pfn not in gone]
                self.lists[place + types][:0] = pairs
                merged += len(pairs)
        return looked, merged

    def _take(self, place: int, share: int) -> Run:
        """Take so many blocks, which it has, off the tail of a list."""
        blocks = self.lists[place]
        taken = blocks[:share]
        del blocks[:share]
        pages = share * self._block_pages[place]
        self.count -= pages
        self.drained += pages
        return self.orders[place // len(_TYPES)], _TYPES[place % len(_TYPES)], taken
