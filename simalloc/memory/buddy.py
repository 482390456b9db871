"""The buddy allocator of one zone: which blocks of 2**order pages are free, on which list, in which order.

State only, no time: callers read the running counts of splits, merges and fallbacks and charge for them. All of it as
Linux v4.10 (ea57485af8f4), mm/page_alloc.c does it: `__rmqueue_smallest`, `expand`, `__rmqueue_fallback`,
`steal_suitable_fallback`, `__free_one_page`.

Memory is used for free blocks that were touched and for nothing else: the blocks nobody has asked for yet are a pair
of frame numbers.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

from simalloc.memory.migratetype import FALLBACKS, MigrateType
from simalloc.memory.neighbours import FrameRun, frame_runs

MAX_ORDER = 11
"""Orders 0 ... 10."""

TOP_ORDER = MAX_ORDER - 1
TOP_PAGES = 1 << TOP_ORDER

PAGEBLOCK_ORDER = 9
"""A pageblock is 2 MiB; its pages share a migratetype."""

PAGEBLOCK_PAGES = 1 << PAGEBLOCK_ORDER

_TYPE_BITS = 2
_TYPE_MASK = 3


FallbackRule = Literal["half a block", "whole blocks", "whole blocks, way remembered"]
"""What a type without free blocks does to others' pageblocks.

- `half a block`: takes the largest block, moves all free pages of its pageblock along, and claims that if they are half
  of it or more. Linux v4.10 (ea57485af8f4), steal_suitable_fallback().
- `whole blocks`: claims a pageblock only if half of it is free; else steals the smallest block alone. For every page
  anew, scanning each pageblock that it tries. Linux v6.10 (c0cd6f557b90).
- `way remembered`: once a page had to be stolen, so are the others of the same refill. Linux v6.16 (90abee6d7895).
"""


class Buddy:
    """The free blocks among page frames `start` ... `start + pages - 1`; `start` is a multiple of 1024.

    A free list's head is the *end* of its ordered dict, so that the common case, insert and take at the head, is the
    cheap one. `splits`, `merges`, `fallbacks`, `moved` and `scanned` (pages) count what has happened since the
    beginning; `changes` lists every new pageblock type, as (pageblock, type); bit n of `written` is set when a list of
    order n changes, and is for others to clear.
    """

    def __init__(self, start: int, pages: int, *, empty: bool = False, fallback: FallbackRule = "half a block") -> None:
        if start % TOP_PAGES:
            raise ValueError(f"a zone starts at a multiple of {TOP_PAGES} pages, not at frame {start}")
        self.start = start
        self.end = start + pages
        self.free_lists: list[list[OrderedDict[int, None]]] = [
            [OrderedDict() for _ in MigrateType] for _ in range(MAX_ORDER)
        ]
        self._kind: dict[int, int] = {}
        self._pageblock: dict[int, MigrateType] = {}
        self.changes: list[tuple[int, MigrateType]] = []
        self.written = 0
        self.splits = 0
        self.merges = 0
        self.fallbacks = 0
        self.scanned = 0
        self.fallback_rule: FallbackRule = fallback
        self.moved = 0
        self._untouched = range(start, start)
        if not empty:
            whole = pages - pages % TOP_PAGES
            self._untouched = range(start, start + whole, TOP_PAGES)
            self.insert_range(start + whole, pages - whole)

    # Looking

    @staticmethod
    def pageblock(pfn: int) -> int:
        """Return the number of the pageblock around frame `pfn`."""
        return pfn >> PAGEBLOCK_ORDER

    def pageblock_type(self, pfn: int) -> MigrateType:
        """Return the migratetype of the pageblock around frame `pfn`; after boot all are movable."""
        return self._pageblock.get(pfn >> PAGEBLOCK_ORDER, MigrateType.MOVABLE)

    def free_pages(self) -> int:
        """Count the free pages, by looking at every list."""
        return sum(blocks << order for order, blocks in enumerate(self.free_blocks()))

    def free_blocks(self) -> list[int]:
        """Count the free blocks of each order, of all migratetypes together, by looking at every list."""
        found = [sum([len(blocks) for blocks in lists]) for lists in self.free_lists]
        found[TOP_ORDER] += len(self._untouched)
        return found

    def has_block(self, order: int, mt: MigrateType) -> bool:
        """Whether the list of this order and type has a block."""
        return bool(self.free_lists[order][mt]) or (
            order == TOP_ORDER and mt is MigrateType.MOVABLE and bool(self._untouched)
        )

    def is_free(self, pfn: int, order: int) -> bool:
        """Whether frame `pfn` begins a free block of exactly this order: what a buddy must be to be merged with."""
        return self._kind.get(pfn, -1) >> _TYPE_BITS == order

    def is_whole(self, pageblock: int) -> bool:
        """Whether all of a pageblock is free, as one block or as part of a larger one."""
        first = pageblock << PAGEBLOCK_ORDER
        return any(self.is_free(first >> order << order, order) for order in range(PAGEBLOCK_ORDER, MAX_ORDER))

    def blocks(self) -> list[tuple[int, int, MigrateType]]:
        """Return every touched free block as (order, first frame, list it is on), each list from its head."""
        return [
            (order, pfn, mt)
            for order, lists in enumerate(self.free_lists)
            for mt in MigrateType
            for pfn in reversed(lists[mt])
        ]

    # Taking

    def remove(self, order: int, mt: MigrateType) -> int | None:
        """Take a block of 2**order pages for migratetype `mt` and return its first frame, None if there is none.

        The smallest block that is big enough is split down; a type that has none takes another's (`__rmqueue`).
        """
        pfn = self._remove_smallest(order, mt)
        return pfn if pfn is not None else self._remove_from_others(order, mt, steals=False)[0]

    def remove_pages(self, count: int, mt: MigrateType) -> list[FrameRun]:
        """Take up to `count` single pages: what that many calls of `remove` for order 0 give, whole blocks at a time.

        Returns them as runs, of which two may be one.

        The smallest block is taken apart from its low end. As long as all of it is wanted, that yields its pages in
        order and leaves nothing behind, at one split fewer than it has pages.
        """
        runs: list[FrameRun] = []
        left = count
        steals = False
        while left:
            for order, by_type in enumerate(self.free_lists):
                blocks, size = by_type[mt], 1 << order
                while blocks and left:
                    pfn, _ = blocks.popitem()
                    del self._kind[pfn]
                    self.written |= (size << 1) - 1
                    if size > left:
                        self._split_off(pfn, order, left, mt)
                        size = left
                    runs.append((pfn, size, 1))
                    self.splits += size - 1
                    left -= size
                if not left:
                    return runs
            if self._untouched and mt is MigrateType.MOVABLE:
                self._add(self._take_untouched(), TOP_ORDER, mt)
                continue
            fallback, stole = self._remove_from_others(0, mt, steals)
            if fallback is None:
                break
            # The way that succeeded last is tried first for the rest of the batch. Linux 90abee6d7895.
            steals = stole and self.fallback_rule == "whole blocks, way remembered"
            runs.append((fallback, 1, 1))
            left -= 1
        return runs

    def _split_off(self, pfn: int, order: int, wanted: int, mt: MigrateType) -> None:
        """List what is left of a block, which is off its list, when so many pages are taken from its low end."""
        size, kinds = 1 << order, self._kind
        rest = wanted
        while rest < size:
            piece = rest & -rest
            low = piece.bit_length() - 1
            self.free_lists[low][mt][pfn + rest] = None
            kinds[pfn + rest] = low << _TYPE_BITS | mt
            rest += piece
            self.splits += 1

    def _remove_smallest(self, order: int, mt: MigrateType) -> int | None:
        found = self._pop_smallest(order, mt)
        if found is None:
            return None
        pfn, current = found
        self._expand(pfn, order, current, mt)
        return pfn

    def _pop_smallest(self, order: int, mt: MigrateType) -> tuple[int, int] | None:
        """Take the first block of the smallest order that is `order` or more; return its first frame and its order."""
        for current in range(order, MAX_ORDER):
            blocks = self.free_lists[current][mt]
            if blocks:
                pfn = blocks.popitem()[0]
                self.written |= 1 << current
                del self._kind[pfn]
                return pfn, current
        if self._untouched and mt is MigrateType.MOVABLE:
            return self._take_untouched(), TOP_ORDER
        return None

    def _take_untouched(self) -> int:
        # Boot frees memory from low to high, each block to its list's head: the highest is taken first.
        pfn = self._untouched[-1]
        self.written |= 1 << TOP_ORDER
        self._untouched = self._untouched[:-1]
        return pfn

    def _expand(self, pfn: int, low: int, high: int, mt: MigrateType) -> None:
        self.splits += high - low
        self.written |= (1 << high) - (1 << low)
        while high > low:
            high -= 1
            upper = pfn + (1 << high)
            self.free_lists[high][mt][upper] = None
            self._kind[upper] = high << _TYPE_BITS | mt

    def _remove_from_others(self, order: int, mt: MigrateType, steals: bool) -> tuple[int | None, bool]:
        """Take a block of another type; return it, and whether it was stolen without claiming its pageblock."""
        if self.fallback_rule == "half a block":
            return self._remove_fallback(order, mt), False
        if not steals and (pfn := self._claim(order, mt)) is not None:
            return pfn, False
        return self._steal_block(order, mt), True

    def _claim(self, order: int, mt: MigrateType) -> int | None:
        """Make a pageblock `mt`'s, largest free blocks first, if half of it or more is free; take a block from it.

        Each pageblock that is tried is scanned, page by page. Linux v6.10 (c0cd6f557b90), __rmqueue_claim().
        """
        for current in range(TOP_ORDER, order - 1, -1):
            if not self._can_steal(current, mt):
                return None
            found = self._first_of_others(current, mt)
            if found is None:
                continue
            if current < PAGEBLOCK_ORDER:
                first = found >> PAGEBLOCK_ORDER << PAGEBLOCK_ORDER
                self.scanned += PAGEBLOCK_PAGES
                if self._free_in(first) < PAGEBLOCK_PAGES // 2:
                    continue
                self._move_free(first, mt)
                self._set_type(first >> PAGEBLOCK_ORDER, mt)
            else:
                self._steal(found, current, mt)
                self._unlink(found)
                self._add(found, current, mt)
            self.fallbacks += 1
            return self._remove_smallest(order, mt)
        return None

    def _steal_block(self, order: int, mt: MigrateType) -> int | None:
        """Take the smallest block of another type that is big enough; what is left of it stays that type's."""
        for current in range(order, MAX_ORDER):
            pfn = self._first_of_others(current, mt)
            if pfn is not None:
                other = MigrateType(self._kind[pfn] & _TYPE_MASK)
                self.fallbacks += 1
                self._unlink(pfn)
                self._expand(pfn, order, current, other)
                return pfn
        return None

    def _first_of_others(self, order: int, mt: MigrateType) -> int | None:
        for other in FALLBACKS[mt]:
            blocks = self.free_lists[order][other]
            if blocks:
                return next(reversed(blocks))
            if order == TOP_ORDER and self._untouched and other is MigrateType.MOVABLE:
                pfn = self._take_untouched()
                self._add(pfn, order, other)
                return pfn
        return None

    def _free_in(self, start: int) -> int:
        """Count the free pages of a pageblock."""
        kinds = self._kind
        frames = range(start, start + PAGEBLOCK_PAGES)
        return sum(1 << (kinds[pfn] >> _TYPE_BITS) for pfn in frames if pfn in kinds)

    def _remove_fallback(self, order: int, mt: MigrateType) -> int | None:
        for current in range(TOP_ORDER, order - 1, -1):
            for other in FALLBACKS[mt]:
                blocks = self.free_lists[current][other]
                if blocks:
                    pfn = next(reversed(blocks))
                elif current == TOP_ORDER and self._untouched and other is MigrateType.MOVABLE:
                    pfn = self._take_untouched()
                    self._add(pfn, current, other)
                else:
                    continue
                self.fallbacks += 1
                if self._can_steal(current, mt):
                    self._steal(pfn, current, mt)
                self._unlink(pfn)
                self._expand(pfn, order, current, mt)
                return pfn
        return None

    @staticmethod
    def _can_steal(order: int, mt: MigrateType) -> bool:
        return order >= PAGEBLOCK_ORDER // 2 or mt is not MigrateType.MOVABLE

    def _steal(self, pfn: int, order: int, mt: MigrateType) -> None:
        first = pfn >> PAGEBLOCK_ORDER
        if order >= PAGEBLOCK_ORDER:
            for block in range(first, first + (1 << (order - PAGEBLOCK_ORDER))):
                self._set_type(block, mt)
        elif self._move_free(first << PAGEBLOCK_ORDER, mt) >= PAGEBLOCK_PAGES // 2:
            self._set_type(first, mt)

    def _move_free(self, start: int, mt: MigrateType) -> int:
        """Move the free blocks of the pageblock at `start` to `mt`'s lists; return how many pages that were."""
        pfn, pages = start, 0
        if self.fallback_rule == "half a block":
            self.scanned += PAGEBLOCK_PAGES
        while pfn < start + PAGEBLOCK_PAGES:
            kind = self._kind.get(pfn)
            if kind is None:
                pfn += 1
                continue
            order = kind >> _TYPE_BITS
            self._unlink(pfn)
            self._add(pfn, order, mt)
            pages += 1 << order
            pfn += 1 << order
        self.moved += pages
        return pages

    def remove_fragments(self, pageblock: int, mt: MigrateType, lowest: int) -> list[tuple[int, int]]:
        """Take the free blocks of order `lowest` and more that a pageblock has on `mt`'s lists.

        Returns them as (order, first frame). The pageblock is scanned for them, a free block at a time.
        """
        pfn = pageblock << PAGEBLOCK_ORDER
        end, found = pfn + PAGEBLOCK_PAGES, []
        while pfn < end:
            self.scanned += 1
            kind = self._kind.get(pfn)
            if kind is None:
                pfn += 1
                continue
            order = kind >> _TYPE_BITS
            if order >= lowest and kind & _TYPE_MASK == mt:
                self._unlink(pfn)
                found.append((order, pfn))
            pfn += 1 << order
        return found

    # Giving back

    def insert(self, pfn: int, order: int, mt: MigrateType) -> None:
        """Free a block: merge it with its buddy as long as that is free, then list it (`__free_one_page`).

        It goes to the tail if the next merge only waits for a block that may soon be free, else to the head.
        """
        self._insert_blocks([(pfn, order)], mt, lowest=order)

    def insert_pages(self, pfns: Sequence[int], mt: MigrateType) -> None:
        """Free single pages in this order: what as many calls of `insert` do, whole runs at a time.

        Pages that fill an aligned block one after the other merge into it, whatever is around, at one merge fewer than
        there are pages; only then does it matter what the block merges with.
        """
        blocks: list[tuple[int, int]] = []
        for first, count, step in frame_runs(pfns):
            left = count
            at = first if step > 0 else first + 1
            while left:
                # The largest aligned block that begins here, or ends here where a run descends.
                low = at | TOP_PAGES
                order = min((low & -low).bit_length(), left.bit_length()) - 1
                size = 1 << order
                blocks.append((at if step > 0 else at - size, order))
                at += size * step
                left -= size
        self.merges += len(pfns) - len(blocks)
        self._insert_blocks(blocks, mt, lowest=0)

    def _insert_blocks(self, blocks: Sequence[tuple[int, int]], mt: MigrateType, lowest: int) -> None:
        """Insert blocks, (first frame, order), that were made of blocks of order `lowest`."""
        kinds, lists = self._kind, self.free_lists
        highest = merges = 0
        for first, at in blocks:
            pfn, order = first, at
            bit = 1 << order
            while order < TOP_ORDER:
                kind = kinds.get(pfn ^ bit, -1)
                if kind >> _TYPE_BITS != order:
                    break
                buddy = pfn ^ bit
                del kinds[buddy], lists[order][kind & _TYPE_MASK][buddy]
                pfn &= buddy
                order += 1
                bit <<= 1
                merges += 1
            highest = max(highest, order)
            listed = lists[order][mt]
            listed[pfn] = None
            kinds[pfn] = order << _TYPE_BITS | mt
            if order < TOP_ORDER - 1 and kinds.get((pfn & ~bit) ^ (bit << 1), -1) >> _TYPE_BITS == order + 1:
                listed.move_to_end(pfn, last=False)
        if blocks:
            self.written |= (2 << highest) - (1 << lowest)
        self.merges += merges

    def insert_range(self, start: int, pages: int, mt: MigrateType = MigrateType.MOVABLE) -> None:
        """Free frames `start` ... `start + pages - 1` in the largest aligned blocks."""
        end = start + pages
        while start < end:
            order = TOP_ORDER
            while start % (1 << order) or start + (1 << order) > end:
                order -= 1
            self.insert(start, order, mt)
            start += 1 << order

    def set_pageblock_type(self, pfn: int, mt: MigrateType) -> None:
        """Make the pageblock around `pfn` one of `mt`; free blocks keep the lists they are on."""
        self._set_type(self.pageblock(pfn), mt)

    def _set_type(self, pageblock: int, mt: MigrateType) -> None:
        self._pageblock[pageblock] = mt
        self.changes.append((pageblock, mt))

    def _add(self, pfn: int, order: int, mt: MigrateType) -> None:
        self.written |= 1 << order
        self.free_lists[order][mt][pfn] = None
        self._kind[pfn] = order << _TYPE_BITS | mt

    def _unlink(self, pfn: int) -> None:
        kind = self._kind.pop(pfn)
        self.written |= 1 << (kind >> _TYPE_BITS)
        del self.free_lists[kind >> _TYPE_BITS][kind & _TYPE_MASK][pfn]
