"""How many pages a pcp keeps, and how many move at a time: what a generation of the kernel adapts, and to what.

One object per pcp. It holds no pages; it is told of allocations and frees and says what is due. Whoever uses the pcp
in strides tells it of many at once, which must come to the same as telling it one by one.
"""

from __future__ import annotations

from typing import ClassVar

from mypy_extensions import mypyc_attr

from simalloc.memory.pcp_sizes import PcpSizes

COSTLY_ORDER = 3
"""The highest order, but for that of a pageblock, that pcp lists keep. Linux v5.14: PAGE_ALLOC_COSTLY_ORDER."""

RECLAIM = 1
"""Pressure: kswapd is at work on the zone (ZONE_RECLAIM_ACTIVE, Linux v5.14)."""

BELOW_HIGH = 2
"""Pressure: the zone has fewer free pages than its HIGH watermark (ZONE_BELOW_HIGH, Linux v6.7)."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Tuning:
    """Fixed sizes: a refill brings `batch` pages, and a free that finds `high` on the lists drains `batch`.

    Linux v4.10 (ea57485af8f4): rmqueue_bulk() for an empty list, free_hot_cold_page(). All sizes are in pages.
    `pressure` is a sum of RECLAIM and BELOW_HIGH, as this CPU knows the zone.
    """

    scales: ClassVar[bool] = False
    """Whether refills or drains grow beyond a batch, so that `scale_max` means something."""

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

    def room(self, count: int, pressure: int = 0) -> int:  # noqa: ARG002 - came with v5.14
        """Return how many order-0 pages may be pushed, with `count` there, before one makes a drain due."""
        return max(self.high - 1 - count, 0)

    def drain(self, count: int, order: int, pressure: int = 0) -> int:  # noqa: ARG002
        """Return how many pages to drain now that a block of this order makes `count` pages; 0 if none."""
        return self.batch if count >= self.high else 0

    def refill(self, count: int, order: int, pressure: int = 0) -> int:  # noqa: ARG002
        """Return how many blocks of 2**order pages an empty list gets, with `count` pages on the other lists."""
        return self.batch

    def decay(self, count: int) -> int:  # noqa: ARG002
        """Return how many pages to drain because time has passed: the vmstat worker asks once a second."""
        return 0

    def snapshot(self) -> tuple[int, ...]:
        """Return all that decides what it says next, beside what it is told."""
        return (self.high,)


@mypyc_attr(allow_interpreted_subclasses=True)
class DoublingDrains(Tuning):
    """Drains double while pages are freed and none allocated; refills bring a batch, in blocks of 2**order pages.

    `free_factor` is by how many doublings the next drain is larger than a batch. A drain leaves at least a batch, and
    an allocation halves the next one. While kswapd works, four batches are the high mark. Linux v5.14 (3b12e7e97938,
    44042b449872): nr_pcp_free(), nr_pcp_high(), rmqueue_pcplist().
    """

    scales: ClassVar[bool] = True

    def __init__(self, sizes: PcpSizes) -> None:
        super().__init__(sizes)
        self.free_factor = 0
        self._most_factor = sizes.scale_max

    def on_alloc(self, hits: int) -> None:
        """Let each allocation halve what the next drain gives back."""
        self.free_factor >>= hits

    def room(self, count: int, pressure: int = 0) -> int:
        """Return how many pages fit below the mark."""
        return max(self._mark(pressure) - 1 - count, 0)

    def _mark(self, pressure: int) -> int:
        return min(4 * self.batch, self.high) if pressure & RECLAIM else self.high

    def drain(self, count: int, order: int, pressure: int = 0) -> int:  # noqa: ARG002
        """Return at least a batch, and no more than leaves a batch, if the count is at the mark."""
        mark = self._mark(pressure)
        return self._doubled(mark) if count >= mark else 0

    def _doubled(self, mark: int) -> int:
        # The kernel's own high is at least 4 batches; one set by hand may leave no room for a batch.
        most = max(mark - self.batch, 1)
        pages = self.batch << self.free_factor
        if pages < most and (self._most_factor is None or self.free_factor < self._most_factor):
            self.free_factor += 1
        return min(max(pages, self.batch), most)

    def refill(self, count: int, order: int, pressure: int = 0) -> int:  # noqa: ARG002
        """Return a batch of pages, but at least two blocks; 1 where the zone is too small to keep pages for a CPU."""
        return max(self.batch >> order, 2) if self.batch > 1 else 1

    def snapshot(self) -> tuple[int, ...]:
        """Return the high mark and the factor."""
        return self.high, self.free_factor


@mypyc_attr(allow_interpreted_subclasses=True)
class BlocksDrainAll(DoublingDrains):
    """As before, and a block of order 1 or more that is freed with a drain behind it takes all pages along.

    Blocks that only come and never go would fragment memory. Linux v5.18, free_unref_page_commit(): free_high.
    """

    def drain(self, count: int, order: int, pressure: int = 0) -> int:
        """Return all pages for such a block, else as before."""
        if self.free_factor and 0 < order <= COSTLY_ORDER:
            return count
        return super().drain(count, order, pressure)


@mypyc_attr(allow_interpreted_subclasses=True)
class AutoTuned(Tuning):
    """High follows the load between high_min and high_max; refills double, drains grow with the pages freed in a row.

    - A refill of order 0 is a batch doubled `alloc_factor` times, up to `scale_max`, as far as the lists have room;
      each one raises high by as much. Every free halves it. Blocks come a batch at a time.
    - `free_count` counts pages freed in a row, up to a batch doubled `scale_max` times; every allocation halves it. A
      drain gives back that many, at least a batch, and leaves a batch.
    - A burst of blocks takes everything along, up to the largest drain.
    - Below the HIGH watermark, and while kswapd works, high falls by what is freed.
    - Once a second high decays by an eighth.

    Linux v6.7: nr_pcp_alloc(), nr_pcp_high(), nr_pcp_free(), decay_pcp_high() (90b41691b988, 57c0419c5f0e,
    6ccdcb6d3a74). A CPU whose cache slice holds more than three batches of pages keeps a batch in such a burst
    (PCPF_FREE_HIGH_BATCH): all machines here do.
    """

    scales: ClassVar[bool] = True

    def __init__(self, sizes: PcpSizes) -> None:
        super().__init__(sizes)
        self.high_min = sizes.high
        self.high_max = sizes.high if sizes.high_max is None else max(sizes.high_max, sizes.high)
        self._most_factor = DEFAULT_SCALE_MAX if sizes.scale_max is None else sizes.scale_max
        self._largest = self.batch << self._most_factor
        self.alloc_factor = 0
        self.free_count = 0
        self._freed_block = False
        self._in_burst = False

    def start_at(self, high: int) -> None:
        """Begin with this high mark, as far as it may be."""
        self.high = min(max(high, self.high_min), self.high_max)

    def burst_begins(self) -> int:
        """Return how many pages freed in a row make the next block part of a burst."""
        return self.batch

    def on_alloc(self, hits: int) -> None:
        """Let each allocation halve the pages freed in a row."""
        self.free_count >>= hits

    def on_free(self, frees: int, order: int) -> None:
        """Count what is freed in a row, and halve the next refill."""
        self.alloc_factor >>= frees
        is_block = 0 < order <= COSTLY_ORDER
        self._in_burst = is_block and self._freed_block and self.free_count >= self.burst_begins()
        self._freed_block = is_block
        left = self._largest - self.free_count
        if left > 0:
            pages = 1 << order
            self.free_count += min(frees, -(-left // pages)) * pages

    def room(self, count: int, pressure: int = 0) -> int:
        """Return how many pages fit below the mark; none under pressure, when each free moves it."""
        return 0 if pressure else max(self.high - 1 - count, 0)

    def drain(self, count: int, order: int, pressure: int = 0) -> int:  # noqa: ARG002
        """Return how many pages to drain, and let high follow."""
        if self._in_burst and count >= self.batch:
            self.high = max(self.high - self._largest, self.high_min)
            return min(count, self._largest)
        mark = self._mark(count, pressure)
        if count < mark:
            return 0
        return min(max(self.free_count, self.batch), max(mark - self.batch, 0)) if mark >= self.batch else 1

    def _mark(self, count: int, pressure: int) -> int:
        high = self.high
        if pressure & RECLAIM:
            self.high = max(high - max(self.free_count, self.batch), self.high_min)
            return min(4 * self.batch, self.high)
        if self.high_min == self.high_max:
            return high
        if pressure & BELOW_HIGH:
            self.high = max(high - max(self.free_count, self.batch), self.high_min)
            return max(count, self.high_min)
        if count >= high:
            # High should be large enough to hold what is freed in a row.
            self.high = min(max(self.free_count + self.batch, high), self.high_max)
        return high

    def refill(self, count: int, order: int, pressure: int = 0) -> int:
        """Return a batch, doubled with each refill since the last free, and raise high by it."""
        if self.high < self.batch:
            return 1
        batch = self.batch if order else self.batch << self.alloc_factor
        if self.high_min != self.high_max and not pressure & BELOW_HIGH:
            self.high = min(self.high + batch, self.high_max)
        if not order:
            most = max(self.high - count - self.batch, self.batch)
            if batch <= most and self.alloc_factor < self._most_factor:
                self.alloc_factor += 1
            batch = min(batch, most)
        return max(batch >> order, 2) if batch > 1 else batch

    def decay(self, count: int) -> int:
        """Lower high by an eighth, or to what is used if that is less; return what is then too much."""
        if self.high > self.high_min:
            self.high = max(count - self._largest, self.high - (self.high >> 3), self.high_min)
        return max(count - self.high, 0)

    def snapshot(self) -> tuple[int, ...]:
        """Return the high mark, both factors, and whether a block was freed last."""
        return self.high, self.alloc_factor, self.free_count, int(self._freed_block)


DEFAULT_SCALE_MAX = 5
"""CONFIG_PCP_BATCH_SCALE_MAX. Linux v6.7 (52166607ecc9)."""


@mypyc_attr(allow_interpreted_subclasses=True)
class LaterBursts(AutoTuned):
    """As before, but a burst of blocks begins only when half of high_min and a batch have been freed in a row.

    Linux v6.16 (Message-Id 20250407105219.55351-1).
    """

    def burst_begins(self) -> int:
        """Return a batch and half of high_min."""
        return self.batch + self.high_min // 2
