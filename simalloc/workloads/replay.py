"""replay: the requests that a recorded trace shows, made again to the simulated allocator.

Open loop: each request at its recorded time, or as soon as the CPU is done with the one before. Closed loop: requests
keep their order and the think times between them, so that a cheaper allocator is through sooner. Either way refills and
drains are the simulated allocator's own.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field, field_validator

from simalloc.allocators import Allocator, KernelSteps
from simalloc.hardware.times import cycles_of
from simalloc.machine import Activity, Cpu, Instrument, Machine, Program, Sleep
from simalloc.machine.board import Board
from simalloc.measure.moves import Moves
from simalloc.memory import MigrateType, Zone
from simalloc.memory.layout import InUse
from simalloc.recorded import CpuRecording, Op, RecordedError, Recording, Request, Totals, follow
from simalloc.recorded.events import SECONDS, SOFTIRQ, TASK
from simalloc.recorded.files import Progress
from simalloc.recorded.notes import notes
from simalloc.workloads.base import Measured, Workload, WorkloadSpec
from simalloc.workloads.files import FileName
from simalloc.workloads.replay_rows import Row, cpu_row, divergence_row, size_rows, totals_of

RECORDED_SOFTIRQ = 3
"""Softirq handlers of the trace run as NET_RX does; which they were is not told."""

MOST_SAMPLES = 4096
"""Points of a CPU's pcp count over time that are kept: of twice as many, every second is dropped."""

PACKED = (".gz", ".zst")
PACKED_BY = 12
LINE = 150
"""How well traces pack, and letters of a trace a request: for estimates."""

FAILED = -1

Range = tuple[int, int]


class ReplaySpec(WorkloadSpec):
    """Which trace, and how."""

    kind: Literal["replay"] = Field(description="the requests of a recorded kernel trace, made again")
    trace: FileName = Field(
        description="text of tracefs, trace-cmd report or perf script with kmem events, plain or packed (gzip, zstd); "
        "relative to the scenario"
    )
    loop: Literal["open", "closed"] = Field(
        default="open",
        description="open = requests come at recorded times; closed = with the recorded think times between them",
    )
    marker: str = Field(default="DRAINED", description="everything before a marker with this text is left out")
    clock_ghz: Annotated[float, Field(gt=0, le=100)] | None = Field(
        default=None,
        description="ticks per nanosecond, for a trace whose clock counts ticks, such as x86-tsc; the machine's "
        "by default",
    )
    copies: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=1, description="how many times it runs at once, each on its share of the machine's CPUs"
    )
    event_cost: str = Field(
        default="0ns",
        description="closed loop: time that tracing one event took, such as 580cycles; it is subtracted from each "
        "think time",
    )

    @field_validator("event_cost")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        cycles_of(text, 1.0)
        return text

    def pages_needed(self) -> int:
        """Return none: what a trace holds is known when it has been read."""
        return 0

    def has_intervals(self) -> bool:
        """Whether one run is enough: nothing in a replay is random."""
        return True

    def effort(self, ghz: float) -> float:  # noqa: ARG002 - a trace has as many requests on any machine
        """Return about how many requests the trace has, by the size of its file."""
        file = self.trace.path()
        packed = file.suffix in PACKED
        return self.copies * (file.stat().st_size if file.is_file() else 0) * (PACKED_BY if packed else 1) / LINE

    def row_parameters(self) -> tuple[str, ...]:
        """Return the column that tells CPUs apart."""
        return ("cpu",)


_KEPT: dict[tuple[object, ...], Recording] = {}
"""Recordings read last, so that a command that has looked at one need not read it again."""


def recording_of(spec: ReplaySpec, ranges: Sequence[Range], progress: Progress | None = None) -> Recording:
    """Return the trace that a workload names, with pages' zones by these ranges of frames. Raises RecordedError."""
    file = spec.trace.path()
    try:
        stat = file.stat()
    except OSError as error:
        raise RecordedError(str(file), f"cannot be read: {error.strerror}") from None
    zones = tuple(ranges) if len(ranges) > 1 else ()
    key = (file, stat.st_mtime_ns, stat.st_size, zones, spec.marker)
    if key not in _KEPT:
        while len(_KEPT) > 1:
            del _KEPT[next(iter(_KEPT))]
        _KEPT[key] = follow(file, _zone_finder(zones), marker=spec.marker or None, progress=progress)
    return _KEPT[key]


def _zone_finder(zones: Sequence[Range]) -> Callable[[int], int]:
    def zone_at(pfn: int) -> int:
        for number, (start, end) in enumerate(zones):
            if start <= pfn < end:
                return number
        return 0

    return zone_at


class Copy:
    """One replay of the whole trace on as many CPUs as it has: blocks belong to it, and to no other."""

    def __init__(self, shared: bool) -> None:
        self.blocks: dict[int, int] = {}
        self.board = Board() if shared else None


class Samples:
    """Pages on a pcp over time, recorded and simulated, thinned out as they become many."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, int]] = []
        self._every = 1
        self._count = 0

    def add(self, time: int, zone: int, recorded_pages: int, simulated_pages: int) -> None:
        """Add the counts before a request, `time` in ticks of the trace."""
        self._count += 1
        if self._count % self._every:
            return
        self.rows.append((time, zone, recorded_pages, simulated_pages))
        if len(self.rows) >= 2 * MOST_SAMPLES:
            del self.rows[1::2]
            self._every *= 2


class Replay(Workload):
    """Makes each traced CPU's requests on a CPU of its own; several times over on a machine with so many more CPUs."""

    def __init__(self, spec: ReplaySpec, allocator: Allocator, steps: KernelSteps) -> None:
        super().__init__(allocator, steps)
        self.spec = spec
        self.machine = steps.machine
        zones = allocator.zones
        self.recording = recording_of(spec, [(zone.start, zone.end) for zone in zones])
        traced, there = self.recording.cpus, len(self.machine.cpus)
        self.width = there // spec.copies
        if self.width < len(traced):
            needed = f"{spec.copies} x {len(traced)} CPUs" if spec.copies > 1 else f"{len(traced)} CPUs"
            raise RecordedError(
                self.recording.name,
                f"to replay it takes {needed}, the machine has {there}; give machine.cpus: {spec.copies * len(traced)}",
            )
        fits = traced[-1].cpu < self.width
        self.by_number = {cpu.cpu if fits else place: cpu for place, cpu in enumerate(traced)}
        # By IPI or worker, the clocks of CPUs that sleep between requests could not run ahead: that is left out.
        if self.recording.drain_alls and allocator.generation.drain_by == "caller":
            allocator.expect_drains()
        self.copies = [Copy(len(traced) > 1) for _ in range(spec.copies)]
        self.line = [0] * there
        self.requests = [0] * there
        self.moves = Moves(zones, there, self.line.__getitem__)
        self.samples = [Samples() for _ in range(there)]
        self.failed = 0
        self.end_cycle = [0] * there
        self.cycles: list[Counter[str]] = [Counter() for _ in range(there)]
        self.calls: list[Counter[str]] = [Counter() for _ in range(there)]
        self._prefer = [self._preferring(zone) for zone in range(len(zones))]
        self._nested: list[deque[Request]] = [deque() for _ in range(there)]
        self._work = self.machine.steps.define("think", Activity.WORK, 1)
        unit = self.recording.heard.unit
        per_tick = self.machine.ghz if unit == SECONDS else self.machine.ghz / (spec.clock_ghz or self.machine.ghz)
        self._per_tick = per_tick
        self._event_cost = cycles_of(spec.event_cost, self.machine.ghz)

    def _preferring(self, number: int) -> list[list[Zone]]:
        """Return, by CPU, the zones in the order in which it tries them for a page that was in this zone."""
        zone = self.allocator.zones[number]
        return [[zone, *(each for each in zones if each is not zone)] for zones in self.allocator.zonelists]

    def prepare(self, machine: Machine, seed: int) -> Sequence[Instrument]:  # noqa: ARG002
        """Put the pages where they were when the trace began."""
        zones = self.allocator.zones
        in_use = [InUse(zone) for zone in zones]
        self._before: list[dict[tuple[int, int, int], list[int]]] = []
        for cpu in machine.cpus:
            traced = self._traced(cpu.index)
            held: dict[tuple[int, int, int], list[int]] = {}
            if traced is not None:
                for (zone, order, mt), count in traced.before.items():
                    held[zone, order, mt] = [
                        block
                        for _ in range(count)
                        if (block := self._used(zones[zone], in_use[zone], order, _type(mt))) is not None
                    ]
                self._fill(cpu.index, traced)
            self._before.append(held)
            if traced is not None:
                cpu.interrupts.register_softirq(RECORDED_SOFTIRQ, self._in_softirq)
        for saw in machine.hooks.pages_owned:
            for held in self._before:
                for (_, order, _), blocks in held.items():
                    saw([pfn for block in blocks for pfn in range(block, block + (1 << order))])
        self.allocator.refresh_views()
        return [self.moves]

    @staticmethod
    def _used(zone: Zone, in_use: InUse, order: int, mt: MigrateType) -> int | None:
        block = in_use.block(order, mt)
        if block is None:
            taken = zone.take(1, order, mt)
            block = taken[0] if taken else None
        return block

    def _fill(self, cpu: int, traced: CpuRecording) -> None:
        """Put blocks on the CPU's lists that must have been there when the trace began."""
        for (zone, order, mt), count in sorted(traced.initial.items()):
            pcp = self.allocator.zones[zone].pcps[cpu]
            if order in pcp.orders and mt < len(MigrateType):
                blocks = self.allocator.zones[zone].take(count, order, MigrateType(mt))
                pcp.refill(blocks, pcp.place(order, MigrateType(mt)))
                pcp.refilled = 0

    def _traced(self, index: int) -> CpuRecording | None:
        """Return whose requests a CPU makes; None if it has none."""
        return self.by_number.get(index % self.width) if index < self.width * len(self.copies) else None

    # What runs

    def program(self, cpu: Cpu) -> Program[None]:
        """Make the requests of one traced CPU, each in the context in which it was made."""
        traced = self._traced(cpu.index)
        if traced is None:
            return
        copy = self.copies[cpu.index // self.width]
        requests = Groups(traced.requests())
        last = 0
        for group in requests:
            first = group[0]
            if self.spec.loop == "open":
                due = round(first.time * self._per_tick)
                if due > cpu.clock:
                    yield Sleep(until=due)
            else:
                think = round((first.time - last - first.moving) * self._per_tick) - self._event_cost
                if think > 0:
                    yield self._work * think
            last = group[-1].time
            if first.level == TASK:
                yield from self._do(cpu, copy, group)
            else:
                yield from self._interrupted(cpu, group)
            self.requests[cpu.index] += len(group)
        self.end_cycle[cpu.index] = cpu.clock

    def _interrupted(self, cpu: Cpu, group: list[Request]) -> Program[None]:
        """Let an interrupt arrive now, whose handler makes these requests, itself or in a softirq."""
        self._nested[cpu.index].extend(group)
        handler = self._raise_softirq if group[0].level == SOFTIRQ else self._in_hardirq
        cpu.interrupts.raise_at(cpu.clock, "recorded", handler)
        yield self._work

    def _in_hardirq(self, cpu: Cpu) -> Program[None]:
        yield from self._do_nested(cpu)

    def _raise_softirq(self, cpu: Cpu) -> Program[None]:
        cpu.interrupts.raise_softirq(RECORDED_SOFTIRQ)
        yield from ()

    def _in_softirq(self, cpu: Cpu) -> Program[None]:
        yield from self._do_nested(cpu)

    def _do_nested(self, cpu: Cpu) -> Program[None]:
        nested = self._nested[cpu.index]
        group = list(nested)
        nested.clear()
        if group:
            yield from self._do(cpu, self.copies[cpu.index // self.width], group)

    def _do(self, cpu: Cpu, copy: Copy, group: list[Request]) -> Program[None]:
        first, index = group[0], cpu.index
        self.line[index] = first.line
        pcp = self.allocator.zones[first.zone].pcps[index]
        self.samples[index].add(first.time, first.zone, first.on_pcp, pcp.count)
        began = cpu.clock
        if first.op == Op.ALLOC:
            if first.hidden and first.order == 0:
                yield from self._bulk(cpu, copy, group)
                self._charge(cpu, "bulk", began, len(group))
            else:
                yield from self._alloc(cpu, copy, first)
                self._charge(cpu, "alloc", began, 1)
        elif first.op == Op.FREE:
            yield from self._free(cpu, copy, first)
            self._charge(cpu, "free", began, 1)
        elif first.op == Op.LIST_FREE:
            yield from self._free_list(cpu, copy, group)
            self._charge(cpu, "list free", began, len(group))
        elif first.op == Op.DRAIN_ALL and self.allocator.drains_on_failure:
            yield from self.allocator.drain_all_pages(cpu)
        elif first.op == Op.VMSTAT:
            yield from self.allocator.vmstat_update(cpu)

    def _charge(self, cpu: Cpu, what: str, began: int, calls: int) -> None:
        self.cycles[cpu.index][what] += cpu.clock - began
        self.calls[cpu.index][what] += calls

    def _alloc(self, cpu: Cpu, copy: Copy, request: Request) -> Program[None]:
        self.allocator.zonelists[cpu.index] = self._prefer[request.zone][cpu.index]
        pfn = yield from self.allocator.alloc_pages(cpu, request.order, _type(request.mt))
        yield from self._given(cpu, copy, request.block, pfn)

    def _bulk(self, cpu: Cpu, copy: Copy, group: list[Request]) -> Program[None]:
        """Take pages that left the traced lists unseen, by the bulk API where there is one."""
        first = group[0]
        self.allocator.zonelists[cpu.index] = self._prefer[first.zone][cpu.index]
        pages: list[int] = []
        while len(pages) < len(group):
            wanted = len(group) - len(pages)
            if self.allocator.generation.has_bulk and not (pages and not self._appends()):
                before = len(pages)
                yield from self.allocator.alloc_pages_bulk(cpu, wanted, pages, _type(first.mt))
                if len(pages) == before:
                    break
            else:
                yield from self.allocator.alloc_pages_each(cpu, wanted, pages, 0, _type(first.mt))
                break
        for place, request in enumerate(group):
            yield from self._given(cpu, copy, request.block, pages[place] if place < len(pages) else None)

    def _appends(self) -> bool:
        bulk = self.allocator.generation.bulk
        return bulk is not None and bulk.appends

    def _given(self, cpu: Cpu, copy: Copy, block: int, pfn: int | None) -> Program[None]:
        if pfn is None:
            self.failed += 1
        copy.blocks[block] = FAILED if pfn is None else pfn
        if copy.board is not None and copy.board.post(cpu, block):
            yield copy.board.wake(block)

    def _taken(self, cpu: Cpu, copy: Copy, request: Request) -> Program[int]:
        """Return the page frame of the block that a request frees; it may still have to be allocated elsewhere."""
        if request.block < 0:
            blocks = self._before[cpu.index].get((request.zone, request.order, request.mt))
            return blocks.pop() if blocks else FAILED
        if copy.board is not None and not cpu.in_interrupt():
            yield copy.board.await_(request.block)
        pfn = copy.blocks.get(request.block, FAILED)
        if request.whole:
            copy.blocks.pop(request.block, None)
            if copy.board is not None:
                copy.board.forget(request.block)
        return FAILED if pfn == FAILED else pfn + request.offset

    def _free(self, cpu: Cpu, copy: Copy, request: Request) -> Program[None]:
        pfn = yield from self._taken(cpu, copy, request)
        if pfn != FAILED:
            yield from self.allocator.free_pages(cpu, pfn, request.order)

    def _free_list(self, cpu: Cpu, copy: Copy, group: list[Request]) -> Program[None]:
        pages: list[int] = []
        for request in group:
            pfn = yield from self._taken(cpu, copy, request)
            if pfn == FAILED:
                continue
            if request.order:
                yield from self.allocator.free_pages(cpu, pfn, request.order)
            else:
                pages.append(pfn)
        if pages:
            yield from self.allocator.free_pages_bulk(cpu, pages)

    # What came out

    def totals(self) -> list[tuple[int, Totals, Totals]]:
        """Return, by CPU, what the traced kernel moved and what the simulated allocator did."""
        return [
            (index, Totals.of(traced.moves), totals_of(self.moves.of[index]))
            for index in range(len(self.machine.cpus))
            if (traced := self._traced(index)) is not None
        ]

    def details(self) -> list[Row]:
        """Return what was recorded and what was simulated, CPU by CPU, and what there is to know about the trace."""
        rows: list[Row] = [{"kind": "note", "text": text} for text in notes(self.recording)]
        if self.failed:
            text = f"{self.failed} allocations failed in the simulation: its zones are smaller than those of the trace"
            rows.append({"kind": "note", "text": text})
        names = [zone.name for zone in self.allocator.zones]
        for index, real, simulated in self.totals():
            traced, moves = self._traced(index), self.moves.of[index]
            if traced is None:
                continue
            ours = {zone.name: zone.pcps[index].count for zone in self.allocator.zones}
            theirs = {name: traced.end.get(number, 0) for number, name in enumerate(names)}
            row = cpu_row(index, real, simulated, (theirs, ours))
            rows.append(row | {"traced_cpu": traced.cpu, "allocations": self.calls[index]["alloc"]})
            rows += size_rows(index, traced.moves, moves)
            parted = divergence_row(index, traced.moves, moves)
            if parted is not None:
                rows.append(parted)
            us = self._per_tick / self.machine.ghz / 1000
            rows += [
                {
                    "kind": "sample",
                    "cpu": index,
                    "us": round(time * us, 3),
                    "zone": names[zone],
                    "recorded": real_pages,
                    "simulated": our_pages,
                }
                for time, zone, real_pages, our_pages in self.samples[index].rows
            ]
        return rows

    def measured(self) -> list[Measured]:
        """Give requests, refills and drains with their pages, and cycles a request, over all CPUs."""
        totals = self.totals()
        figures = [Measured("requests", sum(self.requests), "requests")]
        for name, unit in (("refills", "refills"), ("refilled", "pages"), ("drains", "drains"), ("drained", "pages")):
            figures.append(Measured(name, sum(getattr(each, name) for _, _, each in totals), unit))
            figures.append(Measured(f"{name}_recorded", sum(getattr(each, name) for _, each, _ in totals), unit))
        for what in ("alloc", "free", "list free", "bulk"):
            calls = sum(each[what] for each in self.calls)
            if calls:
                cycles = sum(each[what] for each in self.cycles)
                figures.append(Measured(what.replace(" ", "_"), cycles / calls, "cycles"))
        ends = max(self.end_cycle, default=0)
        figures.append(Measured("time", ends / self.machine.ghz / 1e6, "ms"))
        return figures


class Groups:
    """Requests that are made together: the pages of a list free, hidden pages of one list, or one request."""

    def __init__(self, requests: Iterator[Request]) -> None:
        self._requests = requests

    def __iter__(self) -> Iterator[list[Request]]:
        group: list[Request] = []
        for request in self._requests:
            if group and not _together(group[-1], request):
                yield group
                group = []
            group.append(request)
        if group:
            yield group


def _together(last: Request, request: Request) -> bool:
    if last.level != request.level:
        return False
    if request.op == Op.LIST_FREE:
        return last.op == Op.LIST_FREE and request.follows
    return (
        request.hidden
        and last.hidden
        and request.order == 0
        and (last.order, last.mt, last.zone) == (request.order, request.mt, request.zone)
    )


def _type(mt: int) -> MigrateType:
    return MigrateType(mt) if mt < len(MigrateType) else MigrateType.MOVABLE
