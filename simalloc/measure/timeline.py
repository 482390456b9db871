"""Writes down everything that happens on every CPU between two cycles: steps, contexts, waits, holds, pages.

Inside the window every step takes the slow way, so runs of pcp hits show as their steps; outside it a run is about as
fast as without a recording. A run has the same results with and without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from simalloc.machine import Context, Cpu, Instrument, Machine, SpinLock, Step
from simalloc.measure.contexts import Contexts, Stay
from simalloc.measure.records import (
    FreeArea,
    Hold,
    InContext,
    IrqsOff,
    Moved,
    PageCall,
    PcpCount,
    Ran,
    Record,
    Recording,
    Softirq,
    Wait,
)
from simalloc.memory import Zone

LIMIT = 200_000
"""Records kept of one run: about 100 MB in memory, 10 MB on disk (measured on nic-rx-2017, eight CPUs)."""

PageblockType = Callable[[Zone, Cpu, int], int]

Begun = tuple[int, str, bool]
"""Since when, and flags and idleness then."""


class Timeline(Instrument):
    """Records cycles [start, stop), and at most about `limit` records: when they are reached it stops there.

    Register it before the run, call `finish` after it; `rows` is then the recording. `pageblock_type` tells which
    migratetype a CPU sees on the pageblock around a frame.
    """

    def __init__(
        self, start: int, stop: int, zones: Sequence[Zone], pageblock_type: PageblockType, limit: int = LIMIT
    ) -> None:
        self.window = (start, stop)
        self.records: list[Record] = []
        self.limit = limit
        self.full = False
        self._is_over = False
        self._zones = zones
        self._pageblock_type = pageblock_type
        self._contexts = Contexts()
        self._softirqs: dict[tuple[int, int], Begun] = {}
        self._waits: dict[tuple[int, SpinLock], tuple[int, Begun]] = {}
        self._taken: dict[SpinLock, tuple[int, int, str]] = {}
        self._given: dict[SpinLock, tuple[int, int]] = {}
        self._numbers: dict[SpinLock, int] = {}
        self._counts: dict[tuple[int, str], tuple[int, int, int]] = {}
        self._areas = {zone.name: zone.buddy.free_blocks() for zone in zones}
        self._has_begun = False
        self._told: set[str] = set()

    # Steps and pcp counts

    def step(self, cpu: Cpu, step: Step, times: int, start: int) -> None:
        """Write the step down, and what has changed on this CPU's lists since the last."""
        if not self._has_begun and cpu.clock >= self.window[0]:
            # Workloads take pages for themselves before the run, and no instrument is told.
            self._has_begun = True
            self._areas = {zone.name: zone.buddy.free_blocks() for zone in self._zones}
        if not self._overlaps(start, cpu.clock):
            return
        self._count(cpu, max(start, self.window[0]))
        if cpu.context is not Context.IDLE:
            ran = Ran(cpu.index, start, cpu.clock, cpu.context.label, cpu.site, step.name, step.activity.value, times)
            self._keep(ran, cpu)

    def _count(self, cpu: Cpu, at: int) -> None:
        for zone in self._zones:
            pcp, key = zone.pcps[cpu.index], (cpu.index, zone.name)
            now = (pcp.count, pcp.high, pcp.batch)
            if self._counts.get(key) != now:
                at = at if key in self._counts else self.window[0]
                self._counts[key] = now
                self._keep(PcpCount(cpu.index, at, at, zone.name, *now), cpu)

    # Contexts

    def context_switched(self, cpu: Cpu, previous: Context, context: Context) -> None:
        """Write down the stay that has ended."""
        ended = self._contexts.switch(cpu, previous, context)
        if ended is not None:
            self._leave(cpu, ended)
        newest = self._contexts.of(cpu)[-1]
        if not newest.flags:
            newest.flags, newest.idle = self._state(cpu)

    def irq_taken(self, cpu: Cpu, name: str, latency: int) -> None:
        """Remember the name of the interrupt whose context comes next."""
        self._contexts.expect(cpu, name, latency)

    def softirq(self, cpu: Cpu, number: int, what: str) -> None:
        """Write down a raise at once, a handler when it has ended."""
        key = cpu.index, number
        if what == "raise" and self._is_inside(cpu.clock):
            self._keep(Softirq(cpu.index, cpu.clock, cpu.clock, number, True, *self._state(cpu)), cpu)
        elif what == "entry":
            self._softirqs[key] = (cpu.clock, *self._state(cpu))
        elif what == "exit":
            self._leave_softirq(cpu, key)

    def irqs_window(self, cpu: Cpu, start: int, end: int, waited: int, held: int, times: int) -> None:  # noqa: ARG002
        """Write down a window with interrupts off; of a stride's, which lie outside the recording, the last."""
        if end > self.window[0] and self._overlaps(start, end):
            self._keep(IrqsOff(cpu.index, start, end, cpu.site), cpu)

    def _leave(self, cpu: Cpu, stay: Stay) -> None:
        if self._overlaps(stay.since, cpu.clock):
            context, name, latency = stay.context.label, stay.name, stay.latency
            self._keep(InContext(cpu.index, stay.since, cpu.clock, context, name, latency, stay.flags, stay.idle), cpu)

    def _leave_softirq(self, cpu: Cpu, key: tuple[int, int]) -> None:
        since, flags, idle = self._softirqs.pop(key)
        if self._overlaps(since, cpu.clock):
            self._keep(Softirq(cpu.index, since, cpu.clock, key[1], False, flags, idle), cpu)

    def _state(self, cpu: Cpu) -> tuple[str, bool]:
        """Return flags and idleness; after the recording nobody asks for them."""
        if cpu.clock >= self.window[1]:
            return "-", False
        return self._contexts.flags(cpu), self._contexts.no_task(cpu)

    # Locks

    def lock_waiting(self, cpu: Cpu, lock: SpinLock, owner: Cpu) -> None:
        """Remember whom the wait is for."""
        self._waits[cpu.index, lock] = owner.index, (cpu.clock, *self._state(cpu))

    def lock_acquired(self, cpu: Cpu, lock: SpinLock, waited: int, contended: bool) -> None:  # noqa: ARG002
        """Write the wait down, if there was one."""
        if contended:
            self._end_wait(cpu, lock, *self._given.get(lock, (-1, -1)))
        self._taken[lock] = cpu.index, cpu.clock, cpu.site

    def lock_released(self, cpu: Cpu, lock: SpinLock, held: int) -> None:  # noqa: ARG002
        """Write the hold down."""
        if cpu.machine.now >= self.window[1]:
            # Every CPU has come past the end: what is open now is cut there, by `finish` or at once.
            cpu.machine.hooks.drop(self)
            self._is_over = True
            self._end_masks(cpu.machine)
        self._end_hold(cpu, lock)
        self._given[lock] = cpu.index, cpu.clock

    def _end_wait(self, cpu: Cpu, lock: SpinLock, giver: int, given: int) -> None:
        owner, (since, flags, idle) = self._waits.pop((cpu.index, lock))
        if self._overlaps(since, cpu.clock):
            number = self._number(lock)
            self._keep(
                Wait(cpu.index, since, cpu.clock, lock.name, number, owner, giver, given, cpu.site, flags, idle), cpu
            )

    def _end_hold(self, cpu: Cpu, lock: SpinLock) -> None:
        index, since, site = self._taken.pop(lock)
        if self._overlaps(since, cpu.clock):
            self._keep(Hold(index, since, cpu.clock, lock.name, self._number(lock), site), cpu)

    def _number(self, lock: SpinLock) -> int:
        return self._numbers.setdefault(lock, len(self._numbers) + 1)

    # Pages: these two are called for every page of a run, so they ask first

    def page_allocated(self, cpu: Cpu, pfn: int, order: int) -> None:
        """Write it down."""
        if self.window[0] <= cpu.clock < self.window[1]:
            self._page(cpu, pfn, order, allocated=True)

    def page_freed(self, cpu: Cpu, pfn: int, order: int) -> None:
        """Write it down."""
        if self.window[0] <= cpu.clock < self.window[1]:
            self._page(cpu, pfn, order, allocated=False)

    def _page(self, cpu: Cpu, pfn: int, order: int, *, allocated: bool) -> None:
        zone = next(zone for zone in self._zones if pfn in zone)
        mt, at = self._pageblock_type(zone, cpu, pfn), cpu.clock
        self._keep(PageCall(cpu.index, at, at, allocated, pfn, order, int(mt), *self._state(cpu)), cpu)

    def pages_removed(self, cpu: Cpu, zone: Zone, order: int, mt: int, pfns: list[int]) -> None:
        """Write them down."""
        self._moved(cpu, zone, order, mt, pfns, removed=True)

    def pages_inserted(self, cpu: Cpu, zone: Zone, order: int, mt: int, pfns: list[int]) -> None:
        """Write them down."""
        self._moved(cpu, zone, order, mt, pfns, removed=False)

    def _moved(self, cpu: Cpu, zone: Zone, order: int, mt: int, pfns: list[int], *, removed: bool) -> None:
        if pfns and self._is_inside(cpu.clock):
            at, site, free = cpu.clock, cpu.site, zone.free_pages
            moved = Moved(
                cpu.index, at, at, zone.name, removed, order, int(mt), list(pfns), free, site, *self._state(cpu)
            )
            self._keep(moved, cpu)
        if pfns:
            self._free_area(cpu, zone)

    def _free_area(self, cpu: Cpu, zone: Zone) -> None:
        """Count the zone's free blocks after a change; write them down if that is inside."""
        blocks = zone.buddy.free_blocks()
        if self._is_inside(cpu.clock):
            if zone.name not in self._told:
                self._keep(self._first_area(zone), cpu)
            if blocks != self._areas[zone.name]:
                self._keep(FreeArea(cpu.index, cpu.clock, cpu.clock, zone.name, blocks), cpu)
        self._areas[zone.name] = blocks

    def _first_area(self, zone: Zone) -> FreeArea:
        self._told.add(zone.name)
        return FreeArea(-1, self.window[0], self.window[0], zone.name, self._areas[zone.name])

    # Keeping, and the end

    def _is_inside(self, cycle: int) -> bool:
        return self.window[0] <= cycle < self.window[1]

    def _overlaps(self, start: int, end: int) -> bool:
        return max(start, self.window[0]) < min(end, self.window[1])

    def _keep(self, record: Record, cpu: Cpu) -> None:
        begin, stop = self.window
        record.start = max(record.start, begin)
        record.end = min(record.end, stop)
        self.records.append(record)
        if len(self.records) == self.limit:
            self._stop_early(cpu.machine)

    def _stop_early(self, machine: Machine) -> None:
        """End the recording at the cycle up to which all that run have been recorded; those behind may still add."""
        self.full = True
        reached = [max(cpu.clock, machine.now) for cpu in machine.cpus if cpu.context is not Context.IDLE]
        begin, stop = self.window
        self.window = (begin, max(begin, min([stop, *reached])))

    def _end_masks(self, machine: Machine) -> None:
        for cpu in machine.cpus:
            if cpu.irqs_disabled():
                self.irqs_window(cpu, cpu.masked_since, max(cpu.clock, machine.now), 0, 0, 1)

    def finish(self, machine: Machine) -> None:
        """End what the end of the run has interrupted."""
        if not self._is_over:
            self._end_masks(machine)
        for cpu in machine.cpus:
            for key in [key for key in self._softirqs if key[0] == cpu.index]:
                self._leave_softirq(cpu, key)
            for lock in [lock for index, lock in self._waits if index == cpu.index]:
                self._end_wait(cpu, lock, -1, -1)
            for lock in [lock for lock, (index, *_) in self._taken.items() if index == cpu.index]:
                self._end_hold(cpu, lock)
            for stay in self._contexts.open(cpu):
                self._leave(cpu, stay)
        end = max(cpu.clock for cpu in machine.cpus)
        begin, stop = self.window
        if end > begin:
            self.records += [self._first_area(zone) for zone in self._zones if zone.name not in self._told]
        self.records = [record for record in self.records if record.start < stop]
        for record in self.records:
            record.end = min(record.end, stop)
        last = max(begin, min(stop, end))
        self.records.append(Recording(-1, begin, last, machine.ghz, len(machine.cpus), end, self.full))

    def rows(self) -> list[dict[str, Any]]:
        """Return the recording as flat rows in order of time, on each CPU what contains others first."""
        return [record.row() for record in sorted(self.records, key=lambda each: (each.start, each.cpu, -each.end))]
