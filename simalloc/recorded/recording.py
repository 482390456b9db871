"""A trace as requests to the page allocator, CPU by CPU, and as what the traced kernel did about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, NamedTuple

from simalloc.recorded.events import Heard
from simalloc.recorded.spool import Spool


class Op(IntEnum):
    """What a request asks for."""

    ALLOC = 0
    FREE = 1
    LIST_FREE = 2
    DRAIN_ALL = 3
    VMSTAT = 4


class Request(NamedTuple):
    """One request of one CPU, or one page of a list free.

    `time` is ticks since the recording began; `block` the number of the allocation, negative for a block that was
    allocated before; `offset` the page of it where a free begins, `whole` whether all of it is freed; `follows`: it is
    of the list free that the row before is of; `hidden`: no event shows it, but the pages were gone; `on_pcp`: pages on
    the traced CPU's pcp of the zone before it; `moving`: ticks since the request before that went into refills and
    drains.
    """

    time: int
    line: int
    block: int
    moving: int
    op: int
    order: int
    mt: int
    level: int
    zone: int
    offset: int
    follows: bool
    hidden: bool
    whole: bool
    on_pcp: int


def packed(
    op: int,
    order: int,
    mt: int,
    level: int,
    zone: int,
    offset: int,
    on_pcp: int,
    *,
    follows: bool,
    hidden: bool,
    whole: bool,
) -> int:
    """Return all of a request but its time, line and block as one number."""
    low = op | order << 3 | mt << 7 | level << 10 | zone << 12 | offset << 18
    return low | follows << 28 | hidden << 29 | whole << 30 | on_pcp << 31


def unpacked(row: tuple[int, ...]) -> Request:
    """Return the request of a row: time, line, block, moving, and the rest packed."""
    time, line, block, moving, meta = row
    return Request(
        time,
        line,
        block,
        moving,
        meta & 7,
        meta >> 3 & 15,
        meta >> 7 & 7,
        meta >> 10 & 3,
        meta >> 12 & 63,
        meta >> 18 & 1023,
        bool(meta >> 28 & 1),
        bool(meta >> 29 & 1),
        bool(meta >> 30 & 1),
        meta >> 31,
    )


class Move(NamedTuple):
    """A refill, or a drain: pages between the lists of a CPU and the buddy lists, in one go.

    `request` is the number of the request on that CPU that brought it about. `order` and `mt` are the list's of a
    refill, and those of the first block of a drain; `line` is the first event's, 0 in a simulation; `on_pcp` the
    pages on the pcp afterwards.
    """

    kind: Literal["refill", "drain"]
    request: int
    line: int
    zone: int
    order: int
    mt: int
    pages: int
    on_pcp: int


@dataclass
class Totals:
    """Refills and drains of a CPU, and the pages in them."""

    refills: int = 0
    refilled: int = 0
    drains: int = 0
    drained: int = 0

    @classmethod
    def of(cls, moves: Sequence[Move]) -> Totals:
        """Return the totals of these moves."""
        refills = [move.pages for move in moves if move.kind == "refill"]
        drains = [move.pages for move in moves if move.kind == "drain"]
        return cls(len(refills), sum(refills), len(drains), sum(drains))


@dataclass(frozen=True, slots=True)
class Late:
    """A hidden allocation that showed only later: it belongs before its CPU's request `at`, and showed at `found`."""

    at: int
    found: int
    request: Request


@dataclass
class CpuRecording:
    """One traced CPU."""

    cpu: int
    spool: Spool = field(default_factory=lambda: Spool(5))
    moves: list[Move] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    initial: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    """Blocks on its lists when the recording began, by zone, order and migratetype, as far as it shows."""
    before: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    """Blocks it frees that were allocated before, by zone, order and migratetype."""
    end: dict[int, int] = field(default_factory=dict)
    """Pages on its pcp of each zone at the end."""

    def requests(self) -> Iterator[Request]:
        """Yield the requests in order, those that showed late where they belong."""
        late = sorted(self.late, key=lambda each: each.at)
        place, open_ = 0, list[Late]()
        time = 0
        for number, row in enumerate(self.spool.rows()):
            request = unpacked(row)
            while place < len(late) and late[place].at <= number:
                each = late[place]
                open_.append(each)
                place += 1
                yield each.request._replace(time=max(time, min(request.time, each.request.time)))
            if open_:
                open_ = [each for each in open_ if each.found > number]
                missing = sum(1 << each.request.order for each in open_ if each.request.zone == request.zone)
                request = request._replace(on_pcp=max(request.on_pcp - missing, 0))
            time = request.time
            yield request
        for each in late[place:]:
            yield each.request


@dataclass
class Faults:
    """What in a trace does not go together, each with how often, and with lines of the first few."""

    failed: int = 0
    unknown_frees: int = 0
    double: list[tuple[int, int, int]] = field(default_factory=list)
    """Page, line of its first allocation, line of its second without a free between."""
    doubles: int = 0
    hidden: int = 0
    unexplained: int = 0
    other_list: int = 0
    bypassed: int = 0
    vanished: int = 0


@dataclass
class Recording:
    """A whole trace."""

    name: str
    heard: Heard
    cpus: list[CpuRecording]
    faults: Faults
    uncaused: int = 0
    """Drains that no free brought about."""
    frames: int = 0
    """Pages up to the highest of which it tells."""
    drain_alls: int = 0
    """Of those drains, how many left nothing on the lists: they are replayed as drain_all_pages."""

    def requests(self) -> int:
        """Count them."""
        return sum(len(each.spool) + len(each.late) for each in self.cpus)

    @property
    def ticks(self) -> int:
        """How long it lasted, in ticks of its clock."""
        return self.heard.last - (self.heard.first or 0)
