"""The same model written the obvious way in SimPy: a timeout per primitive, a `simpy.Resource` per lock.

What simalloc is measured against (`speed.py`). It shares state (zones, pcp lists, cache recency) and prices with
simalloc, and nothing that makes simalloc fast; its simulated results are the same, to the cycle. Linux v4.10
(ea57485af8f4) only: interrupts masked around every pcp operation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Any

import simpy

from simalloc.allocators import KernelSteps
from simalloc.hardware import Recency
from simalloc.machine import Machine, Step
from simalloc.memory import MigrateType, Zone
from simalloc.workloads.nic_rx import NicRx
from simalloc.workloads.rx_queue import NAPI_WEIGHT, NETDEV_BUDGET
from simalloc.workloads.rx_ring import Ring

UNMOVABLE = MigrateType.UNMOVABLE

Process = Generator[simpy.Event, Any, Any]


class Cpu:
    """A CPU: a SimPy process that others interrupt, and whether it lets them."""

    def __init__(self, kernel: Kernel, index: int) -> None:
        self.kernel = kernel
        self.index = index
        self.process: simpy.Process | None = None
        self.masked = False
        self.interruptible = False
        self.pending: deque[Callable[[], Process]] = deque()
        self.softirq: Callable[[], Process] | None = None
        self.in_softirq = False

    def spend(self, step: Step) -> Process:
        """Let the cycles of one primitive pass, with the interrupts that fall into it."""
        env, left = self.kernel.env, step.cycles
        while left:
            yield from self.take()
            start = env.now
            self.interruptible = not self.masked
            try:
                yield env.timeout(left)
                left = 0
            except simpy.Interrupt:
                left -= int(env.now - start)
            self.interruptible = False

    def idle(self) -> Process:
        """Do nothing but serve interrupts, for ever."""
        while True:
            yield from self.take()
            self.interruptible = True
            try:
                yield self.kernel.env.event()
            except simpy.Interrupt:
                self.interruptible = False

    def arrive(self, handler: Callable[[], Process]) -> None:
        """An interrupt comes."""
        self.pending.append(handler)
        if self.interruptible and self.process is not None:
            self.interruptible = False
            self.process.interrupt()

    def take(self) -> Process:
        """Serve what is pending, if it may be."""
        k = self.kernel
        while self.pending and not self.masked:
            handler = self.pending.popleft()
            self.masked = True
            yield from self.spend(k.machine.hardirq_entry)
            yield from handler()
            yield from self.spend(k.machine.hardirq_exit)
            self.masked = False
            if self.softirq is not None and not self.in_softirq:
                yield from self.run_softirq()

    def run_softirq(self) -> Process:
        """Run what was raised until nothing is."""
        self.in_softirq = True
        yield from self.spend(self.kernel.machine.softirq_dispatch)
        while self.softirq is not None:
            yield from self.take()
            action, self.softirq = self.softirq, None
            yield from action()
        self.in_softirq = False


class Kernel:
    """The page allocator of Linux v4.10 on one zone."""

    def __init__(self, machine: Machine, zone: Zone, steps: KernelSteps) -> None:
        self.env = simpy.Environment()
        self.machine = machine  # for its prices and distances alone; it does not run
        self.zone = zone
        self.k = steps
        self.lock = simpy.Resource(self.env, capacity=1)
        self.last_holder: Cpu | None = None
        self.held = 0
        self.since = 0
        self.lines = steps.costs["zone_lines"]
        half_point = round(steps.costs["struct_page_lines"])
        self.cpus = [Cpu(self, index) for index in range(len(machine.cpus))]
        self.recency = [Recency(half_point) for _ in self.cpus]
        self.transfer = machine.topology.transfer

    def alloc(self, cpu: Cpu) -> Process:
        """buffered_rmqueue: a page off the pcp list, refilled if it is empty."""
        k, spend = self.k, cpu.spend
        yield from spend(k.alloc_call)
        yield from self.mask(cpu)
        pcp = self.zone.pcps[cpu.index]
        if not pcp.lists[UNMOVABLE]:
            yield from self.refill(cpu)
        yield from spend(k.pcp_pop)
        pfn = pcp.pop(UNMOVABLE)
        yield from spend(k.zone_counters)
        yield from self.unmask(cpu, k.irq_restore_alloc)
        yield from spend(k.prep_new_page)
        return pfn

    def free(self, cpu: Cpu, pfn: int) -> Process:
        """free_hot_cold_page: a page onto the pcp list, drained at the high mark."""
        k, spend = self.k, cpu.spend
        yield from spend(k.put_page)
        level = self.recency[cpu.index].touch(pfn)
        if level:
            yield from spend(k.struct_page_miss[level])
        yield from spend(k.free_prepare)
        mt = self.zone.buddy.pageblock_type(pfn)
        yield from self.mask(cpu)
        yield from spend(k.event_counter)
        yield from spend(k.pcp_push)
        pcp = self.zone.pcps[cpu.index]
        pcp.push(pfn, mt)
        if pcp.count >= pcp.high:
            yield from self.drain(cpu)
        yield from self.unmask(cpu, k.irq_restore_free)

    def mask(self, cpu: Cpu) -> Process:
        """local_irq_save."""
        yield from cpu.spend(self.k.irq_save)
        cpu.masked = True

    def unmask(self, cpu: Cpu, step: Step) -> Process:
        """local_irq_restore: what came meanwhile is served."""
        yield from cpu.spend(step)
        cpu.masked = False
        yield from cpu.take()

    def refill(self, cpu: Cpu) -> Process:
        """rmqueue_bulk: a batch from the buddy lists, page by page."""
        k, zone, buddy = self.k, self.zone, self.zone.buddy
        pcp = zone.pcps[cpu.index]
        pfns: list[int] = []
        request = yield from self.take_lock(cpu)
        for _ in range(pcp.batch):
            splits, fallbacks = buddy.splits, buddy.fallbacks
            pfn = buddy.remove(0, UNMOVABLE)
            if pfn is None:
                raise MemoryError("the zone is too small")
            zone.free_pages -= 1
            pfns.append(pfn)
            yield from cpu.spend(k.buddy_remove)
            for _ in range(buddy.splits - splits):
                yield from cpu.spend(k.buddy_split)
            for _ in range(buddy.fallbacks - fallbacks):
                yield from cpu.spend(k.buddy_fallback)
            level = self.recency[cpu.index].touch(pfn)
            if level:
                yield from cpu.spend(k.struct_page_miss[level])
        pcp.refill(pfns, UNMOVABLE)
        yield from self.give_lock(cpu, request)

    def drain(self, cpu: Cpu) -> Process:
        """free_pcppages_bulk: a batch to the buddy lists, page by page."""
        k, zone, buddy = self.k, self.zone, self.zone.buddy
        pcp = zone.pcps[cpu.index]
        request = yield from self.take_lock(cpu)
        for _, mt, pfns in pcp.take_round_robin(pcp.batch):
            for pfn in pfns:
                merges = buddy.merges
                buddy.insert(pfn, 0, mt)
                zone.free_pages += 1
                yield from cpu.spend(k.buddy_insert)
                for _ in range(buddy.merges - merges):
                    yield from cpu.spend(k.buddy_merge)
        yield from self.give_lock(cpu, request)

    def take_lock(self, cpu: Cpu) -> Process:
        """spin_lock(&zone->lock), a qspinlock: the lines that come with it are fetched from the last holder."""
        yield from cpu.spend(self.k.spin_lock)
        free = not self.lock.users
        request = self.lock.request()
        yield request
        last = self.last_holder
        fetch = 0.0
        if last is not None and last is not cpu:
            distance = self.transfer(last.index, cpu.index)
            own = free
            if not free:
                promotion = max(0, distance - self.held) if self.lock.queue else 0
                yield from self.cycles(distance + promotion)
            fetch = round(distance * (self.lines + own))
        self.since = int(self.env.now)
        yield from self.cycles(int(fetch))
        return request

    def give_lock(self, cpu: Cpu, request: simpy.resources.resource.Request) -> Process:
        """spin_unlock(&zone->lock)."""
        yield from cpu.spend(self.k.spin_unlock)
        self.held = int(self.env.now) - self.since
        self.last_holder = cpu
        self.lock.release(request)

    def cycles(self, cycles: int) -> Process:
        """Let so many cycles pass, interrupts masked."""
        if cycles:
            yield self.env.timeout(cycles)


def spill(kernel: Kernel, cpu: Cpu, start: Step, pages: int, rounds: int, ends: list[int]) -> Process:
    """Allocate so many pages and free them in order, so many times; note when it ended."""
    yield from cpu.spend(start)
    for _ in range(rounds):
        held = []
        for _ in range(pages):
            held.append((yield from kernel.alloc(cpu)))
        for pfn in held:
            yield from kernel.free(cpu, pfn)
    ends[cpu.index] = int(kernel.env.now)


class Queue:
    """A receive queue of a network card: interrupt, softirq, poll; a page freed and one allocated for each packet."""

    def __init__(self, kernel: Kernel, cpu: Cpu, nic: NicRx, ring: Ring) -> None:
        self.kernel = kernel
        self.cpu = cpu
        self.nic = nic
        self.ring = ring
        self.pages: deque[int] = deque()

    def main(self) -> Process:
        """Fill the ring, then serve interrupts."""
        yield from self.fill(self.nic.spec.ring)
        self.arm()
        yield from self.cpu.idle()

    def fill(self, count: int) -> Process:
        """Allocate so many pages."""
        for _ in range(count):
            self.pages.append((yield from self.kernel.alloc(self.cpu)))

    def arm(self) -> None:
        """Announce the next interrupt."""
        env, spec = self.kernel.env, self.nic.spec
        now = int(env.now)
        self.ring.advance(now)
        first = self.ring.when(1) + self.nic.cycles_of_us(spec.moderation_us)
        enough = self.ring.when(min(spec.moderation_packets, spec.ring))
        env.process(self.ring_up(max(now, min(first, enough))))

    def ring_up(self, at: int) -> Process:
        """Interrupt the CPU then."""
        yield self.kernel.env.timeout(at - self.kernel.env.now)
        self.cpu.arrive(self.interrupt)

    def interrupt(self) -> Process:
        """Leave it to the softirq."""
        self.cpu.softirq = self.poll_all
        yield from ()

    def poll_all(self) -> Process:
        """net_rx_action."""
        budget = NETDEV_BUDGET
        while True:
            done = yield from self.poll()
            budget -= done
            if done < NAPI_WEIGHT:
                self.arm()
                return
            if budget <= 0:
                self.cpu.softirq = self.poll_all
                return

    def poll(self) -> Process:
        """Up to 64 packets."""
        yield from self.cpu.spend(self.nic.card.poll_step)
        count = self.ring.take(int(self.kernel.env.now), NAPI_WEIGHT)
        for _ in range(count):
            yield from self.cpu.spend(self.nic.card.packet_step)
            yield from self.kernel.free(self.cpu, self.pages.popleft())
        yield from self.fill(count)
        return count


def ticks(cpu: Cpu, times: Iterator[int], work: Step) -> Process:
    """Interrupt a CPU at these cycles."""
    env = cpu.kernel.env
    for time in times:
        yield env.timeout(time - env.now)
        cpu.arrive(lambda: cpu.spend(work))
