"""page_pool: a receive queue's own cache of pages, filled 64 at a time.

net/core/page_pool.c: a cache of 128 pages that only the owning softirq touches, and a ring of 1024 for pages that come
back from elsewhere, under a producer lock. Without recycling it is just the bulk allocation in front of the cache.
"""

from __future__ import annotations

from collections import deque

from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import Context, Cpu, Program, Sync

CACHE = 128
REFILL = 64
RING = 1024


class PagePool:
    """The pool of one queue."""

    def __init__(self, allocator: Allocator, steps: KernelSteps, *, recycle: bool, linked: bool = False) -> None:
        self.linked = linked
        self.allocator = allocator
        self.k = steps
        self.recycle = recycle
        self.cache: list[int] = []
        self.ring: deque[int] = deque()
        self.producer_lock = steps.lock("pool->ring.producer_lock")

    def get(self, cpu: Cpu, count: int, pages: list[int]) -> Program[None]:
        """Append `count` pages, or as many as there are."""
        while count:
            if not self.cache:
                yield from self._refill(cpu)
                if not self.cache:
                    return
            some = min(count, len(self.cache))
            yield self.k.pool_op * some
            pages += self.cache[-some:]
            del self.cache[-some:]
            count -= some

    def _refill(self, cpu: Cpu) -> Program[None]:
        if self.recycle:
            yield Sync()
            some = min(REFILL, len(self.ring))
            self.cache += [self.ring.popleft() for _ in range(some)]
            yield self.k.pool_op * some
        if self.cache:
            return
        if self.allocator.generation.has_bulk and self.linked:
            linked: list[int] = []
            got = yield from self.allocator.alloc_pages_bulk(cpu, REFILL, linked, linked=True)
            yield self.k.list_del * got
            self.cache += linked
        elif self.allocator.generation.has_bulk:
            yield from self.allocator.alloc_pages_bulk(cpu, REFILL, self.cache)
        else:
            yield from self.allocator.alloc_pages_each(cpu, REFILL, self.cache)

    def put(self, cpu: Cpu, page: int) -> Program[None]:
        """Take a page back: to the cache in softirq, else to the ring; what finds no room is freed."""
        if self.recycle and cpu.context is Context.SOFTIRQ and len(self.cache) < CACHE:
            yield self.k.pool_op
            self.cache.append(page)
            return
        if self.recycle and (yield from self._to_ring(page)):
            return
        yield from self.allocator.free_pages(cpu, page)

    def _to_ring(self, page: int) -> Program[bool]:
        yield self.k.bh_disable
        yield self.producer_lock.acquire
        room = len(self.ring) < RING
        if room:
            self.ring.append(page)
        yield self.k.pool_op
        yield self.producer_lock.release
        yield self.k.bh_enable
        return room
