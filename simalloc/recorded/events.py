"""The events of a kernel trace, out of the text that tracefs, trace-cmd and perf print.

Linux v6.1 (830b3c68c1fb): kernel/trace/trace_output.c for the lines of /sys/kernel/tracing/trace, include/trace/events/
kmem.h for the fields. trace-cmd report and perf script print the same fields in lines of their own:

    tracefs     bash-1234    [002] d..2.  12345.678901: mm_page_free: page=... pfn=0x1c5 order=0
    trace-cmd   bash-1234    [002] d..2.  12345.678901: mm_page_free:         page=0xffff... pfn=0x1c5 order=0
    perf        bash  1234   [002] 12345.678901: kmem:mm_page_free: page=0xffff... pfn=0x1c5 order=0
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from simalloc.recorded.errors import RecordedError
from simalloc.recorded.files import Progress, lines_of


class Kind(IntEnum):
    """Kinds of events that say something about the page allocator."""

    ALLOC = 0
    FREE = 1
    BATCHED = 2
    LOCKED = 3
    DRAIN = 4
    EXTFRAG = 5
    MARKER = 6
    VMSTAT = 7
    OTHER = 8


KINDS = {
    "mm_page_alloc": Kind.ALLOC,
    "mm_page_free": Kind.FREE,
    "mm_page_free_batched": Kind.BATCHED,
    "mm_page_alloc_zone_locked": Kind.LOCKED,
    "mm_page_pcpu_drain": Kind.DRAIN,
    "mm_page_alloc_extfrag": Kind.EXTFRAG,
}

FORMER_NAMES = {"mm_page_free_direct": "mm_page_free", "mm_pagevec_free": "mm_page_free_batched"}
"""What events were called before Linux v3.3."""

TASK, SOFTIRQ, HARDIRQ, NMI = range(4)
"""In what context an event fell, as its latency column says."""

LEVELS = {".": TASK, "s": SOFTIRQ, "h": HARDIRQ, "H": HARDIRQ, "z": NMI, "Z": NMI}
"""The third letter of the latency column, "hardirq/softirq"."""

COUNTS = 1
SECONDS = 1_000_000_000

LINE = re.compile(
    r"\[(\d+)\]\s+(?:([^\s:]{4,6})\s+)?(\d+(?:\.\d+)?):\s+(?:\w+:(?=\w))?(\w+)(?::|\s+<-)\s*"
    r"(?:(?:page=\S+ )?pfn=(0x[0-9a-f]+|\d+) (?:alloc_)?order=(\d+)"
    r"(?: migratetype=(\d+))?(?: cold=\d)?(?: percpu_refill=(\d))?)?"
)
"""CPU, latency column if there is one, time, event, and the fields that most events of kmem begin with."""

WHO = re.compile(r"(?P<comm>.*?)[-\s](?P<pid>-?\d+)(?:/-?\d+)?\s*(?:\([-\s\d]+\)\s*)?$")
EXTFRAG_TYPE = re.compile(r"alloc_migratetype=(\d+)")

TYPED = (Kind.ALLOC, Kind.LOCKED, Kind.DRAIN)
"""Kinds that tell a migratetype."""

LARGEST_ORDER = 30
"""No kernel has blocks of so many pages (2**30 are 4 TiB); a line that says so is damaged."""

MOST_TASKS = 10_000
"""Tasks whose lines are remembered."""

LOST = (
    re.compile(r"CPU:?\s*(?P<cpu>\d+):?\s*\[?LOST (?P<events>\d+) EVENTS"),
    re.compile(r"CPU:?\s*(?P<cpu>\d+):?\s*\[?(?P<events>\d+) EVENTS (?:LOST|DROPPED)"),
    re.compile(r"(?P<cpu>)\bLOST (?P<events>\d+) events"),
)
WRITTEN = re.compile(r"entries-in-buffer/entries-written:\s*(\d+)/(\d+)")
TRACE_CMD_HEAD = re.compile(r"(?:cpus=\d+|version = \d+|CPU \d+ is empty|trace-cmd: .*)\s*$")
BEGUN = re.compile(r"\[\d+\]|mm_page_")
STACK = re.compile(r"\s+(?:=>\s|[0-9a-f]{6,16}\s)|\s*<(?:stack|user stack) trace>|\s+=>\s")


@dataclass(slots=True)
class Event:
    """One event. `time` is in the trace's clock (ns if it tells seconds); `pfn` is 0 for an allocation that failed.

    `level` is the context; `refill` what mm_page_alloc_zone_locked says in `percpu_refill`.
    """

    kind: Kind
    line: int
    time: int
    cpu: int
    pid: int
    level: int
    pfn: int
    order: int
    mt: int
    refill: bool


@dataclass
class Heard:
    """What a trace has, and what it lacks, beside its events."""

    lines: int = 0
    events: Counter[str] = field(default_factory=Counter)
    lost: Counter[int] = field(default_factory=Counter)
    lost_at: int | None = None
    overwritten: int = 0
    cpus: set[int] = field(default_factory=set)
    has_levels: bool = False
    unit: int = 0
    """Nanoseconds a second of its clock has (SECONDS), or COUNTS for one that counts cycles."""
    first: int | None = None
    last: int = 0
    marker_line: int | None = None


class TraceReader:
    """Reads a trace's events in the order of the file; `heard` tells of everything else, when it is through.

    A line whose text is `marker` gives an event that says to forget what was before. Raises RecordedError, with the
    line, for what is no line of a trace and for a CPU whose time goes back.
    """

    def __init__(self, file: Path, marker: str | None = None) -> None:
        self.file = file
        self.marker = marker
        self.heard = Heard()
        self._pids: dict[str, int] = {}

    def events(self, progress: Progress | None = None) -> Iterator[Event]:
        """Yield the events that matter."""
        heard = self.heard
        seen: dict[int, tuple[int, int]] = {}
        search, kinds, count = LINE.search, KINDS, heard.events
        for number, line in lines_of(self.file, progress):
            heard.lines = number
            found = search(line)
            if found is None:
                self._other(number, line)
                continue
            cpu_text, flags, time_text, name, pfn, order, mt, refill = found.groups()
            try:
                cpu, time = int(cpu_text), self._time(number, time_text)
            except ValueError:
                raise self._wrong(number, line) from None
            before = seen.get(cpu)
            if before is not None and time < before[0]:
                raise RecordedError(
                    str(self.file),
                    f"time goes back on CPU {cpu}: {time_text} after a later time in line {before[1]}; "
                    "events of a CPU must stand in the order of time",
                    number,
                )
            seen[cpu] = time, number
            name = FORMER_NAMES.get(name, name)
            count[name] += 1
            kind = kinds.get(name)
            if kind is None:
                kind = self._other_kind(number, name, line[found.end() :])
                if kind is Kind.OTHER:
                    continue
                pfn, order = "0", "0"
            elif pfn is None or (mt is None and kind in TYPED):
                raise self._wrong(number, line)
            level = TASK
            if flags is not None:
                heard.has_levels = True
                level = LEVELS.get(flags[2], TASK)
            if kind is Kind.EXTFRAG:
                wanted = EXTFRAG_TYPE.search(line)
                mt = wanted[1] if wanted else None
            heard.cpus.add(cpu)
            if heard.first is None or kind is Kind.MARKER:
                heard.first = time
            heard.last = max(heard.last, time)
            try:
                pid, frame, size = self._pid(line[: found.start()]), int(pfn, 0), self._order(number, order)
                event = Event(kind, number, time, cpu, pid, level, frame, size, int(mt or 0), refill != "0")
            except ValueError:
                raise self._wrong(number, line) from None
            yield event
        if not count:
            raise RecordedError(
                str(self.file), "no line is an event of a trace; give text as tracefs, trace-cmd or perf print it"
            )

    def _pid(self, who: str) -> int:
        """Return the number of the task; the few there are are remembered."""
        pid = self._pids.get(who)
        if pid is None:
            found = WHO.match(who)
            pid = self._pids[who] = int(found["pid"]) if found else 0
            if len(self._pids) > MOST_TASKS:
                self._pids.clear()
        return pid

    def _order(self, number: int, text: str) -> int:
        order = int(text)
        if order > LARGEST_ORDER:
            raise RecordedError(str(self.file), f"order={text[:20]}: no kernel has blocks of that order", number)
        return order

    def _time(self, number: int, text: str) -> int:
        whole, dot, part = text.partition(".")
        unit = SECONDS if dot else COUNTS
        if self.heard.unit not in (0, unit):
            raise RecordedError(str(self.file), f"time {text}: lines before have another kind of clock", number)
        self.heard.unit = unit
        return int(whole) * SECONDS + int(part[:9].ljust(9, "0")) if dot else int(whole)

    def _other_kind(self, number: int, name: str, rest: str) -> Kind:
        if self.marker is not None and rest.strip() == self.marker:
            self.heard.marker_line = number
            return Kind.MARKER
        if name == "workqueue_execute_start" and "vmstat_update" in rest:
            return Kind.VMSTAT
        return Kind.OTHER

    def _other(self, number: int, line: str) -> None:
        """Take note of a line that is no event. Raises RecordedError if nothing prints such lines."""
        if line.startswith("#"):
            found = WRITTEN.search(line)
            if found:
                self.heard.overwritten = int(found[2]) - int(found[1])
            return
        for pattern in LOST:
            found = pattern.search(line)
            if found:
                self.heard.lost[int(found["cpu"] or -1)] += int(found["events"])
                self.heard.lost_at = self.heard.lost_at or number
                return
        if not line.strip() or TRACE_CMD_HEAD.match(line) or STACK.match(line):
            return
        raise self._wrong(number, line)

    def _wrong(self, number: int, line: str) -> RecordedError:
        text = line.rstrip("\n")
        shown = text if len(text) <= 120 else text[:117] + "..."
        cut = "the line is cut short" if BEGUN.search(line) or line[-1] != "\n" else "this is no line of a trace"
        right = "TASK-PID [CPU] FLAGS TIME: EVENT: FIELDS, such as mm_page_free: pfn=0x1c5 order=0"
        return RecordedError(str(self.file), f"{cut}: {shown!r}; a line is {right}", number)
