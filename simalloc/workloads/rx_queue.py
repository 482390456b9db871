"""A receive queue of a network card: its interrupt, its NAPI poll, and the page that each packet leaves with.

The driver's story is that of Linux v4.10 (ea57485af8f4), net/core/dev.c. The interrupt raises NET_RX. Its softirq polls
up to 64 packets at a time and 300 in a run. A poll that finds fewer than 64 ends, and the interrupt is armed again.
Each packet leaves with its page, and the ring needs another, so the driver allocates a page for each packet. Whoever
consumes the packet frees its page.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simalloc.allocators import Allocator
from simalloc.machine import Cpu, Mailbox, Program, Step
from simalloc.memory import NoPages
from simalloc.workloads.page_pool import PagePool
from simalloc.workloads.rx_ring import Ring
from simalloc.workloads.windows import Windows

NET_RX = 3
"""Number of the receive softirq. Linux v4.10 (ea57485af8f4), include/linux/interrupt.h."""

NAPI_WEIGHT = 64
"""Packets a poll may take."""

NETDEV_BUDGET = 300
"""Packets one run of the softirq may take before it has to be raised again."""


@dataclass
class Card:
    """What the queues of a card share.

    An interrupt comes `moderation` cycles after the first packet that waits, or when `moderation_packets` do. A ring
    has room for `ring` packets, each in a block of 2**`order` pages. `socket` packets may wait for an application;
    with None the poll consumes them itself. `new_pool` makes a queue's page_pool, if queues have one.
    """

    allocator: Allocator
    windows: Windows
    poll_step: Step
    packet_step: Step
    moderation: int
    moderation_packets: int
    ring: int
    order: int
    socket: int | None
    new_pool: Callable[[], PagePool] | None


class Queue:
    """One receive queue: its ring, and its CPU's pages. `socket` is where its packets wait for an application."""

    def __init__(self, card: Card, index: int, times: Iterator[int]) -> None:
        self.card = card
        self.ring = Ring(times, card.ring)
        self.socket = Mailbox(f"socket {index}", card.socket or 0)
        self.pages: deque[int] = deque()
        self.pool = card.new_pool() if card.new_pool else None

    def start(self, cpu: Cpu) -> Program[None]:
        """Fill the ring and wait for the first packet."""
        yield from self.fill(cpu, self.card.ring)
        self.arm(cpu)

    def arm(self, cpu: Cpu) -> None:
        """Announce the next interrupt: some time after the first packet it is for, or when enough of them wait."""
        self.ring.advance(cpu.clock)
        first = self.ring.when(1) + self.card.moderation
        enough = self.ring.when(self.card.moderation_packets)
        cpu.interrupts.raise_at(max(cpu.clock, min(first, enough)), "nic", self.interrupt)

    def interrupt(self, cpu: Cpu) -> Program[None]:
        """Leave it to the softirq; the card's interrupt stays off until the poll has caught up."""
        cpu.interrupts.raise_softirq(NET_RX)
        yield from ()

    def softirq(self, cpu: Cpu) -> Program[None]:
        """Poll until there is nothing left, or the budget is used up (`net_rx_action`)."""
        budget = NETDEV_BUDGET
        while True:
            cpu.site = "napi_poll"
            done = yield from self.poll(cpu)
            budget -= done
            if done < NAPI_WEIGHT:
                self.arm(cpu)
                return
            if budget <= 0:
                cpu.interrupts.raise_softirq(NET_RX)
                return

    def poll(self, cpu: Cpu) -> Program[int]:
        """Take up to 64 packets, pass each on, and give the ring a new page for each."""
        yield self.card.poll_step
        count = self.ring.take(cpu.clock, NAPI_WEIGHT)
        pages = [self.pages.popleft() for _ in range(count)]
        if self.card.socket is None:
            yield from self.consume(cpu, pages)
        else:
            yield from self.pass_on(cpu, pages)
        yield from self.fill(cpu, count)
        return count

    def consume(self, cpu: Cpu, pages: list[int]) -> Program[None]:
        """Work on packets and free their pages; as many in one stride as are pcp hits and in one window."""
        card, done = self.card, 0
        windows, strides = card.windows, card.allocator.strides
        while done < len(pages):
            hits = 0
            if not self.pool and not card.order:
                until = windows.end_of(cpu.clock)
                hits = strides.free(cpu, pages, done, after=card.packet_step, until=until)
            if not hits:
                yield card.packet_step
                yield from self.free(cpu, pages[done])
            done += hits or 1
            windows.add("packets", cpu.clock, hits or 1)

    def pass_on(self, cpu: Cpu, pages: list[int]) -> Program[None]:
        """Work on packets and hand them to the application; drop those it has no room for."""
        for page in pages:
            yield self.card.packet_step
            if not (yield self.socket.post(page)):
                yield from self.free(cpu, page)
                self.card.windows.add("dropped", cpu.clock, 1)

    def fill(self, cpu: Cpu, count: int) -> Program[None]:
        """Give the ring `count` pages. Raises NoPages if the zone has not so many."""
        pages: list[int] = []
        if self.pool:
            yield from self.pool.get(cpu, count, pages)
        else:
            yield from self.card.allocator.alloc_pages_each(cpu, count, pages, self.card.order)
        if len(pages) < count:
            raise NoPages(f"cpu {cpu.index} got no page for its ring at cycle {cpu.clock}: the zone is too small")
        self.pages += pages

    def free(self, cpu: Cpu, page: int) -> Program[None]:
        """Let go of a packet's page."""
        if self.pool:
            yield from self.pool.put(cpu, page)
        else:
            yield from self.card.allocator.free_pages_each(cpu, (page,), self.card.order)
