"""How many pages a pcp keeps, and how many move at a time: what a generation of the kernel adapts, and to what.

One object per pcp. It holds no pages; it is told of allocations and frees and says what is due. Whoever uses the pcp
in strides tells it of many at once, which must come to the same as telling it one by one.
"""

from __future__ import annotations

from simalloc.memory.pcp_sizes import PcpSizes


class Tuning:
    """Fixed sizes: a refill brings `batch` pages, and a free that finds `high` on the lists drains `batch`.

    Linux v4.10 (ea57485af8f4): rmqueue_bulk() for an empty list, free_hot_cold_page(). All sizes are in pages.
    """

    def __init__(self, sizes: PcpSizes) -> None:
        self.sizes = sizes
        self.batch = sizes.batch
        self.high = sizes.high

    def start_at(self, high: int) -> None:
        """Begin with this high mark, where it is one that adapts."""

    def on_alloc(self, hits: int) -> None:
        """Take note of `hits` allocations from the pcp, whether they refilled it or not."""

    def on_free(self, frees: int, order: int) -> None:
        """Take note of `frees` blocks of 2**order pages pushed on the pcp."""

    def room(self, count: int) -> int:
        """Return how many order-0 pages may be pushed, with `count` there, before one makes a drain due."""
        return max(self.high - 1 - count, 0)

    def drain(self, count: int, order: int) -> int:  # noqa: ARG002 - blocks of other orders came later
        """Return how many pages to drain now that a block of this order makes `count` pages; 0 if none."""
        return self.batch if count >= self.high else 0

    def refill(self, count: int, order: int) -> int:  # noqa: ARG002
        """Return how many blocks of 2**order pages an empty list gets, with `count` pages on the other lists."""
        return self.batch

    def snapshot(self) -> tuple[int, ...]:
        """Return all that decides what it says next, beside what it is told."""
        return (self.high,)


class DoublingDrains(Tuning):
    """Drains double while pages are freed and none allocated; refills bring a batch, in blocks of 2**order pages.

    `free_factor` is by how many doublings the next drain is larger than a batch. A drain leaves at least a batch, and
    an allocation halves the next one. Linux v5.14 (3b12e7e97938, 44042b449872): nr_pcp_free(), rmqueue_pcplist().
    """

    def __init__(self, sizes: PcpSizes) -> None:
        super().__init__(sizes)
        self.free_factor = 0

    def on_alloc(self, hits: int) -> None:
        """Let each allocation halve what the next drain gives back."""
        self.free_factor >>= hits

    def drain(self, count: int, order: int) -> int:  # noqa: ARG002
        """Return at least a batch, and no more than leaves a batch, if the count is at the high mark."""
        return self._doubled() if count >= self.high else 0

    def _doubled(self) -> int:
        # The kernel's own high is at least 4 batches; one set by hand may leave no room for a batch.
        most = max(self.high - self.batch, 1)
        pages = self.batch << self.free_factor
        if pages < most:
            self.free_factor += 1
        return min(max(pages, self.batch), most)

    def refill(self, count: int, order: int) -> int:  # noqa: ARG002
        """Return a batch of pages, but at least two blocks; 1 where the zone is too small to keep pages for a CPU."""
        return max(self.batch >> order, 2) if self.batch > 1 else 1

    def snapshot(self) -> tuple[int, ...]:
        """Return the high mark and the factor."""
        return self.high, self.free_factor


class BlocksDrainAll(DoublingDrains):
    """As before, and a block of order 1 or more that is freed with a drain behind it takes all pages along.

    Blocks that only come and never go would fragment memory. Linux v5.18, free_unref_page_commit(): free_high.
    """

    def drain(self, count: int, order: int) -> int:
        """Return all pages for such a block, else as before."""
        if self.free_factor and 0 < order <= COSTLY_ORDER:
            return count
        return super().drain(count, order)


COSTLY_ORDER = 3
"""The highest order, but for that of a pageblock, that pcp lists keep. Linux v5.14: PAGE_ALLOC_COSTLY_ORDER."""
