"""Follows every page through a trace: who asked for what, and what the traced kernel moved for it.

From the events alone the kernel's pcp lists can be rebuilt: a refill shows page by page, in the order in which the
pages will be given out, and so do drains and frees. What no event shows (bulk allocations before they had events, pages
that were on the lists when the trace began) is then seen by its gaps: a page that leaves from below others cannot have
left before them. Linux v6.1 (830b3c68c1fb): mm/page_alloc.c, rmqueue_bulk(), rmqueue_pcplist(), free_unref_page().
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from simalloc.recorded.errors import RecordedError
from simalloc.recorded.events import Event, TraceReader
from simalloc.recorded.files import Progress
from simalloc.recorded.lists import RecordedList
from simalloc.recorded.order import Deed, Did, Order
from simalloc.recorded.recording import CpuRecording, Faults, Late, Move, Op, Recording, Request, packed

PCP_ORDERS = (0, 1, 2, 3, 9)
"""Orders that pcp lists keep, from Linux v5.14 on (44042b449872), on x86-64."""

PAGEBLOCK = 9
MOVABLE = 1
PCP_TYPES = 3
UNKNOWN = -1

GAP = 4
"""Two refills with nothing between: the time between them is so many times that between blocks of one, or more."""

TOLD = 5
"""Faults of a kind that are told with their lines."""


@dataclass(slots=True)
class _Refill:
    order: int
    mt: int
    events: list[Event]


@dataclass(slots=True)
class _Drain:
    event: Event
    last: int
    zone: int
    pages: int
    owners: set[tuple[int, int]]
    caused: bool


@dataclass(slots=True)
class _Held:
    block: int
    order: int
    mt: int
    line: int
    offset: int = 0
    whole: bool = True


class Follower:
    """Turns deeds into requests and moves. `zone_at` tells the number of a page's zone."""

    def __init__(self, zone_at: Callable[[int], int], name: str) -> None:
        self.zone_at = zone_at
        self.name = name
        self._restart()

    def _restart(self) -> None:
        self.faults = Faults()
        self.uncaused = 0
        self.drain_alls = 0
        self._cpus: dict[int, CpuRecording] = {}
        self._lists: dict[tuple[int, int, int, int], RecordedList] = {}
        self._where: dict[int, RecordedList] = {}
        self._counts: dict[tuple[int, int], int] = {}
        self._held: dict[int, _Held] = {}
        self._unseen: dict[int, _Held] = {}
        self._loose: set[int] = set()
        self._types: dict[int, int] = {}
        self._refills: dict[int, _Refill] = {}
        self._drains: dict[int, _Drain] = {}
        self._last: dict[int, Did] = {}
        self._before: dict[int, int] = {}
        self._moving: dict[int, int] = {}
        self._done_at: dict[int, int] = {}
        self._blocks = 0
        self._highest = 0
        self._start: int | None = None

    def follow(self, deeds: Iterator[Deed]) -> None:
        """Take all deeds."""
        does = {
            Did.ALLOC: self._alloc,
            Did.FREE: self._free,
            Did.COMMIT: self._free,
            Did.BYPASS: self._free,
            Did.DRAIN: self._drain,
            Did.LOCKED: self._locked,
            Did.EXTFRAG: self._fallback,
            Did.VMSTAT: self._vmstat,
        }
        for deed in deeds:
            event = deed.event
            if self._start is None:
                self._start = event.time
            did = deed.did
            if did is Did.MARKER:
                self._restart()
                self._start = event.time
                continue
            cpu = event.cpu
            if cpu in self._refills and did is not Did.LOCKED and did is not Did.EXTFRAG:
                self._close_refill(cpu, event if did is Did.ALLOC else None)
            if cpu in self._drains and did is not Did.DRAIN:
                self._close_drain(cpu)
            self._highest = max(self._highest, event.pfn)
            does[did](deed)
            self._last[cpu] = did
            if did is not Did.DRAIN:
                self._done_at[cpu] = deed.time
        for cpu in [*self._refills]:
            self._close_refill(cpu, None)
        for cpu in [*self._drains]:
            self._close_drain(cpu)

    def recording(self, reader: TraceReader) -> Recording:
        """Return what was found."""
        for number, cpu in self._cpus.items():
            cpu.end = {zone: count for (of, zone), count in self._counts.items() if of == number}
        cpus = [self._cpus[number] for number in sorted(self._cpus)]
        if not cpus:
            text = "it has no request of the page allocator: no mm_page_alloc and no mm_page_free"
            after = f" after the marker in line {reader.heard.marker_line}" if reader.heard.marker_line else ""
            raise RecordedError(self.name, text + after)
        return Recording(self.name, reader.heard, cpus, self.faults, self.uncaused, self._highest + 1, self.drain_alls)

    # Writing requests

    def _cpu(self, number: int) -> CpuRecording:
        cpu = self._cpus.get(number)
        if cpu is None:
            cpu = self._cpus[number] = CpuRecording(number)
        return cpu

    def _write(
        self,
        cpu: int,
        event: Event,
        op: Op,
        held: _Held,
        zone: int,
        *,
        time: int | None = None,
        count: int = 0,
        follows: bool = False,
        hidden: bool = False,
    ) -> None:
        """Write down a request of a CPU; `count` are the pages on its pcp before it."""
        if cpu in self._before:
            count = self._before.pop(cpu)
        order, mt = held.order, held.mt
        meta = packed(
            op, order, mt, event.level, zone, held.offset, count, follows=follows, hidden=hidden, whole=held.whole
        )
        moment = (event.time if time is None else time) - (self._start or 0)
        self._cpu(cpu).spool.append((moment, event.line, held.block, self._moving.pop(cpu, 0), meta))

    def _new_block(self) -> int:
        self._blocks += 1
        return self._blocks

    # Lists

    def _list(self, cpu: int, zone: int, order: int, mt: int) -> RecordedList:
        key = cpu, zone, order, mt
        found = self._lists.get(key)
        if found is None:
            found = self._lists[key] = RecordedList(cpu, zone, order, mt)
        return found

    def _push(self, list_: RecordedList, pfn: int) -> None:
        list_.push(pfn, len(self._cpu(list_.cpu).spool))
        self._where[pfn] = list_
        self._add(list_, 1)

    def _pull(self, pfn: int) -> RecordedList:
        list_ = self._where.pop(pfn)
        list_.remove(pfn)
        self._add(list_, -1)
        return list_

    def _add(self, list_: RecordedList, blocks: int) -> None:
        key = list_.cpu, list_.zone
        self._counts[key] = max(self._counts.get(key, 0) + (blocks << list_.order), 0)

    # Allocations

    def _alloc(self, deed: Deed) -> None:
        event = deed.event
        pfn = event.pfn
        if pfn == 0:
            self.faults.failed += 1
            return
        self._check_free(event)
        seen = self._unseen.pop(pfn, None)
        if seen is not None:
            seen.line = event.line
            self._held[pfn] = seen
            self.faults.hidden -= 1
            return
        list_ = self._where.get(pfn)
        cpu = event.cpu
        zone = self.zone_at(pfn)
        count = self._counts.get((cpu, zone), 0)
        if list_ is not None:
            cpu = list_.cpu
            if list_.top != pfn:
                self._leave_unseen(list_, list(list_.above(pfn))[::-1], event)
            count = self._counts[cpu, zone]
            self._pull(pfn)
        elif pfn in self._loose:
            self._loose.discard(pfn)
        elif event.order in PCP_ORDERS:
            self._from_before(self._list(cpu, zone, event.order, event.mt))
        held = self._held[pfn] = _Held(self._new_block(), event.order, event.mt, event.line)
        self._write(cpu, event, Op.ALLOC, held, zone, count=count)

    def _check_free(self, event: Event) -> None:
        held = self._held.pop(event.pfn, None)
        if held is not None:
            faults = self.faults
            faults.doubles += 1
            if len(faults.double) < TOLD:
                faults.double.append((event.pfn, held.line, event.line))

    def _from_before(self, list_: RecordedList) -> None:
        """Take note of a block that must have been on a list since before the trace."""
        if list_.was_empty:
            self.faults.unexplained += 1
        else:
            self._cpu(list_.cpu).initial[list_.zone, list_.order, list_.mt] += 1

    def _leave_unseen(self, list_: RecordedList, pfns: Sequence[int], event: Event) -> None:
        """Let blocks be allocated of which no event has told: what lay below them, or a refill, shows it."""
        for pfn in pfns:
            self._hide(list_, pfn, event)

    def _hide(self, list_: RecordedList, pfn: int, event: Event) -> None:
        count = self._counts[list_.cpu, list_.zone]
        self._pull(pfn)
        held = self._unseen[pfn] = _Held(self._new_block(), list_.order, list_.mt, event.line)
        self.faults.hidden += 1
        self._write(list_.cpu, event, Op.ALLOC, held, list_.zone, count=count, hidden=True)

    # Refills

    def _locked(self, deed: Deed) -> None:
        event = deed.event
        pfn = event.pfn
        self._check_free(event)
        if pfn in self._where:
            # It went to the buddy lists past the pcp: another had the pcp's lock.
            self._pull(pfn)
            self.faults.bypassed += 1
        self._types[pfn >> PAGEBLOCK] = event.mt
        run = self._refills.get(event.cpu)
        if run is not None and (run.order != event.order or run.mt != event.mt):
            self._close_refill(event.cpu, None)
            run = None
        if run is None:
            self._refills[event.cpu] = _Refill(event.order, event.mt, [event])
        else:
            run.events.append(event)

    def _fallback(self, deed: Deed) -> None:
        """A page of another type may come without an event of its own: then it is one of the refill."""
        if deed.event.order in PCP_ORDERS:
            self._loose.add(deed.event.pfn)

    def _close_refill(self, cpu: int, cause: Event | None) -> None:
        run = self._refills.pop(cpu)
        first = run.events[0]
        pcp = first.refill and run.order in PCP_ORDERS
        if not pcp or (len(run.events) == 1 and cause is not None and cause.pfn == first.pfn):
            self._loose.update(event.pfn for event in run.events)
            return
        pieces = _pieces(run.events, cause)
        for piece in pieces:
            self._refill(cpu, run, piece, cause if piece is pieces[-1] else None)

    def _refill(self, cpu: int, run: _Refill, events: list[Event], cause: Event | None) -> None:
        first = events[0]
        list_ = self._list(cpu, self.zone_at(first.pfn), run.order, run.mt)
        # A list is refilled when it is empty: what is still on it has gone.
        self._leave_unseen(list_, list(list_.stamp)[::-1], first)
        list_.was_empty = True
        before = self._counts.get((cpu, list_.zone), 0)
        for event in reversed(events):
            self._push(list_, event.pfn)
        recording = self._cpu(cpu)
        request, count = len(recording.spool), self._counts[cpu, list_.zone]
        pages = len(events) << run.order
        recording.moves.append(
            Move("refill", request, first.line, list_.zone, run.order, run.mt, pages, count - (1 << run.order))
        )
        self._before[cpu] = before
        until = events[-1].time if cause is None else cause.time
        self._moving[cpu] = self._moving.get(cpu, 0) + until - first.time
        if cause is None or cause.pfn != first.pfn:
            # Whoever found the list empty has taken the first, and no event says so, or not yet.
            self._hide(list_, first.pfn, first)

    # Frees

    def _free(self, deed: Deed) -> None:
        event, did = deed.event, deed.did
        pfn, order, cpu = event.pfn, event.order, event.cpu
        zone = self.zone_at(pfn)
        held = self._holder(pfn, order) or self._late_or_before(event)
        mt = held.mt
        count = self._counts.get((cpu, zone), 0)
        if did is not Did.BYPASS and order in PCP_ORDERS:
            self._push(self._list(cpu, zone, order, mt if mt < PCP_TYPES else MOVABLE), pfn)
        op = Op.FREE if did is Did.FREE else Op.LIST_FREE
        follows = did is not Did.FREE and not deed.begins
        freed = held if held.order == order else _Held(held.block, order, mt, held.line, held.offset, whole=False)
        if held.block == UNKNOWN:
            self._cpu(cpu).before[zone, order, mt] += 1
        time = deed.time if follows else event.time
        self._write(cpu, event, op, freed, zone, time=time, count=count, follows=follows)

    def _holder(self, pfn: int, order: int) -> _Held | None:
        """Return who has been given the block that begins with page `pfn`, and from where on; the rest stays theirs."""
        held = self._held.pop(pfn, None)
        if held is None:
            held = self._part_of_larger(pfn)
            if held is None:
                return None
        if held.order > order:
            for page in range(1 << order, 1 << held.order):
                self._held[pfn + page] = _Held(held.block, 0, held.mt, held.line, held.offset + page, whole=False)
        elif held.order < order:
            for page in range(1, 1 << order):
                self._held.pop(pfn + page, None)
        return held

    def _part_of_larger(self, pfn: int) -> _Held | None:
        if pfn in self._unseen or pfn in self._where:
            return None
        for order in range(1, 11):
            first = pfn >> order << order
            held = self._held.get(first)
            if held is not None and held.order >= order:
                del self._held[first]
                for page in range(1 << held.order):
                    self._held[first + page] = _Held(held.block, 0, held.mt, held.line, held.offset + page, whole=False)
                return self._held.pop(pfn)
        return None

    def _late_or_before(self, event: Event) -> _Held:
        """Return a free block's allocation that no event has shown: hidden, or before the trace."""
        pfn = event.pfn
        seen = self._unseen.pop(pfn, None)
        if seen is not None:
            return seen
        if pfn in self._where:
            return self._hidden_late(event)
        self.faults.unknown_frees += 1
        return _Held(UNKNOWN, event.order, self._types.get(pfn >> PAGEBLOCK, MOVABLE), event.line)

    def _hidden_late(self, event: Event) -> _Held:
        """A block is freed that is still on a list here: it had left before those above it came."""
        list_ = self._where[event.pfn]
        stamp = list_.stamp[event.pfn]
        mates, at = [event.pfn], len(self._cpu(list_.cpu).spool)
        for above in list_.above(event.pfn):
            if list_.stamp[above] != stamp:
                at = list_.stamp[above]
                break
            mates.append(above)
        recording = self._cpu(list_.cpu)
        found = len(recording.spool)
        held = _Held(UNKNOWN, list_.order, list_.mt, event.line)
        for pfn in reversed(mates):
            self._pull(pfn)
            held = _Held(self._new_block(), list_.order, list_.mt, event.line)
            self._unseen[pfn] = held
            self.faults.hidden += 1
            request = Request(
                event.time - (self._start or 0),
                event.line,
                held.block,
                0,
                Op.ALLOC,
                list_.order,
                list_.mt,
                event.level,
                list_.zone,
                0,
                follows=False,
                hidden=True,
                whole=True,
                on_pcp=0,
            )
            recording.late.append(Late(at, found, request))
        self._unseen.pop(event.pfn)
        return held

    # Drains

    def _drain(self, deed: Deed) -> None:
        event = deed.event
        cpu, pfn = event.cpu, event.pfn
        zone = self.zone_at(pfn)
        self._types[pfn >> PAGEBLOCK] = event.mt
        list_ = self._where.get(pfn)
        if list_ is not None:
            self._pull(pfn)
            if list_.mt != event.mt:
                self.faults.other_list += 1
        else:
            list_ = self._list(cpu, zone, event.order, event.mt)
            self._from_before(list_)
        run = self._drains.get(cpu)
        if run is not None and run.zone != zone:
            self._close_drain(cpu)
            run = None
        if run is None:
            caused = self._last.get(cpu) in (Did.FREE, Did.COMMIT, Did.BYPASS)
            run = self._drains[cpu] = _Drain(event, event.time, zone, 0, set(), caused)
        run.pages += 1 << event.order
        run.last = event.time
        run.owners.add((list_.cpu, zone))

    def _close_drain(self, cpu: int) -> None:
        run = self._drains.pop(cpu)
        recording = self._cpu(cpu)
        since = self._done_at.get(cpu, run.event.time) if run.caused else run.event.time
        self._moving[cpu] = self._moving.get(cpu, 0) + run.last - since
        count = self._counts.get((cpu, run.zone), 0)
        if not run.caused and not any(self._counts.get(owner) for owner in run.owners):
            self.drain_alls += 1
            self._write(cpu, run.event, Op.DRAIN_ALL, _Held(UNKNOWN, 0, 0, 0), run.zone, count=run.pages)
        request = max(len(recording.spool) - 1, 0)
        recording.moves.append(
            Move("drain", request, run.event.line, run.zone, run.event.order, run.event.mt, run.pages, count)
        )
        if not run.caused:
            self.uncaused += 1

    def _vmstat(self, deed: Deed) -> None:
        self._write(deed.event.cpu, deed.event, Op.VMSTAT, _Held(UNKNOWN, 0, 0, 0), 0)


def _pieces(events: list[Event], cause: Event | None) -> list[list[Event]]:
    """Split a run of removals where one refill has ended and the next begun, with no event between.

    The page that is allocated next is the first of its refill. Before it only the time tells: pages were taken off
    the list between two refills, so the pause is longer than those within one.
    """
    if cause is not None:
        place = next((i for i, event in enumerate(events) if event.pfn == cause.pfn), None)
        if place is not None:
            return [*_by_pauses(events[:place]), events[place:]]
    return _by_pauses(events)


def _by_pauses(events: list[Event]) -> list[list[Event]]:
    if not events:
        return []
    gaps = [later.time - event.time for event, later in pairwise(events)]
    limit = GAP * sorted(gaps)[len(gaps) // 2] if len(gaps) > 2 else None
    pieces, begin = [], 0
    for place, gap in enumerate(gaps, start=1):
        if limit is not None and gap > limit:
            pieces.append(events[begin:place])
            begin = place
    return [*pieces, events[begin:]]


def follow(
    file: Path, zone_at: Callable[[int], int], *, marker: str | None = None, progress: Progress | None = None
) -> Recording:
    """Read a trace to its end; return what it has recorded. Raises RecordedError."""
    reader = TraceReader(file, marker)
    follower = Follower(zone_at, str(file))
    follower.follow(Order().of(reader.events(progress)))
    return follower.recording(reader)
