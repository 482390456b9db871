"""nic-rx: a network card's receive queues, an interrupt and a NAPI poll per queue, a page per packet.

What a queue does is in `rx_queue.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, repeat
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simalloc.allocators import Allocator, KernelSteps
from simalloc.machine import FOREVER, Activity, Context, Cpu, Instrument, Machine, Program
from simalloc.measure import LockTimes, ledger
from simalloc.memory.size import PAGE_SIZE
from simalloc.workloads.arrivals import BurstUs, Pattern, arrivals, check_bursts, stream
from simalloc.workloads.base import Measured, Workload, WorkloadSpec
from simalloc.workloads.page_pool import PagePool
from simalloc.workloads.pagealloc import PageAllocSpec
from simalloc.workloads.rx_queue import NET_RX, Card, Queue
from simalloc.workloads.windows import Windows

WINDOWS = 10
"""Batches of the measured time, for confidence intervals."""

Load = Annotated[float, Field(ge=1e-6, le=1e4)]


class NicRxSpec(WorkloadSpec):
    """Receive queues of a network card, one CPU each."""

    kind: Literal["nic-rx"] = Field(description="receive packets by interrupt, softirq and poll, a page each")
    queues: Annotated[int, Field(ge=1, le=512)] = Field(default=8, description="receive queues; queue i is on CPU i")
    gbits: Load | None = Field(default=None, description="offered load of all queues together, Gbit/s of packet bytes")
    queue_gbits: Load | None = Field(default=None, description="instead of gbits: load of each queue, Gbit/s")
    queue_mpps: Annotated[float, Field(ge=1e-6, le=200)] | None = Field(
        default=None,
        description="instead of gbits: load of each queue, million packets a second; 148.8 of the smallest "
        "packets fill 100 Gbit/s",
    )
    packet_bytes: Annotated[int, Field(ge=64, le=1 << 16)] = Field(
        default=1500, description="bytes of a packet, which must fit in its page or block"
    )
    order: Annotated[int, Field(ge=0, le=10)] = Field(
        default=0, description="each packet gets a block of 2**order pages; only with api: single"
    )
    arrivals: Pattern | Literal["recorded"] = Field(default="poisson", description="how packets arrive at a queue")
    burst_on_us: BurstUs = Field(default=50.0, description="bursty: mean length of a burst, us")
    burst_off_us: BurstUs = Field(default=50.0, description="bursty: mean gap between bursts, us")
    times_us: list[Annotated[float, Field(ge=0, le=1e9)]] = Field(
        default=[], description="recorded: when packets arrive at every queue, us, ascending"
    )
    moderation_us: Annotated[float, Field(ge=0, le=1e6)] = Field(
        default=8.0, description="time from the first packet that waits to the interrupt, us"
    )
    moderation_packets: Annotated[int, Field(ge=1, le=1 << 16)] = Field(
        default=64, description="the interrupt comes earlier if so many packets wait"
    )
    ring: Annotated[int, Field(ge=64, le=1 << 16)] = Field(
        default=1024, description="packets that may wait in a queue; further packets are dropped"
    )
    packet_cycles: Annotated[int, Field(ge=0, le=10**9)] = Field(
        default=3000, description="driver and protocol work per packet, in softirq, cycles"
    )
    poll_cycles: Annotated[int, Field(ge=0, le=10**9)] = Field(
        default=300, description="cost of a poll beside its packets, cycles"
    )
    api: Literal["single", "bulk", "bulk-list"] = Field(
        default="single",
        description="pages one by one (single), or 64 at a time as page_pool does, in an array (bulk) or a list; "
        "allocators without a bulk API take them one by one",
    )
    recycle: bool = Field(default=False, description="page_pool keeps pages that come back (cache 128, ring 1024)")
    freed_by: Literal["softirq", "task"] = Field(
        default="softirq", description="who frees a packet's page: the poll, or an application on CPU queues + i"
    )
    task_cycles: Annotated[int, Field(ge=0, le=10**9)] = Field(
        default=1000, description="freed_by task: the application's work per packet, cycles"
    )
    socket: Annotated[int, Field(ge=1, le=1 << 20)] = Field(
        default=4096,
        description="freed_by task: packets that may wait for the application; further packets are dropped",
    )
    milliseconds: Annotated[float, Field(ge=0.01, le=1e5)] = Field(
        default=10.0, description="measured time, after the warm-up, ms"
    )
    warmup_ms: Annotated[float, Field(ge=0, le=1e5)] = Field(default=1.0, description="time not measured, ms")
    one_cpu: bool = Field(
        default=False,
        description="also show what an allocation and a free cost in a task on one CPU without interrupts",
    )

    @model_validator(mode="after")
    def _recycling_needs_a_pool(self) -> NicRxSpec:
        if self.recycle and self.api == "single":
            raise ValueError("recycle is what a page_pool does; it needs api: bulk")
        return self

    @model_validator(mode="after")
    def _a_packet_fits(self) -> NicRxSpec:
        if self.packet_bytes > PAGE_SIZE << self.order:
            raise ValueError(f"packets of {self.packet_bytes} bytes need a higher order than {self.order}")
        if self.order and self.api != "single":
            raise ValueError("the bulk API gives single pages; blocks need api: single")
        return self

    @model_validator(mode="after")
    def _load_is_given_once(self) -> NicRxSpec:
        given = [name for name in ("gbits", "queue_gbits", "queue_mpps") if getattr(self, name) is not None]
        if self.arrivals == "recorded":
            if given or not self.times_us or self.times_us != sorted(self.times_us):
                raise ValueError("recorded arrivals need times_us, ascending, and no other load")
        elif len(given) != 1 or self.times_us:
            raise ValueError("give the load once: gbits, queue_gbits or queue_mpps, or recorded arrivals with times_us")
        if self.arrivals == "bursty":
            check_bursts(self.packets_per_ms() * 1000, self.burst_on_us, self.burst_off_us)
        return self

    def packets_per_ms(self) -> float:
        """Return packets a millisecond at each queue, on average; 0 for recorded ones."""
        if self.queue_mpps is not None:
            return self.queue_mpps * 1000
        gbits = self.queue_gbits if self.queue_gbits is not None else (self.gbits or 0.0) / self.queues
        return gbits * 1e6 / (8 * self.packet_bytes)

    def pages_needed(self) -> int:
        """Return the most pages a CPU holds at once: its ring, a pool, and what the application has not read."""
        unread = self.socket if self.freed_by == "task" else 0
        return (2 * self.ring + unread + (0 if self.api == "single" else 1024 + 128 + 64)) << self.order

    def uses_lists(self) -> bool:
        """Whether its pool is filled with lists."""
        return self.api == "bulk-list"

    def highest_order(self) -> int:
        """Return the order of its blocks."""
        return self.order

    def duration_ms(self) -> float:
        """Return warm-up and measured time."""
        return self.warmup_ms + self.milliseconds

    def effort(self, ghz: float) -> float:  # noqa: ARG002
        """Return about how many packets a CPU receives."""
        return self.packets_per_ms() * self.duration_ms() if not self.times_us else float(len(self.times_us))

    def cpus_needed(self) -> int:
        """Return a CPU per queue, and one per application."""
        return self.queues * (2 if self.freed_by == "task" else 1)

    def has_intervals(self) -> bool:
        """Whether a single run gives intervals: yes, over parts of the measured time."""
        return True

    def also(self) -> PageAllocSpec | None:
        """Return the single-CPU benchmark, if it is wanted beside."""
        return PageAllocSpec(kind="pagealloc", batches=[64], samples=3) if self.one_cpu else None


class NicRx(Workload):
    """Receive queues on the first CPUs; applications, if they free the pages, on as many after them."""

    def __init__(self, spec: NicRxSpec, allocator: Allocator, steps: KernelSteps) -> None:
        super().__init__(allocator, steps)
        self.spec = spec
        self.machine = steps.machine
        define = self.machine.steps.define
        packet_step = define("packet", Activity.WORK, spec.packet_cycles)
        poll_step = define("napi poll", Activity.WORK, spec.poll_cycles)
        self.task_step = define("application", Activity.WORK, spec.task_cycles)
        ms = self.machine.milliseconds
        self.windows = Windows(ms(spec.warmup_ms), ms(spec.milliseconds), WINDOWS)
        self.lock_times = LockTimes(self.windows.spread)
        pool = partial(PagePool, allocator, steps, recycle=spec.recycle, linked=spec.uses_lists())
        self.card = Card(
            allocator=allocator,
            windows=self.windows,
            poll_step=poll_step,
            packet_step=packet_step,
            moderation=self.cycles_of_us(spec.moderation_us),
            moderation_packets=min(spec.moderation_packets, spec.ring),
            ring=spec.ring,
            order=spec.order,
            socket=spec.socket if spec.freed_by == "task" else None,
            new_pool=None if spec.api == "single" else pool,
        )
        self.queues: list[Queue] = []

    def cycles_of_us(self, us: float) -> int:
        """Return so many microseconds in cycles."""
        return self.machine.milliseconds(us / 1000)

    def prepare(self, machine: Machine, seed: int) -> Sequence[Instrument]:
        """Make the queues, each with its own stream of packets."""
        spec = self.spec
        for index in range(spec.queues):
            queue = Queue(self.card, index, self._arrivals(seed, index))
            machine.cpus[index].interrupts.register_softirq(NET_RX, queue.softirq)
            self.queues.append(queue)
        return [self.lock_times]

    def _arrivals(self, seed: int, index: int) -> Iterator[int]:
        spec = self.spec
        if spec.arrivals == "recorded":
            # After the last one, nothing: a packet at a cycle no run reaches.
            return chain((self.cycles_of_us(us) for us in spec.times_us), repeat(FOREVER))
        gap = self.machine.milliseconds(1) / spec.packets_per_ms()
        on, off = self.cycles_of_us(spec.burst_on_us), self.cycles_of_us(spec.burst_off_us)
        return arrivals(spec.arrivals, gap, stream(seed, 1, index), on, off)

    def program(self, cpu: Cpu) -> Program[None]:
        """On a queue's CPU: fill the ring, arm the interrupt, be idle. On an application's: read and free."""
        if cpu.index < self.spec.queues:
            yield from self.queues[cpu.index].start(cpu)
        elif cpu.index < self.spec.cpus_needed():
            yield from self._application(cpu, self.queues[cpu.index - self.spec.queues])

    def _application(self, cpu: Cpu, queue: Queue) -> Program[None]:
        while True:
            page = yield queue.socket.receive
            yield self.task_step
            yield from queue.free(cpu, page)
            self.windows.add("packets", cpu.clock, 1)

    def measured(self) -> list[Measured]:
        """Throughput, drops and the lock's shares over the measured time; shares of contexts over the whole run."""
        spec, windows = self.spec, self.windows
        self.lock_times.finish(self.machine)
        seconds = spec.milliseconds / 1000
        gbit = spec.packet_bytes * 8 / 1e9
        for queue in self.queues:
            queue.ring.advance(self.machine.until)
            for time in queue.ring.dropped:
                windows.add("dropped", time, 1)
        cpu_cycles = windows.length * len(self.machine.cpus)
        rate = gbit / seconds * WINDOWS
        figures = [
            self._figure("throughput", "packets", rate, "Gbit/s"),
            Measured("offered", spec.packets_per_ms() * 1000 * gbit * spec.queues, "Gbit/s"),
            # Without an interval: rings fill up first, so that windows are no sample of one mean.
            Measured("dropped", windows.mean("dropped", rate)[0], "Gbit/s"),
            self._figure("spin_share", "zone->lock waited", 100 / cpu_cycles, "%"),
            self._figure("lock_held_share", "zone->lock in use", 100 / windows.length / len(self.allocator.zones), "%"),
        ]
        return figures + self._shares()

    def _figure(self, metric: str, counted: str, factor: float, unit: str) -> Measured:
        value, half_width = self.windows.mean(counted, factor)
        return Measured(metric, value, unit, ci95=half_width)

    def _shares(self) -> list[Measured]:
        """Return the share of every context in all CPUs' time, and how long and how many packets wait in rings."""
        rows = ledger(self.machine)
        total = sum(row.cycles for row in rows)
        shares = [
            Measured(
                f"{context.label}_share",
                100 * sum(row.cycles for row in rows if row.context == context.label) / total,
                "%",
            )
            for context in (Context.IDLE, Context.TASK, Context.SOFTIRQ, Context.HARDIRQ)
        ]
        taken = sum(queue.ring.taken for queue in self.queues)
        mean_wait = sum(queue.ring.waited for queue in self.queues) / max(taken, 1)
        waiting = sum(queue.ring.area for queue in self.queues) / self.machine.until
        return [
            *shares,
            Measured("ring_wait", mean_wait / self.machine.milliseconds(1) * 1000, "us"),
            Measured("ring_waiting", waiting, "packets"),
        ]
